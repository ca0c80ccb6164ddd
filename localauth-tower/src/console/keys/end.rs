//! The end of a key.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::ApiKey;

use super::super::Console;
use super::super::frame::Frame;
use super::super::page::{done, page};
use super::super::trouble::Trouble;
use super::super::visit::Visit;
use super::{find, owner, written};
use crate::CurrentUser;

#[derive(Template)]
#[template(path = "keys/revoke.html")]
struct Revoke {
    frame: Frame,
    key: ApiKey,
}

/// To take away is nothing to hand out: whoever acts as the user may.
pub(super) fn may_revoke(user: &CurrentUser) -> Result<(), Trouble> {
    if user.impersonator().is_none() {
        user.require_minting()?;
    }
    Ok(())
}

/// What will go.
pub(super) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    may_revoke(owner(&visit)?)?;
    written(&console).await;
    Ok(page(&Revoke {
        key: find(&console, &visit, &id).await?,
        frame: visit.frame(&console, "keys-revoke-title"),
    }))
}

pub(super) async fn revoke(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    may_revoke(owner(&visit)?)?;
    let id = id.parse().map_err(|_| Trouble::missing("error-no-such-key"))?;
    console.auth.revoke_own_key(&visit.caller, id).await?;
    Ok(done("/keys", "done-key-revoked"))
}
