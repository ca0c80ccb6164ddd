//! One's own keys.

mod end;
mod form;
mod limits;
mod list;
mod make;
mod rotate;
mod show;

use axum::Router;
use axum::routing::get;
use http::{Method, StatusCode};
use localauth_core::policy::RouteTableBuilder;
use localauth_core::{ApiKey, UserId};

use super::Console;
use super::trouble::Trouble;
use super::visit::Visit;
use crate::CurrentUser;

pub(super) fn router() -> Router<Console> {
    Router::new()
        .route("/keys", get(list::show))
        .route("/keys/new", get(make::blank).post(make::make))
        .route("/keys/{id}", get(show::show))
        .route("/keys/{id}/rotate", get(rotate::back).post(rotate::rotate))
        .route("/keys/{id}/revoke", get(end::ask).post(end::revoke))
}

/// Declares them.
pub(super) fn routes(table: RouteTableBuilder) -> RouteTableBuilder {
    table
        .signed_in(Method::GET, "/keys")
        .signed_in(Method::GET, "/keys/new")
        .signed_in(Method::POST, "/keys/new")
        .signed_in(Method::GET, "/keys/{id}")
        .signed_in(Method::GET, "/keys/{id}/rotate")
        .signed_in(Method::POST, "/keys/{id}/rotate")
        .signed_in(Method::GET, "/keys/{id}/revoke")
        .signed_in(Method::POST, "/keys/{id}/revoke")
}

/// Whose keys these are: behind a shared key stands no account.
fn owner(visit: &Visit) -> Result<&CurrentUser, Trouble> {
    let user = visit.user()?;
    if user.id() == UserId::SHARED {
        return Err(Trouble::bad("error-key-shared"));
    }
    Ok(user)
}

/// That they may make and change keys: whoever acts as somebody else may not, and a key only when it says so.
pub(super) fn may_mint(user: &CurrentUser) -> Result<(), Trouble> {
    if user.impersonator().is_some() {
        return Err(Trouble::new(StatusCode::FORBIDDEN, "error-key-impersonating"));
    }
    Ok(user.require_minting()?)
}

/// The visitor's own key with this id, if it is not revoked.
async fn find(console: &Console, visit: &Visit, id: &str) -> Result<ApiKey, Trouble> {
    let user = owner(visit)?;
    let missing = Trouble::missing("error-no-such-key");
    let Ok(id) = id.parse() else { return Err(missing) };
    let keys = console.auth.list_keys(user.id()).await?;
    keys.into_iter().find(|key| key.id == id).ok_or(missing)
}

/// So that a use just now is shown; without it the page is right all the same.
async fn written(console: &Console) {
    if let Err(error) = console.auth.flush().await {
        tracing::debug!(%error, "keys are shown before their last uses are written");
    }
}
