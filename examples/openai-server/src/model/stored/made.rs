//! An answer that is not streamed, and whose it is.

use axum::{
    Json,
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde_json::json;
use tracing::error;

use super::{Asking, MOST_ANSWER, Stored};

/// An answer that is not streamed, or an error.
#[derive(Deserialize)]
struct Made {
    id: Option<Box<str>>,
    /// In an error: what the model made before it failed, which is stored too.
    partial_response: Option<Partial>,
}

#[derive(Deserialize)]
struct Partial {
    id: Option<Box<str>>,
}

/// Notes whose an answer is that is not streamed.
pub(super) async fn take_note(by: &Stored, asking: &Asking, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(read) = Limited::new(body, MOST_ANSWER).collect().await else {
        let text = json!({ "message": "the answer cannot be read, or is larger than an answer is" });
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(text)).into_response();
    };
    let bytes = read.to_bytes();
    let made = serde_json::from_slice::<Made>(&bytes).ok();
    let delete = match made {
        Some(Made { id: Some(id), .. }) if parts.status.is_success() => by.note(&id, asking, bytes.len(), None),
        // Its client will not learn the id.
        Some(Made {
            partial_response: Some(Partial { id: Some(id) }),
            ..
        }) => vec![(id.into(), asking.made_by)],
        _ => {
            if parts.status.is_success() {
                error!("a response without an id: it may be stored, and nobody will delete it");
            }
            Vec::new()
        }
    };
    by.delete(delete).await;
    Response::from_parts(parts, Body::from(bytes))
}
