//! The sign-in.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use localauth_core::{Denial, SignInError};

use super::way::{self, Door, Luggage};
use crate::api::cookies;
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::page::{again, page, see};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

#[derive(Template)]
#[template(path = "sign_in/login.html")]
struct Login {
    frame: Frame,
    /// Where to go on to; empty for the home page.
    next: String,
    email: String,
    /// Whether addresses and passwords are signed in with.
    local: bool,
    doors: Vec<Door>,
    /// Whether the form for keys stands open.
    key: bool,
    /// Nobody has registered yet.
    first: bool,
}

impl Login {
    async fn new(console: &Console, visit: &Visit, next: String) -> Result<Self, Trouble> {
        let frame = visit.frame(console, "login-title");
        let luggage = Luggage {
            next: &next,
            ..Luggage::default()
        };
        Ok(Self {
            doors: way::doors(console, &frame, luggage),
            local: console.auth.local_auth(),
            first: !console.auth.has_users().await?,
            frame,
            next,
            email: String::new(),
            key: false,
        })
    }
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    let mut login = Login::new(&console, &visit, way::kept(visit.query("next"))).await?;
    let failure = visit.query("error").and_then(|code| way::failure(&code));
    login.frame.trouble = failure.map(|id| login.frame.t(id));
    Ok(page(&login))
}

/// For who loads the page of a failed sign-in again by its address.
pub(super) async fn back() -> Response {
    see("/login")
}

pub(super) async fn with_password(
    State(console): State<Console>,
    visit: Visit,
    mut fields: Fields,
) -> Result<Response, Trouble> {
    let email = fields.text("email").to_owned();
    let password = fields.password("password");
    let trouble = if email.is_empty() || password.is_empty() {
        Trouble::bad("error-login-fields")
    } else {
        match console.auth.sign_in(&email, password, &visit.caller).await {
            Ok(signed_in) => {
                let mut response = see(&way::next(&console, fields.text("next")));
                let token = signed_in.token.expose();
                cookies::sign_in(&mut response, token, signed_in.lifetime, visit.https);
                return Ok(response);
            }
            Err(error) => error.into(),
        }
    };
    once_more(&console, &visit, &fields, trouble, |login| login.email = email).await
}

pub(super) async fn with_key(
    State(console): State<Console>,
    visit: Visit,
    mut fields: Fields,
) -> Result<Response, Trouble> {
    let key = fields.password("key");
    let trouble = if key.is_empty() {
        Trouble::bad("error-login-key")
    } else {
        match console.auth.sign_in_with_token(key, &visit.caller).await {
            Ok(signed_in) => {
                let mut response = see(&way::next(&console, fields.text("next")));
                let token = signed_in.token.expose();
                cookies::sign_in(&mut response, token, signed_in.lifetime, visit.https);
                return Ok(response);
            }
            Err(error) => wrong_key(error),
        }
    };
    once_more(&console, &visit, &fields, trouble, |login| login.key = true).await
}

/// The page once more, unless the trouble is the server's own: then no form helps.
async fn once_more(
    console: &Console,
    visit: &Visit,
    fields: &Fields,
    trouble: Trouble,
    fill: impl FnOnce(&mut Login),
) -> Result<Response, Trouble> {
    if trouble.status().is_server_error() {
        return Err(trouble);
    }
    let next = way::kept(fields.some("next").map(str::to_owned));
    let mut login = Login::new(console, visit, next).await?;
    login.frame = login.frame.told(&trouble);
    fill(&mut login);
    Ok(again(&trouble, &login))
}

/// What is wrong with a key. A layer would say that nobody is signed in, which whoever signs in knows.
fn wrong_key(error: SignInError) -> Trouble {
    let id = match &error {
        SignInError::Denied(Denial::InvalidApiKey | Denial::InvalidSession | Denial::InvalidToken) => "error-key-wrong",
        SignInError::Denied(Denial::ExpiredApiKey) => "error-key-over",
        SignInError::Denied(Denial::KeyScope) => "error-key-address",
        _ => return error.into(),
    };
    Trouble::new(StatusCode::UNAUTHORIZED, id)
}
