//! The home page.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::Method;
use localauth_core::policy::RouteTableBuilder;

use super::Console;
use super::frame::Frame;
use super::page::page;
use super::visit::Visit;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
}

pub(super) fn router(home: &str) -> Router<Console> {
    Router::new().route(home, get(show))
}

/// Declares them.
pub(super) fn routes(table: RouteTableBuilder, home: &str) -> RouteTableBuilder {
    table.signed_in(Method::GET, home.to_owned())
}

async fn show(State(console): State<Console>, visit: Visit) -> Response {
    page(&Home {
        frame: visit.frame(&console, "home-title"),
    })
}
