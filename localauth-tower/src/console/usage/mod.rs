//! Usage: one's own, and everybody's for administrators.

mod all;
mod breakdown;
pub(super) mod meters;
pub(super) mod overview;
mod own;
pub(super) mod span;

use axum::Router;
use axum::routing::get;
use http::Method;
use localauth_core::policy::RouteTableBuilder;

use super::Console;

pub(super) fn router() -> Router<Console> {
    Router::new()
        .route("/usage", get(own::show))
        .route("/usage.csv", get(own::file))
        .route("/admin/usage", get(all::show))
}

/// Declares them.
pub(super) fn routes(table: RouteTableBuilder) -> RouteTableBuilder {
    table
        .signed_in(Method::GET, "/usage")
        .signed_in(Method::GET, "/usage.csv")
        .admin(Method::GET, "/admin/usage")
}
