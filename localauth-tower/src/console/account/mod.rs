//! One's own account: name and picture, password, devices, and the providers it can be signed in with.

mod devices;
mod overview;
mod password;
mod profile;
mod providers;
mod user_agent;

use axum::Router;
use axum::routing::get;
use http::Method;
use localauth_core::policy::RouteTableBuilder;
use localauth_core::{Denial, UserId};

use super::Console;
use super::trouble::Trouble;
use crate::CurrentUser;

pub(super) fn router() -> Router<Console> {
    Router::new()
        .route("/account", get(overview::show))
        .route("/account/profile", get(overview::back).post(profile::change))
        .route("/account/password", get(overview::back).post(password::change))
        .route(
            "/account/sessions/others",
            get(devices::confirm_others).post(devices::end_others),
        )
        .route("/account/sessions/{id}/end", get(overview::back).post(devices::end))
        .route(
            "/account/providers/{provider}/link",
            get(overview::back).post(providers::link),
        )
        .route(
            "/account/providers/{provider}/unlink",
            get(providers::confirm).post(providers::unlink),
        )
}

/// Declares them.
pub(super) fn routes(table: RouteTableBuilder) -> RouteTableBuilder {
    table
        .signed_in(Method::GET, "/account")
        .signed_in(Method::GET, "/account/profile")
        .signed_in(Method::POST, "/account/profile")
        .signed_in(Method::GET, "/account/password")
        .signed_in(Method::POST, "/account/password")
        .signed_in(Method::GET, "/account/sessions/others")
        .signed_in(Method::POST, "/account/sessions/others")
        .signed_in(Method::GET, "/account/sessions/{id}/end")
        .signed_in(Method::POST, "/account/sessions/{id}/end")
        .signed_in(Method::GET, "/account/providers/{provider}/link")
        .signed_in(Method::POST, "/account/providers/{provider}/link")
        .signed_in(Method::GET, "/account/providers/{provider}/unlink")
        .signed_in(Method::POST, "/account/providers/{provider}/unlink")
}

/// Refuses whoever has no account of their own to change here: behind a shared key stands none, and an administrator who
/// acts as somebody leaves theirs alone. The use cases refuse the rest.
fn own(user: &CurrentUser) -> Result<(), Trouble> {
    if user.id() == UserId::SHARED {
        return Err(Trouble::new(http::StatusCode::FORBIDDEN, "error-no-account"));
    }
    if user.impersonator().is_some() {
        return Err(Denial::Impersonating.into());
    }
    Ok(())
}
