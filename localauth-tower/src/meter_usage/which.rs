//! Which requests are metered.

use http::{Method, Request};

use crate::CurrentUser;

/// Whether a request is one that asks a model for work, by somebody known.
///
/// Where a [`RoutePolicy`](crate::RoutePolicy) decided, its table says which those are.
pub(crate) fn is_metered<B>(request: &Request<B>) -> bool {
    let asks = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::DELETE
    );
    let user = request.extensions().get::<CurrentUser>();
    asks && user.is_some_and(|user| user.rule().is_none_or(|rule| rule.is_model_route()))
}
