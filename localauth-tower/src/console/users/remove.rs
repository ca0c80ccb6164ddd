//! The end of an account.

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use localauth_core::User;

use super::{HERE, find};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::house::confirm::Confirm;
use crate::console::page::{done, page_with};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

pub(super) async fn confirm(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    ask(&console, &visit, &user, None).await
}

/// Says what goes and what stays; with what went wrong when it was tried.
async fn ask(console: &Console, visit: &Visit, user: &User, trouble: Option<&Trouble>) -> Result<Response, Trouble> {
    let auth = &console.auth;
    let mut frame = visit.frame(console, "users-delete-title");
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let keys = count(auth.list_keys(user.id).await?.len());
    let sessions = count(auth.list_sessions(user.id).await?.len());
    let limits = count(auth.user_limits(user.id).await?.limits.len());
    let invites = auth.list_invites().await?;
    let invites = invites.iter().filter(|info| info.invite.created_by == user.id);
    let invites = count(invites.count());
    let parts = vec![
        frame.t1("users-delete-keys", "keys", keys),
        frame.t1("users-delete-sessions", "sessions", sessions),
        frame.t1("users-delete-limits", "limits", limits),
        frame.t1("users-delete-invites", "invites", invites),
        frame.t("users-delete-usage"),
    ];
    if let Some(trouble) = trouble {
        frame = frame.told(trouble);
    }
    let back = format!("{HERE}/{}", user.id);
    let page = Confirm {
        says: frame.t2("users-delete", "name", user.name.as_str(), "email", user.email.as_str()),
        parts,
        frame,
        action: &format!("{back}/delete"),
        fields: &[],
        button: "users-delete-button",
        back: &back,
        type_this: Some(user.email.as_str()),
    };
    Ok(page_with(trouble.map_or(StatusCode::OK, Trouble::status), &page))
}

pub(super) async fn delete(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let typed = fields.text("typed");
    let is_meant = typed.eq_ignore_ascii_case(user.email.as_str()) || (!typed.is_empty() && typed == user.name);
    if !is_meant {
        return ask(&console, &visit, &user, Some(&Trouble::bad("error-delete-typed"))).await;
    }
    match console.auth.delete_user(&visit.caller, user.id).await {
        Ok(()) => Ok(done(HERE, "done-user-deleted")),
        Err(error) => ask(&console, &visit, &user, Some(&error.into())).await,
    }
}
