//! Errors in LocalAI's flat form.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use localauth_core::{
    CreateKeyError, Denial, EntropyError, PasswordError, PasswordRejection, RegisterError, SignInError, StoreError,
};
use serde_json::json;

/// A refusal or failure of the API.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The request is wrong: status and text.
    Said(StatusCode, String),
    /// A password is not accepted.
    Password(PasswordRejection),
    /// A layer's reason, found by a handler.
    Denied(Denial),
    /// Too many attempts; try again after so many seconds.
    Limited(u64),
    /// The store could not answer.
    Store(StoreError),
    /// Something that should not happen.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl ApiError {
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self::Said(StatusCode::BAD_REQUEST, text.into())
    }

    pub(crate) fn missing(text: impl Into<String>) -> Self {
        Self::Said(StatusCode::NOT_FOUND, text.into())
    }

    pub(crate) fn forbidden(text: impl Into<String>) -> Self {
        Self::Said(StatusCode::FORBIDDEN, text.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Said(status, text) => (status, Json(json!({ "error": text }))).into_response(),
            Self::Password(reason) => {
                let body = json!({
                    "error": reason.to_string(),
                    "error_code": reason.code(),
                    "overridable": reason.overridable(),
                });
                (StatusCode::BAD_REQUEST, Json(body)).into_response()
            }
            Self::Denied(denial) => (denial.status(), Json(json!({ "error": denial.to_string() }))).into_response(),
            Self::Limited(seconds) => {
                let body = json!({ "error": "too many attempts: wait a little, then try again" });
                let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
            Self::Store(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(cause, "{error}");
                let body = json!({ "error": Denial::StoreUnavailable.to_string() });
                let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                response
            }
            Self::Internal(error) => {
                tracing::error!(%error, "internal error");
                let body = json!({ "error": "something went wrong on the server: see its log" });
                (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<EntropyError> for ApiError {
    fn from(error: EntropyError) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Password(reason) => Self::Password(reason),
            RegisterError::LocalAuthDisabled => Self::forbidden(error.to_string()),
            RegisterError::Store(error) => Self::Store(error),
            RegisterError::Hash(error) => error.into(),
            RegisterError::Entropy(error) => error.into(),
            other => Self::bad(other.to_string()),
        }
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::WrongCredentials => Self::Said(StatusCode::UNAUTHORIZED, error.to_string()),
            SignInError::Store(error) => Self::Store(error),
            SignInError::Hash(error) => error.into(),
            SignInError::Entropy(error) => error.into(),
            other => Self::forbidden(other.to_string()),
        }
    }
}

impl From<CreateKeyError> for ApiError {
    fn from(error: CreateKeyError) -> Self {
        match error {
            CreateKeyError::Store(error) => Self::Store(error),
            CreateKeyError::Entropy(error) => error.into(),
            other => Self::bad(other.to_string()),
        }
    }
}
