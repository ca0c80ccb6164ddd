//! The browsers that are signed in.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use localauth_core::{SessionId, Source};

use super::own;
use crate::api::cookies;
use crate::api::path::PathId;
use crate::console::Console;
use crate::console::frame::Frame;
use crate::console::page::{done, page};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

#[derive(Template)]
#[template(path = "account/end_others.html")]
struct ConfirmOthers {
    frame: Frame,
}

pub(super) async fn end(
    State(console): State<Console>,
    visit: Visit,
    id: PathId<SessionId>,
) -> Result<Response, Trouble> {
    let user = visit.user()?;
    own(user)?;
    let missing = || Trouble::missing("error-no-such-session");
    let id = id.0.ok_or_else(missing)?;
    if !console.auth.end_session(&visit.caller, id).await? {
        return Err(missing());
    }
    if matches!(user.source(), Source::Session { id: this } if *this == id) {
        let mut response = done("/login", "done-signed-out");
        cookies::sign_out(&mut response, visit.https);
        return Ok(response);
    }
    Ok(done("/account", "done-account-session-ended"))
}

pub(super) async fn confirm_others(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    own(visit.user()?)?;
    let frame = visit.frame(&console, "account-end-others");
    Ok(page(&ConfirmOthers { frame }))
}

pub(super) async fn end_others(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    own(visit.user()?)?;
    console.auth.end_other_sessions(&visit.caller).await?;
    Ok(done("/account", "done-account-sessions-ended"))
}
