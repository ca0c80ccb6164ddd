//! Requests that another site makes in a browser's name.

use std::convert::Infallible;
use std::future::ready;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use localauth_core::Denial;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::csrf::CsrfLayer;

use crate::reject::{ContractErrors, refuse};

/// Where a browser gets its session: refused to other sites even without a cookie, or they could sign somebody in as
/// somebody else.
const SIGN_IN: &[&str] = &["/api/auth/login", "/api/auth/register"];

/// Refuses what changes something, comes from another site by `Sec-Fetch-Site` or `Origin` (`tower-http`'s
/// [`CsrfLayer`]), and is vouched for by a cookie only. A credential in a header, which no browser adds by itself, stands
/// for itself: beside it, a foreign request's cookies do not count.
///
/// For `axum::middleware::from_fn_with_state`, outside of [`RequireAuth`](crate::RequireAuth); the state says how a refusal
/// looks. The API has it already; put it around your own routes when they take the session cookie.
pub async fn refuse_cross_site(State(errors): State<ContractErrors>, mut request: Request, next: Next) -> Response {
    let sign_in = SIGN_IN.contains(&request.uri().path());
    let by_cookie = cookies(request.headers()).any(|(name, _)| is_ours(name));
    if !(sign_in || by_cookie) || !is_foreign(head(&request)).await {
        return next.run(request).await;
    }
    let headers = request.headers();
    let by_header = [header::AUTHORIZATION.as_str(), "x-api-key", "xi-api-key"]
        .iter()
        .any(|n| headers.contains_key(*n));
    if sign_in || !by_header {
        return refuse::<_, Body>(&errors, Denial::CrossSite, request.uri()).map(Body::new);
    }
    forget_cookies(request.headers_mut());
    next.run(request).await
}

/// What the library looks at.
fn head(request: &Request) -> http::Request<()> {
    let mut head = http::Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    for name in [
        header::HOST,
        header::ORIGIN,
        header::HeaderName::from_static("sec-fetch-site"),
    ] {
        if let Some(value) = request.headers().get(&name) {
            head.headers_mut().insert(name, value.clone());
        }
    }
    head
}

/// The library's verdict.
async fn is_foreign(head: http::Request<()>) -> bool {
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
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&b| b == b';'));
    pairs.map(|pair| {
        let pair = pair.trim_ascii();
        (pair.split(|&b| b == b'=').next().unwrap_or_default(), pair)
    })
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
