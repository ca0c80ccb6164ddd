mod dialects;
mod edits;
mod fuzz;
mod hostile;
mod layer;
mod limits;
mod names;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::Uri;
use localauth_core::policy::{Access, Asks, Rule};
use localauth_core::{Denial, ResolveModel};

use super::inspected::Inspected;
use super::judge::Judge;
use super::kind::Kind;
use super::resolve::Names;
use super::route::Told;

/// What a body of JSON to `path` is judged to ask for.
fn judge(path: &str, body: impl Into<Bytes>) -> Result<Inspected, Denial> {
    judge_kind(&Kind::Json, path, body)
}

fn judge_kind(kind: &Kind, path: &str, body: impl Into<Bytes>) -> Result<Inspected, Denial> {
    JUDGE.judge(
        kind.clone(),
        &path.parse::<Uri>().unwrap(),
        Told::default(),
        &body.into(),
    )
}

/// Knows one model by several names, without regard to case.
struct Aliases;

impl ResolveModel for Aliases {
    fn resolve(&self, name: &str) -> Option<Arc<str>> {
        let known = ["llama:latest", "llama", "demo"];
        known
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
            .then(|| "llama:latest".into())
    }
}

/// What a body to a route is judged to ask for, where models have aliases.
fn resolve(kind: &Kind, path: &str, asks: Asks, body: impl Into<Bytes>) -> Result<Inspected, Denial> {
    let judge = Judge {
        max_body: 1_000_000,
        default_model: Some("demo".into()),
        names: Some(Names::new(Arc::new(Aliases))),
    };
    judge_by(&judge, kind, path, asks, body)
}

/// What a body of JSON to a route of the table is judged to ask for.
fn judge_asks(path: &str, asks: Asks, body: impl Into<Bytes>) -> Result<Inspected, Denial> {
    judge_by(&JUDGE, &Kind::Json, path, asks, body)
}

fn judge_by(judge: &Judge, kind: &Kind, path: &str, asks: Asks, body: impl Into<Bytes>) -> Result<Inspected, Denial> {
    let uri: Uri = path.parse().unwrap();
    let pattern = uri.path().replace("/m%2F1", "/{model}").replace("/LLAMA", "/{model}");
    let rule = Rule::new(http::Method::POST, pattern, Access::SignedIn).asking(asks);
    judge.judge(kind.clone(), &uri, Told::by(Some(&rule)), &body.into())
}

static JUDGE: LazyLock<Judge> = LazyLock::new(|| Judge {
    max_body: 1_000_000,
    default_model: Some("demo".into()),
    names: None,
});

const CHAT: &str = "/v1/chat/completions";
