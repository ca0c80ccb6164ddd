//! Which requests wait for their turn.

use http::{Method, Request};

use crate::CurrentUser;

/// Who asks a model for work, if the request does and somebody known sends it: the same that are metered.
///
/// Where a [`RoutePolicy`](crate::RoutePolicy) decided, its table says which those are.
pub(super) fn asks_for_work<B>(request: &Request<B>) -> Option<&CurrentUser> {
    let asks = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::DELETE
    );
    let user = request.extensions().get::<CurrentUser>().filter(|_| asks)?;
    user.rule().is_none_or(|rule| rule.is_model_route()).then_some(user)
}
