//! TODO(builder)

use axum::Router;
use localauth_core::policy::RouteTableBuilder;

use super::Console;

pub(super) fn router() -> Router<Console> {
    Router::new()
}

/// Declares them.
pub(super) fn routes(table: RouteTableBuilder) -> RouteTableBuilder {
    table
}
