//! Requests that another site makes in a browser's name.

use std::convert::Infallible;
use std::future::ready;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use localauth_core::Denial;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::csrf::CsrfLayer;

use crate::Site;
use crate::client::is_origin_of;
use crate::original::Original;
use crate::reject::{ContractErrors, refuse};

/// Where a browser gets its session: refused to other sites even without a cookie, or they could sign somebody in as
/// somebody else.
const SIGN_IN: &[&str] = &["/api/auth/login", "/api/auth/register", "/api/auth/token-login"];

/// How [`refuse_cross_site`] decides and answers.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct CrossSite {
    site: Site,
    errors: ContractErrors,
    without_cookies_too: bool,
}

impl CrossSite {
    /// This server is what the request's `Host` says, and errors are the contract's.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the server looks from outside: what is foreign is told by that.
    pub fn site(mut self, site: Site) -> Self {
        self.site = site;
        self
    }

    /// How a refusal looks.
    pub fn errors(mut self, errors: ContractErrors) -> Self {
        self.errors = errors;
        self
    }

    /// Whatever changes something is refused to other sites, also when no cookie of ours comes with it: for forms, with
    /// which another site could sign somebody in as somebody else.
    pub fn without_cookies_too(mut self) -> Self {
        self.without_cookies_too = true;
        self
    }
}

/// Refuses what changes something or opens a channel (WebSocket), comes from another site by `Sec-Fetch-Site` or `Origin`, and is vouched for by a cookie
/// only. Another site is another scheme, host or port, `null`, and what the browser calls `same-site`. A credential in a
/// header, which no browser adds by itself, stands for itself: beside it, a foreign request's cookies do not count.
///
/// The verdict is that of `tower-http`'s [`CsrfLayer`], and stricter where `Origin` names another scheme than ours.
///
/// For `axum::middleware::from_fn_with_state`, outside of [`RequireAuth`](crate::RequireAuth). The API has it already; put
/// it around your own routes when they take the session cookie.
pub async fn refuse_cross_site(State(state): State<CrossSite>, mut request: Request, next: Next) -> Response {
    let sign_in = state.without_cookies_too || SIGN_IN.contains(&request.uri().path());
    let by_cookie = cookies(request.headers()).any(|(name, _)| is_ours(name));
    if only_looks(&request) || !(sign_in || by_cookie) {
        return next.run(request).await;
    }
    let is_foreign = is_other_origin(&state.site, &request);
    let head = head(&request);
    if !is_foreign && !is_foreign_to_library(head).await {
        return next.run(request).await;
    }
    let headers = request.headers();
    let by_header = [header::AUTHORIZATION.as_str(), "x-api-key", "xi-api-key"]
        .iter()
        .any(|n| headers.contains_key(*n));
    if sign_in || !by_header {
        tracing::debug!(
            origin = ?headers.get(header::ORIGIN),
            own = state.site.url(request.extensions(), headers, request.uri()),
            "refused as cross-site; behind a proxy, set the base URL or trust the proxy"
        );
        return refuse::<_, Body>(&state.errors, Denial::CrossSite, request.uri()).map(Body::new);
    }
    forget_cookies(request.headers_mut());
    next.run(request).await
}

/// Whether the request, or the one that a proxy asks about by it, is nothing to forge (RFC 9110, section 9.2.1). A
/// WebSocket is: it begins as a look, and no other origin is kept from it (RFC 6455, section 10.2).
fn only_looks(request: &Request) -> bool {
    let method = original(request).map_or(request.method(), |original| &original.method);
    let headers = request.headers();
    let opens_a_channel =
        headers.contains_key(header::UPGRADE) || headers.get("sec-fetch-mode").is_some_and(|mode| mode == "websocket");
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) && !opens_a_channel
}

fn is_other_origin(site: &Site, request: &Request) -> bool {
    let (extensions, headers, uri) = (request.extensions(), request.headers(), request.uri());
    let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
    if origins.peek().is_none() {
        return false;
    }
    let own = match original(request) {
        Some(_) => site.url_behind_proxy(extensions, headers, uri),
        None => site.url(extensions, headers, uri),
    };
    origins.any(|origin| !origin.to_str().is_ok_and(|origin| is_origin_of(origin, own.as_deref())))
}

/// The request that a proxy asks about by this one.
fn original(request: &Request) -> Option<&Original> {
    request.extensions().get::<Original>()
}

/// What the library looks at. `Origin` is compared by us, who know how the server looks from outside.
fn head(request: &Request) -> http::Request<()> {
    let mut head = http::Request::new(());
    // What only looks was let through before.
    *head.method_mut() = Method::POST;
    *head.uri_mut() = request.uri().clone();
    let name = header::HeaderName::from_static("sec-fetch-site");
    for value in request.headers().get_all(&name) {
        head.headers_mut().append(name.clone(), value.clone());
    }
    head
}

/// The library's verdict.
async fn is_foreign_to_library(head: http::Request<()>) -> bool {
    let passes = service_fn(|_: http::Request<()>| ready(Ok::<_, Infallible>(http::Response::new(()))));
    match CsrfLayer::new().layer(passes).oneshot(head).await {
        Ok(response) => response.status() == StatusCode::FORBIDDEN,
        Err(never) => match never {},
    }
}

fn is_ours(name: &[u8]) -> bool {
    matches!(name, b"session" | b"__Host-session" | b"token")
}

/// All cookies: name, and the whole pair.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&b| b == b';'));
    pairs.map(|pair| {
        let pair = pair.trim_ascii();
        (pair.split(|&b| b == b'=').next().unwrap_or_default(), pair)
    })
}

/// All cookies: name and value.
#[cfg(feature = "console")]
pub(crate) fn cookies_of(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    cookies(headers).map(|(name, pair)| (name, pair.get(name.len() + 1..).unwrap_or_default()))
}

fn forget_cookies(headers: &mut HeaderMap) {
    let kept: Vec<&[u8]> = cookies(headers)
        .filter(|(name, _)| !is_ours(name))
        .map(|(_, pair)| pair)
        .collect();
    let kept = HeaderValue::from_bytes(&kept.join(&b"; "[..]));
    headers.remove(header::COOKIE);
    if let Ok(kept) = kept
        && !kept.is_empty()
    {
        headers.insert(header::COOKIE, kept);
    }
}
