//! The models that the visitor may use.

use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;

use super::super::Console;
use super::walk::{Answer, Walk};
use crate::CurrentUser;

/// How long the page waits for what it could be without.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// The most that are offered.
const MAX_MODELS: usize = 200;

#[derive(Deserialize)]
struct List {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
}

/// The models, the one that answers by default first; and the answer that said so, for the browser.
pub(super) async fn usable(console: &Console, user: &CurrentUser, walk: &Walk) -> (Vec<String>, Option<Answer>) {
    let answer = match &console.openai {
        None => None,
        Some(routes) => {
            let asked = walk.ask(routes, Method::GET, "/v1/models", None);
            tokio::time::timeout(PATIENCE, asked).await.ok()
        }
    };
    let mut models = answer
        .as_ref()
        .and_then(listed)
        .unwrap_or_else(|| console.known_models());
    // An alias is for whom the model is that it stands for.
    models.retain(|model| user.may_use_model(&console.auth.exact_model(model)));
    // The default first, so that it is never among those left out.
    models.sort_by_key(|model| Some(model.as_str()) != console.default_model.as_deref());
    models.truncate(MAX_MODELS);
    (models, answer)
}

fn listed(answer: &Answer) -> Option<Vec<String>> {
    if answer.status != StatusCode::OK {
        return None;
    }
    let list: List = serde_json::from_slice(answer.body.as_ref()?).ok()?;
    Some(list.data.into_iter().map(|entry| entry.id).collect())
}
