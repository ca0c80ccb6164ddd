//! What went wrong, as people are told it.

use axum::response::{IntoResponse, Response};
use fluent_bundle::FluentArgs;
use http::{HeaderValue, StatusCode, header};
use localauth_core::Denial;

use super::language::Language;
use crate::api::error::ApiError;

/// What went wrong: in the reader's language where there is a text for it.
#[derive(Debug)]
pub(crate) struct Trouble {
    status: StatusCode,
    text: Text,
    /// Seconds after which another try may do.
    retry_after: Option<u64>,
    /// A layer's reason.
    denial: Option<Denial>,
}

#[derive(Debug)]
enum Text {
    /// By the id of its text, with what is put into it.
    Id(&'static str, Vec<(&'static str, String)>),
    /// As the use case says it, in English.
    Said(String),
}

impl Trouble {
    /// Something is wrong with what was sent.
    pub(crate) const fn bad(id: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, id)
    }

    /// There is no such thing.
    pub(crate) const fn missing(id: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, id)
    }

    /// Nobody is signed in.
    pub(crate) const fn signed_out() -> Self {
        let mut trouble = Self::new(StatusCode::UNAUTHORIZED, "error-signed-out");
        trouble.denial = Some(Denial::MissingCredentials);
        trouble
    }

    pub(crate) const fn new(status: StatusCode, id: &'static str) -> Self {
        Self {
            status,
            text: Text::Id(id, Vec::new()),
            retry_after: None,
            denial: None,
        }
    }

    pub(crate) const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Puts `value` into the text.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Text::Id(_, args) = &mut self.text {
            args.push((name, value.into()));
        }
        self
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) const fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// Whether it has a text in each language.
    #[cfg(test)]
    pub(super) const fn is_translated(&self) -> bool {
        matches!(self.text, Text::Id(..))
    }

    pub(crate) const fn denial(&self) -> Option<Denial> {
        self.denial
    }

    /// What is told.
    pub(crate) fn text(&self, language: &Language) -> String {
        match &self.text {
            Text::Id(id, args) => {
                let mut all = FluentArgs::new();
                for (name, value) in args {
                    match value.parse::<u64>() {
                        // Their words depend on how many they are.
                        Ok(seconds) if *name == "seconds" => all.set(*name, seconds),
                        _ => all.set(*name, value.as_str()),
                    }
                }
                language.text(id, Some(&all))
            }
            Text::Said(text) => text.clone(),
        }
    }

    /// The failure of a use case: status and seconds as the API has them, the text by `id` where there is one.
    pub(super) fn from_api(error: ApiError, id: Option<&'static str>) -> Self {
        let (status, said, retry_after, denial) = match error {
            ApiError::Said(status, text) => (status, Text::Said(text), None, None),
            ApiError::Password(reason) => (StatusCode::BAD_REQUEST, Text::Said(reason.to_string()), None, None),
            ApiError::Denied(denial) => return Self::from(denial),
            ApiError::Limited(seconds) => {
                let args = vec![("seconds", seconds.to_string())];
                let text = Text::Id("error-limited", args);
                (StatusCode::TOO_MANY_REQUESTS, text, Some(seconds), None)
            }
            ApiError::Store(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(cause, "{error}");
                let text = Text::Id("error-store", Vec::new());
                let denial = Some(Denial::StoreUnavailable);
                (StatusCode::SERVICE_UNAVAILABLE, text, Some(1), denial)
            }
            ApiError::Internal(error) => {
                tracing::error!(%error, "internal error");
                let text = Text::Id("error-internal", Vec::new());
                (StatusCode::INTERNAL_SERVER_ERROR, text, None, None)
            }
        };
        let text = match (id, said) {
            (Some(id), Text::Said(_)) => Text::Id(id, Vec::new()),
            (_, said) => said,
        };
        Self {
            status,
            text,
            retry_after,
            denial,
        }
    }
}

impl From<Denial> for Trouble {
    fn from(denial: Denial) -> Self {
        Self {
            status: denial.status(),
            text: Text::Id(super::failures::denial(denial), Vec::new()),
            retry_after: matches!(denial, Denial::StoreUnavailable).then_some(1),
            denial: Some(denial),
        }
    }
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        Self::from_api(error, None)
    }
}

/// Turned into a page by [`pages`](super::refusal::pages), which knows the reader.
impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(std::sync::Arc::new(self));
        response
    }
}
