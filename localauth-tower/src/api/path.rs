//! Ids in paths.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use super::error::ApiError;

/// The id in the path. What is no id is the id of nothing: it leads to `None` and from there to a 404.
pub(crate) struct PathId<T>(pub(crate) Option<T>);

impl<T: FromStr> PathId<T> {
    /// The id, or a 404 with this text.
    pub(crate) fn or_missing(self, text: &'static str) -> Result<T, ApiError> {
        self.0.ok_or_else(|| ApiError::missing(text))
    }
}

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(text.ok().and_then(|Path(text)| text.parse().ok())))
    }
}
