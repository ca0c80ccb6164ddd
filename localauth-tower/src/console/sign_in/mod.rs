//! Coming in and leaving: sign-in, registration, invites, sign-out, and the choice of a language.

mod invite;
mod leave;
mod login;
mod register;
pub(super) mod strength;
pub(super) mod way;

use axum::Router;
use axum::routing::get;
use http::Method;
use localauth_core::policy::RouteTableBuilder;

use super::Console;

pub(super) fn router() -> Router<Console> {
    Router::new()
        .route("/login", get(login::show).post(login::with_password))
        .route("/login/key", get(login::back).post(login::with_key))
        .route("/register", get(register::show).post(register::register))
        .route("/register/waiting", get(register::waiting))
        .route("/register/received", get(register::received))
        .route("/invite/{code}", get(invite::show))
        .route("/password-strength", get(leave::back).post(strength::estimate))
        .route("/logout", get(leave::back).post(leave::sign_out))
        .route("/language", get(leave::home).post(leave::language))
}

/// Declares them: all are for everybody.
pub(super) fn routes(table: RouteTableBuilder) -> RouteTableBuilder {
    table
        .public(Method::GET, "/login")
        .public(Method::POST, "/login")
        .public(Method::GET, "/login/key")
        .public(Method::POST, "/login/key")
        .public(Method::GET, "/register")
        .public(Method::POST, "/register")
        .public(Method::GET, "/register/waiting")
        .public(Method::GET, "/register/received")
        .public(Method::GET, "/invite/{code}")
        .public(Method::GET, "/password-strength")
        .public(Method::POST, "/password-strength")
        .public(Method::GET, "/logout")
        .public(Method::POST, "/logout")
        .public(Method::GET, "/language")
        .public(Method::POST, "/language")
}
