//! Forward auth: another proxy asks whether a request may pass.
//!
//! Everything is decided for the request that the proxy asks about, not for its question: who may ask from where
//! ([`refuse_cross_site`](super::refuse_cross_site)), what the key is for ([`RequireAuth`](crate::RequireAuth)), and which
//! rule of the route table holds.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use localauth_core::Denial;
use localauth_core::policy::Access;

use super::Api;
use super::error::ApiError;
use super::keys::key_of;
use super::refusals::Refusals;
use super::why::rule_for;
use crate::current_user::whoever;
use crate::method_override::{headers_name_other_method, query_names_method};
use crate::original::Original;
use crate::{CurrentUser, Site};

/// Where proxies ask.
pub(super) const PATH: &str = "/api/auth/verify";

/// For nginx `auth_request`, Traefik and Caddy `forward_auth`: 200 with who it is in `X-Auth-User` (the id),
/// `X-Auth-Email`, `X-Auth-Role` and `X-Auth-Key`, or 401 or 403. What is judged is the request in `X-Original-Method` and
/// `X-Original-URI` (or `X-Forwarded-Method` and `X-Forwarded-Uri`), when a trusted proxy sent them; without them, whether
/// somebody is signed in. The headers are there for everybody, and empty on a public route without a credential, so that
/// what a client sent under these names never stays.
#[utoipa::path(get, path = "/api/auth/verify", tag = "account", responses((status = 200), Refusals))]
pub(crate) async fn verify(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let user = match request.extensions().get::<Original>() {
        Some(original) => may_pass(&api, original, request.extensions())?,
        None => Some(whoever(request.extensions())?),
    };
    let mut response = StatusCode::OK.into_response();
    let mut tell = |name: &'static str, value: &str| {
        // A header holds no control characters, and no address of ours has any.
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap_or(HeaderValue::from_static(""));
        response.headers_mut().insert(HeaderName::from_static(name), value);
    };
    tell(
        "x-auth-user",
        &user.map(|user| user.public_user_id()).unwrap_or_default(),
    );
    tell("x-auth-email", user.map(|user| user.email()).unwrap_or_default());
    tell("x-auth-role", user.map(|user| user.role().as_str()).unwrap_or_default());
    tell("x-auth-key", &user.and_then(key_of).unwrap_or_default());
    Ok(response)
}

/// Who passes; nobody, when the route is for everybody. The key's own scope was asked before.
fn may_pass<'r>(
    api: &Api,
    original: &Original,
    extensions: &'r Extensions,
) -> Result<Option<&'r CurrentUser>, ApiError> {
    let path = original.uri.path();
    // What is behind the proxy may read such a path in another way than the table does.
    if !localauth_core::policy::is_plain_path(path) || original.uri.query().is_some_and(query_names_method) {
        return Err(unreadable());
    }
    let rule = rule_for(api, &original.method, path);
    let user = match (whoever(extensions), rule) {
        (Err(_), Some(rule)) if *rule.access() == Access::Public => return Ok(None),
        (user, _) => user?,
    };
    match rule {
        Some(rule) => rule.verify(Some(user.identity()))?,
        // The proxies know 401 and 403 only, and take anything else for a fault.
        None => return Err(ApiError::forbidden(Denial::UnknownRoute.to_string())),
    }
    Ok(Some(user))
}

/// Notes what a trusted proxy asks about, for all that decides further in.
pub(super) async fn note_original(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    if request.uri().path() == PATH && site.proxies().sent(request.extensions()) {
        match original(request.headers()) {
            Ok(Some(original)) => {
                request.extensions_mut().insert(original);
            }
            Ok(None) => {}
            Err(error) => return error.into_response(),
        }
    }
    next.run(request).await
}

/// The request that the proxy asks about: named twice or half, it is none.
fn original(headers: &HeaderMap) -> Result<Option<Original>, ApiError> {
    let one = |name: &str| -> Result<Option<&str>, ApiError> {
        let mut all = headers.get_all(name).iter();
        match (all.next(), all.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().map(Some).map_err(|_| unreadable()),
            (Some(_), Some(_)) => Err(unreadable()),
        }
    };
    let pairs = [
        ("x-original-method", "x-original-uri"),
        ("x-forwarded-method", "x-forwarded-uri"),
    ];
    let mut found: Option<Original> = None;
    for (method, uri) in pairs {
        let named = match (one(method)?, one(uri)?) {
            (None, None) => continue,
            (Some(method), Some(uri)) => Original {
                method: Method::from_bytes(method.as_bytes()).map_err(|_| unreadable())?,
                uri: whole(uri).ok_or_else(unreadable)?,
            },
            _ => return Err(unreadable()),
        };
        // A proxy that sets one pair passes the other on as a client wrote it: two requests are none.
        if found.as_ref().is_some_and(|other| *other != named) {
            return Err(unreadable());
        }
        found = Some(named);
    }
    // The proxy hands on what the client sent along.
    let is_other = |original: &Original| headers_name_other_method(headers, &original.method);
    if found.as_ref().is_some_and(is_other) {
        return Err(unreadable());
    }
    Ok(found)
}

/// An address that is read to its end: what stands behind a `#` would be cut off here, and not where it is forwarded to.
fn whole(uri: &str) -> Option<Uri> {
    let is_plain = uri.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    uri.parse().ok().filter(|_| is_plain)
}

fn unreadable() -> ApiError {
    ApiError::forbidden(
        "the proxy has to name the original method and URI, each once, and nothing may name another method",
    )
}
