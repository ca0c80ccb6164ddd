//! Forward auth: another proxy asks whether a request may pass.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use localauth_core::Denial;

use super::Api;
use super::error::ApiError;
use super::keys::key_of;
use super::refusals::Refusals;
use super::why::judge;
use crate::CurrentUser;

/// For nginx `auth_request`, Traefik and Caddy `forward_auth`: 200 with who it is in `X-Auth-User` (the id),
/// `X-Auth-Email`, `X-Auth-Role` and `X-Auth-Key`, or 401 or 403. What is judged is the request in `X-Original-Method` and
/// `X-Original-URI` (or `X-Forwarded-Method` and `X-Forwarded-Uri`), when a trusted proxy sent them.
#[utoipa::path(get, path = "/api/auth/verify", tag = "account", responses((status = 200), Refusals))]
pub(crate) async fn verify(State(api): State<Api>, user: CurrentUser, request: Request) -> Result<Response, ApiError> {
    if api.site.proxies().sent(request.extensions())
        && let Some((method, uri)) = original(request.headers())?
    {
        // What is behind the proxy may read such a path in another way than the table does.
        if !localauth_core::policy::is_plain_path(uri.path()) {
            return Err(unreadable());
        }
        let judged = judge(&api, &user, &method, uri.path(), user.address());
        judged.verdict.map_err(|denial| match denial {
            // The proxies know 401 and 403 only, and take anything else for a fault.
            Denial::UnknownRoute => ApiError::forbidden(denial.to_string()),
            other => other.into(),
        })?;
    }
    let mut response = StatusCode::OK.into_response();
    let mut tell = |name: &'static str, value: &str| {
        // A header holds no control characters, and no address of ours has any.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    };
    tell("x-auth-user", &user.public_user_id());
    tell("x-auth-email", user.email());
    tell("x-auth-role", user.role().as_str());
    tell("x-auth-key", &key_of(&user).unwrap_or_default());
    Ok(response)
}

/// The request that the proxy asks about: named twice or half, it is none.
fn original(headers: &HeaderMap) -> Result<Option<(Method, Uri)>, ApiError> {
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
    let mut found: Option<(Method, Uri)> = None;
    for (method, uri) in pairs {
        let named = match (one(method)?, one(uri)?) {
            (None, None) => continue,
            (Some(method), Some(uri)) => {
                let method = Method::from_bytes(method.as_bytes()).map_err(|_| unreadable())?;
                (method, uri.parse::<Uri>().map_err(|_| unreadable())?)
            }
            _ => return Err(unreadable()),
        };
        // A proxy that sets one pair passes the other on as a client wrote it: two requests are none.
        if found.as_ref().is_some_and(|other| *other != named) {
            return Err(unreadable());
        }
        found = Some(named);
    }
    Ok(found)
}

fn unreadable() -> ApiError {
    ApiError::forbidden("the proxy has to name the original method and URI, each once")
}
