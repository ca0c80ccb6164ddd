//! What has to be remembered between going to a provider and coming back: in the browser, sealed.
//!
//! The state (RFC 6749, section 10.12), the PKCE verifier (RFC 7636) and the nonce (OpenID Connect Core 1.0, section 15.5.2)
//! are bound to the browser by a cookie that only this server can read or make. Each attempt has its own, so that two tabs
//! do not break each other.

use std::time::Duration;

use cookie::{Cookie, CookieJar, Key, SameSite};
use http::{HeaderMap, HeaderValue, header};
use localauth_core::{Auth, Timestamp};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// How long somebody may take at the provider.
const LIFETIME: Duration = Duration::from_mins(10);
/// The most attempts at once in one browser.
const MANY: usize = 5;
const PREFIX: &str = "localauth-oauth-";
/// Over HTTPS: the prefix makes browsers refuse the cookie from a neighbour under the same domain, or without TLS
/// (RFC 6265bis, 4.1.3.2).
const HOST_PREFIX: &str = "__Host-localauth-oauth-";
/// So many characters of the state tell cookies apart.
const TAG: usize = 8;
const PATH: &str = "/api/auth";
/// What `__Host-` asks for.
const HOST_PATH: &str = "/";
/// The longest code that is kept, in characters. Ours are shorter: whatever is longer is wrong, cut off or not.
const MAX_CODE: usize = 128;

/// An attempt to sign in, or to link. Has no `Debug`: most of it is secret.
#[derive(Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) state: String,
    /// Only OpenID Connect has one.
    pub(super) nonce: Option<String>,
    pub(super) verifier: String,
    pub(super) provider: String,
    /// The token request repeats it (RFC 6749, section 4.1.3).
    pub(super) redirect_uri: String,
    pub(super) next: Option<String>,
    pub(super) invite: Option<String>,
    pub(super) setup: Option<String>,
    pub(super) link: Option<Linker>,
    /// In milliseconds.
    started_at: i64,
}

/// Who links an identity to their account, and in which session.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Linker {
    pub(super) user: String,
    pub(super) session: String,
}

/// What a provider starts an attempt with.
pub(super) struct Start {
    /// Where the browser goes.
    pub(super) url: String,
    pub(super) state: String,
    pub(super) nonce: Option<String>,
    pub(super) verifier: String,
}

/// What whoever starts an attempt brings.
#[derive(Default)]
pub(super) struct Wishes {
    pub(super) next: Option<String>,
    pub(super) invite: Option<String>,
    pub(super) setup: Option<String>,
    pub(super) link: Option<Linker>,
}

impl Attempt {
    pub(super) fn new(
        start: &Start,
        provider: &'static str,
        redirect_uri: &str,
        wishes: Wishes,
        now: Timestamp,
    ) -> Self {
        let code = |code: Option<String>| {
            code.filter(|code| !code.is_empty())
                .map(|code| code.chars().take(MAX_CODE).collect())
        };
        Self {
            state: start.state.clone(),
            nonce: start.nonce.clone(),
            verifier: start.verifier.clone(),
            provider: provider.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            next: wishes.next,
            invite: code(wishes.invite),
            setup: code(wishes.setup),
            link: wishes.link,
            started_at: now.as_millis(),
        }
    }

    fn started_at(&self) -> Timestamp {
        Timestamp::from_millis(self.started_at)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now.is_past(self.started_at() + LIFETIME)
    }
}

/// Why there is no attempt to come back to.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAttempt {
    #[error("no state came back")]
    NoState,
    #[error("this browser has no such sign-in under way, or cookies are off")]
    NoCookie,
    #[error("the state is not the one of this browser")]
    OtherState,
    #[error("the sign-in took longer than 10 minutes")]
    Over,
    #[error("the sign-in was begun with another provider")]
    OtherProvider,
}

/// Seals attempts into cookies, and opens them.
#[derive(Clone)]
pub(super) struct Seal(Key);

impl Seal {
    pub(super) fn new(auth: &Auth) -> Self {
        let mut both = [0_u8; 64];
        // The first half is for signed cookies, which are not used.
        both[..32].copy_from_slice(&*auth.derive_key(b"localauth v1 oauth state, signing"));
        both[32..].copy_from_slice(&*auth.derive_key(b"localauth v1 oauth state"));
        Self(Key::from(&both))
    }

    fn open(&self, cookie: &Cookie<'_>) -> Option<Attempt> {
        let plain = CookieJar::new().private(&self.0).decrypt(cookie.clone().into_owned())?;
        serde_json::from_str(plain.value()).ok()
    }

    /// The cookies that begin `attempt`: its own, and what takes away those that are too many.
    pub(super) fn begin(
        &self,
        attempt: &Attempt,
        headers: &HeaderMap,
        now: Timestamp,
        https: bool,
    ) -> Vec<HeaderValue> {
        let mut out = Vec::new();
        let mut others: Vec<(Option<Timestamp>, String)> = ours(headers, https)
            .map(|cookie| {
                let attempt = self.open(&cookie).filter(|attempt| !attempt.is_over(now));
                (attempt.map(|attempt| attempt.started_at()), cookie.name().to_owned())
            })
            .collect();
        // The newest first; what is over or unreadable last.
        others.sort_by(|(a, _), (b, _)| b.cmp(a));
        for (n, (started_at, name)) in others.iter().enumerate() {
            if n + 1 >= MANY || started_at.is_none() {
                out.extend(removal(name, https));
            }
        }
        let Some(name) = name(&attempt.state, https) else {
            return out;
        };
        let Ok(text) = serde_json::to_string(attempt) else {
            return out;
        };
        let mut jar = CookieJar::new();
        jar.private_mut(&self.0).add(
            Cookie::build((name.clone(), text))
                .http_only(true)
                // Not `Strict`: the provider, another site, leads back.
                .same_site(SameSite::Lax)
                .secure(https)
                .path(path(https))
                .max_age(time::Duration::try_from(LIFETIME).unwrap_or(time::Duration::ZERO))
                .build(),
        );
        out.extend(jar.get(&name).and_then(value));
        out
    }

    /// The attempt that a callback with `state` belongs to; else why there is none, and whether there was one to link.
    pub(super) fn end(
        &self,
        state: Option<&str>,
        provider: &str,
        headers: &HeaderMap,
        now: Timestamp,
        https: bool,
    ) -> Result<Attempt, (NoAttempt, bool)> {
        let state = state.filter(|s| !s.is_empty()).ok_or((NoAttempt::NoState, false))?;
        let name = name(state, https).ok_or((NoAttempt::NoCookie, false))?;
        // Without HTTPS a neighbour under the same domain can plant another one of the same name: the one that opens
        // counts.
        let attempt = ours(headers, https)
            .filter(|cookie| cookie.name() == name)
            .find_map(|cookie| self.open(&cookie))
            .ok_or((NoAttempt::NoCookie, false))?;
        let links = attempt.link.is_some();
        if !bool::from(attempt.state.as_bytes().ct_eq(state.as_bytes())) {
            Err((NoAttempt::OtherState, links))
        } else if attempt.provider != provider {
            Err((NoAttempt::OtherProvider, links))
        } else if attempt.is_over(now) {
            Err((NoAttempt::Over, links))
        } else {
            Ok(attempt)
        }
    }
}

/// What takes the cookie of the attempt with `state` from a browser, when it has it.
pub(super) fn forget(state: Option<&str>, headers: &HeaderMap, https: bool) -> Option<HeaderValue> {
    let name = name(state?, https)?;
    ours(headers, https)
        .any(|cookie| cookie.name() == name)
        .then(|| removal(&name, https))?
}

/// The name of the cookie of an attempt with `state`; `None` when that is no state of ours.
fn name(state: &str, https: bool) -> Option<String> {
    let tag = state.get(..TAG)?;
    tag.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        .then(|| format!("{}{tag}", prefix(https)))
}

/// What the names begin with. The other kind does not count: over HTTPS a neighbour can plant the plain one.
const fn prefix(https: bool) -> &'static str {
    if https { HOST_PREFIX } else { PREFIX }
}

const fn path(https: bool) -> &'static str {
    if https { HOST_PATH } else { PATH }
}

/// The cookies of attempts.
fn ours(headers: &HeaderMap, https: bool) -> impl Iterator<Item = Cookie<'_>> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(move |cookie| {
            // Only such names as are ours go into an answer.
            let tag = cookie.name().strip_prefix(prefix(https));
            tag.is_some_and(|tag| tag.len() == TAG && name(tag, https).is_some())
        })
}

fn removal(name: &str, https: bool) -> Option<HeaderValue> {
    let cookie = Cookie::build((name, ""))
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(https)
        .path(path(https))
        .max_age(time::Duration::ZERO)
        .build();
    value(&cookie)
}

fn value(cookie: &Cookie<'_>) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(cookie.to_string()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
