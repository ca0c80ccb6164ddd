//! Giving browsers new session tokens.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use localauth_core::Auth;

use super::cookies;
use super::cross_site::cookies as all_cookies;
use crate::{CurrentUser, Site};

/// What [`renew_session`] needs.
#[derive(Debug, Clone)]
#[must_use]
pub struct Renewal {
    auth: Auth,
    site: Site,
}

impl Renewal {
    /// Renews the sessions of `auth`.
    pub fn new(auth: &Auth) -> Self {
        Self {
            auth: auth.clone(),
            site: Site::new(),
        }
    }

    /// How the server looks from outside: whether cookies are for HTTPS only is told by that.
    pub fn site(mut self, site: Site) -> Self {
        self.site = site;
        self
    }
}

/// Gives a browser whose session cookie is older than an hour a new one; the old one is good for 60 seconds more, so that
/// requests sent at the same time do not sign it out. The session still ends 30 days after sign-in.
///
/// For `axum::middleware::from_fn_with_state`, **inside** of [`RequireAuth`](crate::RequireAuth). The API has it already;
/// put it around your own routes when they take the session cookie.
pub async fn renew_session(State(renewal): State<Renewal>, request: Request, next: Next) -> Response {
    let due = request
        .extensions()
        .get::<CurrentUser>()
        .filter(|user| user.renew_at().is_some_and(|due| renewal.auth.now().is_past(due)));
    // What forward auth answers goes to a proxy, which keeps the cookie to itself.
    let Some(user) = due.cloned().filter(|_| request.uri().path() != "/api/auth/verify") else {
        return next.run(request).await;
    };
    let tokens: Vec<zeroize::Zeroizing<Vec<u8>>> = all_cookies(request.headers())
        .filter(|(name, _)| matches!(*name, b"session" | b"__Host-session"))
        .map(|(name, pair)| zeroize::Zeroizing::new(pair[(name.len() + 1).min(pair.len())..].to_vec()))
        .collect();
    let https = renewal.site.is_https(request.extensions(), request.headers());
    let mut response = next.run(request).await;
    // Whoever was just signed in or out has another cookie already.
    if cookies::sets_session(&response) {
        return response;
    }
    for token in tokens {
        match renewal.auth.renew_session(user.identity(), &token).await {
            Ok(Some((token, lifetime))) => {
                cookies::renew(&mut response, token.expose(), lifetime, https);
                break;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a session could not be renewed; its token stays good"),
        }
    }
    response
}
