//! JSON bodies, with errors in the API's form.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use http::{StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;

/// What a field says, where leaving it out is not the same as null.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Value")]
pub(crate) enum Said {
    /// It was left out. Needs `#[serde(default)]` at the field.
    #[default]
    Nothing,
    /// This, or null.
    Value(Value),
}

impl From<Value> for Said {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Said {
    pub(crate) fn value(self) -> Option<Value> {
        match self {
            Self::Nothing => None,
            Self::Value(value) => Some(value),
        }
    }
}

/// A JSON body. Fields that the type does not have are ignored.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match <axum::Json<T> as FromRequest<S>>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(match rejection.status() {
                StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                    let text = "send the body as JSON, with the header `Content-Type: application/json`";
                    ApiError::Said(StatusCode::UNSUPPORTED_MEDIA_TYPE, text.to_owned())
                }
                StatusCode::PAYLOAD_TOO_LARGE => ApiError::Said(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "the body is larger than 64 KiB".to_owned(),
                ),
                // The parser's text can hold what was sent, a password say: only its place is told.
                _ => match rejection {
                    JsonRejection::JsonDataError(_) => ApiError::bad("a field has the wrong type"),
                    _ => ApiError::bad("the body is not valid JSON"),
                },
            }),
        }
    }
}

/// For a body that may be left out: it is, where nothing says what it is.
impl<S: Send + Sync, T: DeserializeOwned> OptionalFromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, ApiError> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
        } else {
            Ok(None)
        }
    }
}
