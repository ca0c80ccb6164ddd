mod edits;
mod fuzz;
mod hostile;
mod layer;
mod limits;

use bytes::Bytes;
use http::Uri;
use localauth_core::Denial;

use super::inspected::Inspected;
use super::judge::Judge;
use super::kind::Kind;

/// What a body of JSON to `path` is judged to ask for.
fn judge(path: &str, body: impl Into<Bytes>) -> Result<Inspected, Denial> {
    judge_kind(&Kind::Json, path, body)
}

fn judge_kind(kind: &Kind, path: &str, body: impl Into<Bytes>) -> Result<Inspected, Denial> {
    let judge = Judge {
        max_body: 1_000_000,
        default_model: Some("demo".into()),
        models: super::judge::Models::default(),
    };
    judge.judge(kind, &path.parse::<Uri>().unwrap(), None, &body.into())
}

const CHAT: &str = "/v1/chat/completions";
