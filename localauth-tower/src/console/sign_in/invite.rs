//! An invite's link.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use localauth_core::RegistrationMode;

use super::register::Register;
use crate::console::Console;
use crate::console::frame::Frame;
use crate::console::page::{page, page_with, see};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// There is no such invite, or not any more.
#[derive(Template)]
#[template(path = "sign_in/no_invite.html")]
struct NoInvite {
    frame: Frame,
    code: String,
    /// Whether one can register without an invite.
    without: bool,
}

pub(super) async fn show(
    State(console): State<Console>,
    visit: Visit,
    code: Result<Path<String>, PathRejection>,
) -> Result<Response, Trouble> {
    console.auth.attempt_invite_check(visit.caller.address()).await?;
    let code = code.map(|Path(code)| code.trim().to_owned()).unwrap_or_default();
    if !console.auth.has_users().await? {
        // Nobody could have invited.
        return Ok(see("/register"));
    }
    if console.auth.is_invite_open(&code).await? {
        let mut form = Register::new(&console, &visit, code, String::new()).await?;
        form.invited = true;
        return Ok(page(&form));
    }
    let closed = NoInvite {
        frame: visit.frame(&console, "register-invite-closed-title"),
        code: code.chars().take(128).collect(),
        without: console.auth.registration() != RegistrationMode::Invite,
    };
    Ok(page_with(StatusCode::NOT_FOUND, &closed))
}
