//! What is done to a user with one button: standing, role, tier, acting as them.

use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::{Role, Status, TierName, User};

use super::{HERE, find, person};
use crate::api::cookies;
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::page::{done, see};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// Their page with the text of what was done, or once more with what went wrong.
async fn answer(
    console: &Console,
    visit: &Visit,
    user: &User,
    text: &'static str,
    changed: Result<(), Trouble>,
) -> Result<Response, Trouble> {
    match changed {
        Ok(()) => Ok(done(&format!("{HERE}/{}", user.id), text)),
        Err(trouble) => person::again(console, visit, user, trouble, |_| ()).await,
    }
}

/// Lets somebody in from the list, and goes back there.
pub(super) async fn approve(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    // The list may be old: who was shut out meanwhile is not let in by it.
    if user.status != Status::Pending {
        let trouble = Trouble::bad("error-not-pending");
        return person::again(&console, &visit, &user, trouble, |_| ()).await;
    }
    match console.auth.set_status(&visit.caller, user.id, Status::Active).await {
        Ok(()) => Ok(done(HERE, "done-user-approved")),
        Err(error) => person::again(&console, &visit, &user, error.into(), |_| ()).await,
    }
}

pub(super) async fn status(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let status = fields.text("status").parse::<Status>();
    let status = status.map_err(|_| Trouble::bad("error-user-status"))?;
    let changed = console.auth.set_status(&visit.caller, user.id, status).await;
    let text = match status {
        Status::Active => "done-user-active",
        _ => "done-user-disabled",
    };
    answer(&console, &visit, &user, text, changed.map_err(Trouble::from)).await
}

pub(super) async fn role(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let role = fields.text("role").parse::<Role>();
    let role = role.map_err(|_| Trouble::bad("error-user-role"))?;
    let changed = console.auth.set_role(&visit.caller, user.id, role).await;
    answer(
        &console,
        &visit,
        &user,
        "done-user-role",
        changed.map_err(Trouble::from),
    )
    .await
}

pub(super) async fn tier(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    if !fields.has("tier") {
        // Nobody leaves a tier because a field was left out.
        return Err(Trouble::bad("error-no-such-tier"));
    }
    let changed = async {
        let name = fields.some("tier").map(str::parse::<TierName>);
        let name = name.transpose().map_err(|_| Trouble::bad("error-no-such-tier"))?;
        Ok(console
            .auth
            .set_user_tier(&visit.caller, user.id, name.as_ref())
            .await?)
    };
    answer(&console, &visit, &user, "done-user-tier", changed.await).await
}

/// Takes the place of the browser's session until it is ended.
pub(super) async fn impersonate(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let session = match console.auth.impersonate(&visit.caller, user.id).await {
        Ok(acting) => acting.signed_in,
        Err(error) => return person::again(&console, &visit, &user, error.into(), |_| ()).await,
    };
    let mut response = see(&console.home);
    cookies::sign_in(&mut response, session.token.expose(), session.lifetime, visit.https);
    Ok(response)
}
