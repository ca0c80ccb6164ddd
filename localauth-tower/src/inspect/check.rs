//! What must hold of every body, whoever made it: for fuzzing, and for a test over the corpus.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Uri};
use localauth_core::ResolveModel;
use localauth_core::policy::{Access, Asks, Dialect, ModelIn, Rule};
use serde_json::{Map, Value};

use super::inspected::Inspected;
use super::judge::Judge;
use super::kind::Kind;
use super::resolve::Names;
use super::route::Told;

/// Takes any name for one of a model, as Ollama would: without regard to case, and with a tag.
struct Tagged;

impl ResolveModel for Tagged {
    fn resolve(&self, name: &str) -> Option<Arc<str>> {
        let name = name.to_lowercase();
        let tagged = if name.contains(':') { name } else { name + ":latest" };
        Some(tagged.into())
    }
}

fn judge(resolves: bool) -> Judge {
    let models: Arc<dyn ResolveModel> = Arc::new(Tagged);
    Judge {
        max_body: usize::MAX,
        default_model: Some("demo".into()),
        names: resolves.then(|| Names::new(models)),
    }
}

/// The routes that read a body each in their own way.
fn routes() -> Vec<(&'static str, Option<Asks>)> {
    let work = Asks::work(ModelIn::Body);
    vec![
        ("/v1/chat/completions", None),
        ("/v1/completions", None),
        ("/v1/responses", Some(work.in_words_of(Dialect::OpenAi))),
        (
            "/api/chat",
            Some(work.in_words_of(Dialect::Ollama).where_zero_is_unlimited()),
        ),
        ("/completion", Some(work.in_words_of(Dialect::LlamaCpp))),
        ("/api/show", Some(Asks::about(ModelIn::BodyOrName))),
    ]
}

/// Panics unless `body` is refused, or reads as it was judged, before edits and after.
pub(crate) fn check(body: &[u8]) {
    let body = Bytes::copy_from_slice(body);
    for (path, asks) in routes() {
        let uri = Uri::from_static(path);
        let rule = asks.map(|asks| Rule::new(Method::POST, path, Access::SignedIn).asking(asks));
        for resolves in [false, true] {
            let judge = judge(resolves);
            let judged = |kind: &Kind, body: &Bytes| judge.judge(kind.clone(), &uri, Told::by(rule.as_ref()), body);
            for kind in [Kind::Form, Kind::Multipart("B".into())] {
                if let Ok(asked) = judged(&kind, &body) {
                    check_sent(&asked, body.clone(), |sent| judged(&kind, sent).ok());
                }
            }
            if let Ok(asked) = judged(&Kind::Json, &body) {
                check_tree(&asked, &body, path, resolves);
                assert!(asked.limit_completion_tokens(7).is_ok() && asked.include_usage().is_ok());
                let sent = check_sent(&asked, body.clone(), |sent| judged(&Kind::Json, sent).ok());
                check_edits(&asked, &judged(&Kind::Json, &sent).unwrap());
                if resolves {
                    let tree: Map<String, Value> = serde_json::from_slice(&sent).unwrap();
                    let named = tree.get("model").or_else(|| tree.get("name"));
                    assert_eq!(
                        named.and_then(Value::as_str),
                        asked.model(),
                        "what is sent names the model"
                    );
                }
            }
        }
    }
}

/// What is sent is as long as was said, and asks for the same model.
fn check_sent(asked: &Inspected, body: Bytes, judged: impl Fn(&Bytes) -> Option<Inspected>) -> Bytes {
    let length = asked.len_of(&body);
    let sent = asked.send(body);
    assert_eq!(length, sent.len(), "it is as long as was said");
    let Some(again) = judged(&sent) else {
        panic!("what is sent can be judged again");
    };
    assert_eq!(again.model(), asked.model());
    assert_eq!((again.is_stream(), again.n()), (asked.is_stream(), asked.n()));
    sent
}

/// A tree of the whole body names the same model.
fn check_tree(asked: &Inspected, body: &Bytes, path: &str, resolves: bool) {
    let exact = |name: &str| match Tagged.resolve(name) {
        Some(exact) if resolves => exact.to_string(),
        _ if name == "default" => "demo".to_owned(),
        _ => name.to_owned(),
    };
    let model = match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(tree) => {
            let told = |field: &str| tree.get(field).filter(|value| !value.is_null());
            let older = || told("name").filter(|_| path == "/api/show");
            match told("model").or_else(older) {
                Some(Value::String(name)) => Some(exact(name)),
                None => Some(exact("demo")),
                Some(_) => None,
            }
        }
        Err(_) => None,
    };
    assert_eq!(asked.model(), model.as_deref(), "a tree says the same");
}

fn check_edits(asked: &Inspected, again: &Inspected) {
    if asked.writes_tokens() {
        assert!(again.max_tokens().is_some_and(|tokens| tokens <= 7));
    }
    let is_told = asked.includes_usage() || asked.tells_usage_when_asked();
    assert_eq!(again.includes_usage(), is_told);
}

#[cfg(test)]
#[test]
fn the_corpus_holds() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/inspect");
    let mut checked = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        checked += 1;
    }
    assert!(checked > 30, "{checked}");
}
