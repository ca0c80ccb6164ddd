//! Why a request has no answer of an upstream, and what is said about it.

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, Uri, header};
use localauth_core::Denial;
use localauth_tower::{ContractErrors, Reject as _};
use serde_json::json;

use crate::settings::ErrorCode;

/// After so many seconds an upstream that is away may be back, or less may be under way.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// How errors are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    pub(super) style: ErrorCode,
    /// Without a body: who scans the server learns nothing but the status.
    pub(super) opaque: bool,
}

/// Why a request has no answer of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum Failure {
    #[error("The model server cannot be reached. Try again shortly; if it stays so, tell an administrator.")]
    Unreachable,
    #[error("The model server cannot be reached in time. Try again shortly; if it stays so, tell an administrator.")]
    NotConnectedInTime,
    #[error("Too many requests are under way. Try again shortly.")]
    Full,
    #[error("The model server broke off before it answered. Try again; if it happens again, tell an administrator.")]
    Broken,
    #[error("The model server did not begin to answer in time. Ask for less, or try again when it has less to do.")]
    TooSlow,
    #[error("The model server does not accept this server's own key. Tell an administrator.")]
    KeyRefused,
    #[error("The model server answered with what cannot be passed on. Tell an administrator.")]
    Odd,
    #[error("The model `{0}` does not exist. `GET /v1/models` lists those that do.")]
    UnknownModel(String),
    #[error("Name the `model`. `GET /v1/models` lists those there are.")]
    NoModel,
    #[error("Unknown request URL. Check the path and the method.")]
    UnknownRoute,
    #[error("The request can be read in two ways: {0}.")]
    Ambiguous(&'static str),
    #[error("{0}")]
    Invalid(&'static str),
    #[error("The request body is too large. Send a smaller one.")]
    BodyTooLarge,
    #[error("{0}")]
    Denied(Denial),
}

/// The longest name of a model that is repeated.
const NAME: usize = 100;

impl Failure {
    pub(super) fn unknown_model(name: &str) -> Self {
        Self::UnknownModel(name.chars().filter(|c| !c.is_control()).take(NAME).collect())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unreachable | Self::Broken | Self::KeyRefused | Self::Odd => StatusCode::BAD_GATEWAY,
            Self::NotConnectedInTime | Self::TooSlow => StatusCode::GATEWAY_TIMEOUT,
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::UnknownModel(_) | Self::UnknownRoute => StatusCode::NOT_FOUND,
            Self::NoModel | Self::Ambiguous(_) | Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Denied(denial) => denial.status(),
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unreachable
            | Self::NotConnectedInTime
            | Self::Broken
            | Self::TooSlow
            | Self::KeyRefused
            | Self::Odd => "upstream_unavailable",
            Self::Full => "overloaded",
            Self::UnknownModel(_) => "model_not_found",
            Self::NoModel => "model_required",
            Self::UnknownRoute => "unknown_route",
            Self::Ambiguous(_) => "ambiguous_request",
            Self::Invalid(_) => "invalid_request",
            Self::BodyTooLarge => "body_too_large",
            Self::Denied(denial) => denial.code(),
        }
    }

    /// The answer to a request to `uri`.
    pub(super) fn answer(self, voice: Voice, uri: &Uri) -> Response {
        if let Self::Denied(denial) = self {
            let code = match voice.style {
                ErrorCode::String => localauth_tower::ErrorCode::Word,
                ErrorCode::Number => localauth_tower::ErrorCode::Number,
            };
            let mut response = ContractErrors::default()
                .with_code(code)
                .opaque(voice.opaque)
                .reject(denial, uri)
                .map(Body::from);
            response.extensions_mut().insert(denial);
            return response;
        }
        let status = self.status();
        let mut response = error(voice, status, self.code(), &self.to_string(), None);
        if matches!(self, Self::Unreachable | Self::NotConnectedInTime | Self::Full) {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

/// An error in OpenAI's shape.
pub(super) fn error(voice: Voice, status: StatusCode, code: &str, message: &str, param: Option<&str>) -> Response {
    if voice.opaque {
        return status.into_response();
    }
    let kind = match status {
        _ if status.is_server_error() => "server_error",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        StatusCode::FORBIDDEN => "authorization_error",
        _ => "invalid_request_error",
    };
    let code = match voice.style {
        ErrorCode::String => json!(code),
        ErrorCode::Number => json!(status.as_u16()),
    };
    let body = json!({ "error": { "message": message, "type": kind, "param": param, "code": code } });
    (status, Json(body)).into_response()
}
