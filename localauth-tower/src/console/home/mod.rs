//! The home page: how to begin, how things stand, and a chat to try a model.

mod chat;
mod first_key;
mod glance;
mod models;
mod show;
mod snippets;
mod walk;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::Method;
use localauth_core::policy::RouteTableBuilder;

use super::Console;
use super::page::see;

pub(super) fn router(home: &str) -> Router<Console> {
    Router::new()
        .route(home, get(show::show))
        .route("/first-key", get(back).post(first_key::make))
        .route("/try", get(back).post(chat::ask))
}

/// Declares them.
pub(super) fn routes(table: RouteTableBuilder, home: &str) -> RouteTableBuilder {
    table
        .signed_in(Method::GET, home.to_owned())
        .signed_in(Method::GET, "/first-key")
        .signed_in(Method::POST, "/first-key")
        .signed_in(Method::GET, "/try")
        .signed_in(Method::POST, "/try")
}

/// What answers a form has no address of its own to come back to.
async fn back(State(console): State<Console>) -> Response {
    see(&console.home)
}
