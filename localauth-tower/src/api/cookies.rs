//! The session cookie.

use axum::response::Response;
use cookie::{Cookie, SameSite};
use http::{HeaderValue, header};

const PLAIN: &str = "session";
/// Over HTTPS: the prefix makes browsers refuse the cookie from another host or without TLS (RFC 6265bis, 4.1.3.2).
const HOST: &str = "__Host-session";

fn cookie<'c>(name: &'static str, value: &'c str, https: bool) -> cookie::CookieBuilder<'c> {
    Cookie::build((name, value))
        .http_only(true)
        .same_site(SameSite::Lax)
        .path("/")
        .secure(https || name == HOST)
}

fn set(response: &mut Response, cookie: &Cookie<'_>) {
    // A token is base 62: always a valid header value.
    if let Ok(mut value) = HeaderValue::try_from(cookie.to_string()) {
        value.set_sensitive(true);
        let headers = response.headers_mut();
        headers.append(header::SET_COOKIE, value);
        // Whatever the answer says of itself: no cache may give one browser's session to another.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Gives the browser its session, and takes whatever else it might have signed in with before.
pub(crate) fn sign_in(response: &mut Response, token: &str, lifetime: std::time::Duration, https: bool) {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let (name, other) = if https { (HOST, PLAIN) } else { (PLAIN, HOST) };
    set(
        response,
        &cookie(name, token, https)
            .max_age(time::Duration::seconds(seconds))
            .build(),
    );
    for name in [other, "token"] {
        set(response, &cookie(name, "", https).max_age(time::Duration::ZERO).build());
    }
}

/// Gives the browser a new token for the session it has.
pub(crate) fn renew(response: &mut Response, token: &str, lifetime: std::time::Duration, https: bool) {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let (name, other) = if https { (HOST, PLAIN) } else { (PLAIN, HOST) };
    let fresh = cookie(name, token, https).max_age(time::Duration::seconds(seconds));
    set(response, &fresh.build());
    // The old token may be under the other name, when the browser came over HTTP before.
    set(
        response,
        &cookie(other, "", https).max_age(time::Duration::ZERO).build(),
    );
}

/// Whether the response says something about the browser's session.
pub(crate) fn sets_session(response: &Response) -> bool {
    response.headers().get_all(header::SET_COOKIE).iter().any(|value| {
        [PLAIN, HOST].iter().any(|name| {
            let value = value.as_bytes();
            value.starts_with(name.as_bytes()) && value.get(name.len()) == Some(&b'=')
        })
    })
}

/// Takes the browser's session.
pub(crate) fn sign_out(response: &mut Response, https: bool) {
    for name in [PLAIN, HOST, "token"] {
        set(response, &cookie(name, "", https).max_age(time::Duration::ZERO).build());
    }
}
