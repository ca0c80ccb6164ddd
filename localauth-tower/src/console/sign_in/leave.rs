//! Sign-out, and the choice of a language.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderValue, header};
use localauth_core::Denial;
use zeroize::Zeroizing;

use super::way;
use crate::api::{cookies, cookies_of};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::language::{self, Language};
use crate::console::page::{done, see};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::current_user::Anonymous;

/// How long a browser keeps the choice of a language.
const YEAR: time::Duration = time::Duration::days(365);

/// How many tokens of one request are looked up.
const MAX_TOKENS: usize = 4;

/// Ends the session that was used, and whichever else the browser's cookies are of: it loses them, and a session that may
/// do nothing from here, or that came beside somebody else's, would live on without anybody to end it. Whoever is signed
/// out already loses the cookies that say nothing any more.
pub(super) async fn sign_out(
    State(console): State<Console>,
    visit: Visit,
    headers: HeaderMap,
    nobody: Option<Extension<Anonymous>>,
) -> Result<Response, Trouble> {
    if let Some(Extension(Anonymous(denial @ Denial::StoreUnavailable))) = nobody {
        // There may well be a session, which would live on.
        return Err(denial.into());
    }
    let acted = visit.user.as_ref().is_some_and(|user| user.impersonator().is_some());
    console.auth.sign_out(&visit.caller).await?;
    let ours = |name: &[u8]| matches!(name, b"session" | b"__Host-session" | b"token");
    let tokens: Vec<Zeroizing<Vec<u8>>> = cookies_of(&headers)
        .filter(|(name, _)| ours(name))
        .take(MAX_TOKENS)
        .map(|(_, token)| Zeroizing::new(token.to_vec()))
        .collect();
    for token in tokens {
        console.auth.sign_out_token(&visit.caller, &token).await?;
    }
    // The administrator's own session was replaced when they began to act as somebody, and its token is nowhere.
    let mut response = if acted {
        done("/login?next=%2Fadmin%2Fusers", "done-impersonation-ended")
    } else {
        done("/login", "done-signed-out")
    };
    cookies::sign_out(&mut response, visit.https);
    Ok(response)
}

/// For who loads the page again by its address.
pub(super) async fn back() -> Response {
    see("/login")
}

/// The same.
pub(super) async fn home(State(console): State<Console>) -> Response {
    see(&console.home)
}

pub(super) async fn language(State(console): State<Console>, visit: Visit, fields: Fields) -> Response {
    let mut response = see(&way::next(&console, fields.text("next")));
    if let Some(chosen) = Language::find(fields.text("lang")) {
        let cookie = Cookie::build((language::COOKIE, chosen.tag()))
            .path("/")
            .same_site(SameSite::Lax)
            .http_only(true)
            .secure(visit.https)
            .max_age(YEAR)
            .build();
        if let Ok(value) = HeaderValue::try_from(cookie.to_string()) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}
