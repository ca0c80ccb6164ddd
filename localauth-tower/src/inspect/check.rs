//! What must hold of every body, whoever made it: for fuzzing, and for a test over the corpus.

use bytes::Bytes;
use http::Uri;
use serde_json::{Map, Value};

use super::judge::Judge;
use super::kind::Kind;

/// Panics unless `body` is refused, or reads as it was judged, before edits and after.
pub(crate) fn check(body: &[u8]) {
    let judge = Judge {
        max_body: usize::MAX,
        default_model: Some("demo".into()),
        models: super::judge::Models::default(),
    };
    let uri = Uri::from_static("/v1/chat/completions");
    for kind in [Kind::Form, Kind::Multipart("B".into())] {
        drop(judge.judge(&kind, &uri, None, &Bytes::copy_from_slice(body)));
    }
    let judged = |body: &Bytes| judge.judge(&Kind::Json, &uri, None, body);
    let body = Bytes::copy_from_slice(body);
    let Ok(asked) = judged(&body) else { return };
    let model = match serde_json::from_slice::<Map<String, Value>>(&body) {
        Ok(tree) => match tree.get("model").unwrap_or(&Value::Null) {
            Value::String(name) if name != "default" => Some(name.clone()),
            Value::String(_) | Value::Null => Some("demo".to_owned()),
            _ => None,
        },
        Err(_) => None,
    };
    assert_eq!(asked.model(), model.as_deref(), "a tree says the same");
    assert!(asked.limit_completion_tokens(7).is_ok() && asked.include_usage().is_ok());
    let length = asked.len_of(&body);
    let sent = asked.send(body);
    assert_eq!(length, sent.len(), "it is as long as was said");
    let Ok(again) = judged(&sent) else {
        panic!("what is sent can be judged again");
    };
    assert_eq!(again.model(), asked.model());
    assert_eq!((again.is_stream(), again.n()), (asked.is_stream(), asked.n()));
    assert!(again.max_tokens().is_some_and(|tokens| tokens <= 7));
    assert_eq!(again.includes_usage(), asked.includes_usage() || asked.is_stream());
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
