//! The list of models: it shows the caller what the caller may use.
//!
//! Without [`CurrentUser`](localauth_tower::CurrentUser) auth is off, and nothing is held back. Whether a model may be
//! asked is the layers' to decide.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use localauth_core::Identity;
use serde_json::{Value, json};

/// The longest list of models that is read.
const LONGEST: usize = 4 * 1024 * 1024;

/// Who sees which model.
#[derive(Clone, Debug)]
pub struct Models {
    /// The model that answers who names none.
    default: Arc<str>,
}

impl Models {
    /// With `default` as the model that answers who names none.
    pub fn new(default: &str) -> Self {
        Self {
            default: default.into(),
        }
    }

    /// Leaves in a list of models what `user` may use. A list that cannot be read is not handed on.
    pub(super) async fn filter(&self, response: Response, user: &Identity) -> Response {
        if response.status() != StatusCode::OK {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        // Of the whole list, and an answer to HEAD has nothing else.
        parts.headers.remove(header::CONTENT_LENGTH);
        let Ok(read) = Limited::new(body, LONGEST).collect().await else {
            return unreadable();
        };
        let read = read.to_bytes();
        if read.is_empty() {
            return Response::from_parts(parts, Body::empty());
        }
        let Ok(mut list) = serde_json::from_slice::<Value>(&read) else {
            return unreadable();
        };
        let Some(models) = list.get_mut("data").and_then(Value::as_array_mut) else {
            return unreadable();
        };
        models.retain(|model| {
            let id = model.get("id").and_then(Value::as_str);
            id.is_some_and(|id| user.may_use_model(if id == "default" { &self.default } else { id }))
        });
        // One address, another answer for each caller.
        parts
            .headers
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Response::from_parts(parts, Body::from(list.to_string()))
    }
}

fn unreadable() -> Response {
    let body = json!({ "message": "the list of models cannot be read" });
    (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
}

#[cfg(test)]
mod tests;
