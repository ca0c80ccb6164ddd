//! The lines that requests leave in the log.
//!
//! Nothing in them is a credential, and nothing that a client writes as it likes: no path, no query, no body, no cookie, no
//! user agent. So no client can make a line look like another one.

use std::time::Duration;

use http::{Method, StatusCode};
use localauth_core::{Denial, Identity, Source};
use tracing::{Level, debug, enabled, warn};

use super::future::Seen;

/// What requests are logged as: `LOCALAUTH_LOG=info,localauth::request=debug`.
pub(super) const TARGET: &str = "localauth::request";

/// A sign-in that is no good, where the use case answers by itself.
const WRONG: &str = "wrong_credentials";
/// The sign-in limiter has had enough.
const LIMITED: &str = "too_many_attempts";
/// Where people sign in.
const SIGN_IN: [&str; 8] = [
    "/api/auth/login",
    "/api/auth/token-login",
    "/api/auth/register",
    "/api/auth/password",
    "/login",
    "/login/key",
    "/register",
    "/account/password",
];

/// Writes what is to be written about a request that is over.
pub(super) fn write(seen: &Seen, took: Duration) {
    if let Some(reason) = failed_authentication(seen) {
        warn!(
            target: "localauth::authentication",
            address = seen.trail.address().map(tracing::field::display),
            reason = %reason,
            method = %method(&seen.method),
            route = %seen.pattern(),
            id = %id(seen),
            "authentication failed"
        );
    }
    if !enabled!(target: TARGET, Level::DEBUG) {
        return;
    }
    let user = seen.trail.user();
    debug!(
        target: TARGET,
        id = %id(seen),
        address = seen.trail.address().map(tracing::field::display),
        method = %method(&seen.method),
        route = %seen.pattern(),
        // 499, as nginx has it: the client left before there was an answer.
        status = seen.status.map_or(499, |status| status.as_u16()),
        code = seen.denial.map(|denial| tracing::field::display(denial.code())),
        user = user.map(|user| tracing::field::display(user.user_id())),
        key = user.and_then(|user| key(user)).map(tracing::field::display),
        ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        whole = seen.is_whole,
        "request"
    );
}

/// Why a credential that was shown is no good, if it is not. Whoever shows none has not tried.
fn failed_authentication(seen: &Seen) -> Option<&'static str> {
    match (seen.status?, seen.denial) {
        // Nor has whoever comes with a session that is over: it is the browser that sends it, with each of its tabs, and on
        // a link of somebody else's too. Nobody guesses 256 bits.
        (_, Some(Denial::MissingCredentials | Denial::InvalidSession)) => None,
        // The console answers some of them by leading to the sign-in.
        (_, Some(denial)) if denial.status() == StatusCode::UNAUTHORIZED || denial == Denial::AccountInactive => {
            Some(denial.code())
        }
        (StatusCode::UNAUTHORIZED, None) => Some(WRONG),
        (StatusCode::TOO_MANY_REQUESTS, None) if SIGN_IN.contains(&seen.pattern()) => Some(LIMITED),
        _ => None,
    }
}

/// A method may be any word, of any length.
fn method(method: &Method) -> &str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
    ];
    if KNOWN.contains(method) {
        method.as_str()
    } else {
        "other"
    }
}

/// Ours, or one that was found harmless.
fn id(seen: &Seen) -> &str {
    seen.id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or("-")
}

/// The public half of the key that was used.
fn key(user: &Identity) -> Option<String> {
    match user.source() {
        Source::ApiKey { public_id, .. } => Some(public_id.to_string()),
        _ => None,
    }
}
