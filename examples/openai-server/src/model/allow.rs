//! Which models the caller may use: the list that an administrator set for the user, and the scope of the key.
//!
//! Without [`CurrentUser`] auth is off, and nothing is held back.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use localauth_core::{Denial, Identity};
use localauth_tower::{ContractErrors, CurrentUser, Reject};
use serde_json::{Value, json};
use tracing::debug;

use super::{
    asked::{Ambiguous, Asked, resolve},
    errors::ambiguous_request,
};
use crate::settings::ErrorCode;

/// The longest list of models that is read.
const LONGEST: usize = 4 * 1024 * 1024;

/// Judges who may use which model.
#[derive(Clone, Debug)]
pub struct Models {
    /// The model that answers who names none.
    default: Arc<str>,
    style: ErrorCode,
    refusals: ContractErrors,
}

impl Models {
    /// With `default` as the model that answers who names none, and refusals in this style, without a body if `opaque`.
    pub fn new(default: &str, style: ErrorCode, opaque: bool) -> Self {
        let code = match style {
            ErrorCode::String => localauth_tower::ErrorCode::Word,
            ErrorCode::Number => localauth_tower::ErrorCode::Number,
        };
        Self {
            default: default.into(),
            style,
            refusals: ContractErrors::default().with_code(code).opaque(opaque),
        }
    }

    /// Whether `user` may have this answered; if not, what to say.
    pub(super) fn judge(&self, asked: &Asked, user: Option<&CurrentUser>, uri: &Uri) -> Result<(), Box<Response>> {
        let identity = user.map(CurrentUser::identity);
        match asked.model(uri, &self.default) {
            Err(Ambiguous(text)) => Err(ambiguous_request(text, self.style)),
            Ok(Some(model)) if identity.is_some_and(|user| !user.may_use_model(model)) => Err(self.refuse(uri)),
            // What is no name is for mistral.rs to refuse: no model answers to it.
            Ok(_) => Ok(()),
        }
        .map_err(Box::new)
    }

    fn refuse(&self, uri: &Uri) -> Response {
        let denial = Denial::ModelNotAllowed;
        debug!(code = denial.code(), path = uri.path(), "refused");
        let mut response = self.refusals.reject(denial, uri).map(Body::from);
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.extensions_mut().insert(denial);
        response
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
            id.is_some_and(|id| user.may_use_model(resolve(id, &self.default)))
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
