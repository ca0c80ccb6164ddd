//! Who the request comes from, as layers and handlers see it.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use http::{Method, Request};
use localauth_core::policy::{Asks, ModelIn, Rule};
use localauth_core::{Denial, Identity, UserId};

/// Who the request comes from. [`RequireAuth`](crate::RequireAuth) puts it into the request's extensions.
///
/// Dereferences to [`Identity`]. With the feature `axum` it is an extractor, and so is `Option<CurrentUser>`.
#[derive(Debug, Clone)]
pub struct CurrentUser {
    identity: Arc<Identity>,
    rule: Option<Arc<Rule>>,
    address: Option<IpAddr>,
}

impl CurrentUser {
    pub(crate) const fn new(identity: Arc<Identity>, address: Option<IpAddr>) -> Self {
        Self {
            identity,
            rule: None,
            address,
        }
    }

    /// The user's id.
    pub fn id(&self) -> UserId {
        self.identity.user_id()
    }

    /// The identity, to keep.
    pub const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Where the request comes from, when the server said. See [`PeerAddress`](crate::PeerAddress).
    pub const fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The rule of the route table that let the request through, when a [`RoutePolicy`](crate::RoutePolicy) decided.
    pub const fn rule(&self) -> Option<&Arc<Rule>> {
        self.rule.as_ref()
    }

    pub(crate) fn set_rule(&mut self, rule: Arc<Rule>) {
        self.rule = Some(rule);
    }
}

impl Deref for CurrentUser {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

/// Nobody, and why: put into the extensions by a [`RequireAuth`](crate::RequireAuth) that lets anonymous requests on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anonymous(pub(crate) Denial);

/// Who the extensions say the request comes from, or what to answer to nobody.
pub(crate) fn whoever(extensions: &http::Extensions) -> Result<&CurrentUser, Denial> {
    extensions.get::<CurrentUser>().ok_or_else(|| {
        extensions
            .get::<Anonymous>()
            .map_or(Denial::MissingCredentials, |anonymous| anonymous.0)
    })
}

/// Noted by a [`RoutePolicy`](crate::RoutePolicy) that let nobody through, because the route is for everybody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublicRoute;

/// What a request asks for by the rule of its route, if a [`RoutePolicy`](crate::RoutePolicy) decided.
pub(crate) fn asks_by_rule(extensions: &http::Extensions) -> Option<Asks> {
    let rule = extensions.get::<CurrentUser>().and_then(CurrentUser::rule)?;
    Some(rule.asks())
}

/// Whether a request may say in its body what it asks for: one of another method has none, or none that counts.
pub(crate) fn may_have_body(method: &Method) -> bool {
    !matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE | Method::DELETE
    )
}

/// Whether a request is about a model, which has to be one that its user may use. Where a
/// [`RoutePolicy`](crate::RoutePolicy) decided, its table says which those are; where none did, each that may carry a body.
pub(crate) fn names_a_model<B>(request: &Request<B>) -> bool {
    let extensions = request.extensions();
    match asks_by_rule(extensions) {
        Some(asks) => is_told_by(request.method(), asks),
        None => may_have_body(request.method()) && extensions.get::<PublicRoute>().is_none(),
    }
}

/// Whether such a request can name the model where its route has it.
fn is_told_by(method: &Method, asks: Asks) -> bool {
    match asks.model() {
        ModelIn::Nothing => false,
        place => place.is_address() || may_have_body(method),
    }
}

/// Whether a request about a model asks it for work.
fn asks_a_model<B>(request: &Request<B>) -> bool {
    names_a_model(request) && asks_by_rule(request.extensions()).is_none_or(Asks::is_work)
}

/// Who asks a model for work, if the request does and somebody known sends it: whose request waits for its turn, is held
/// against limits, and is metered. One decision for all of them, so that none lets pass what another one counts.
pub(crate) fn who_asks_a_model<B>(request: &Request<B>) -> Option<&CurrentUser> {
    request
        .extensions()
        .get::<CurrentUser>()
        .filter(|_| asks_a_model(request))
}
