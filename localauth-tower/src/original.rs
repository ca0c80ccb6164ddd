//! The request that another proxy asks about, in place of the one it asks with.

use http::{Method, Request, Uri};

/// The request that a trusted proxy asks about by forward auth: what is judged in place of its question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Original {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
}

/// The method and path that a credential has to be good for.
pub(crate) fn asked_route<B>(request: &Request<B>) -> (&Method, &str) {
    if let Some(original) = request.extensions().get::<Original>() {
        return (&original.method, original.uri.path());
    }
    (request.method(), asked_path(request))
}

/// The path that was asked for; a nested router hands on only what is left of it.
fn asked_path<B>(request: &Request<B>) -> &str {
    #[cfg(feature = "axum")]
    if let Some(original) = request.extensions().get::<axum::extract::OriginalUri>() {
        return original.0.path();
    }
    request.uri().path()
}
