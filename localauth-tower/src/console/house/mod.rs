//! The house: invites, tiers and limits, prices, shared keys, the audit log, health, and why somebody was refused.

pub(crate) mod access;
mod audit;
pub(crate) mod confirm;
mod everyone;
mod health;
mod invites;
pub(crate) mod limits;
mod prices;
pub(crate) mod revision;
pub(crate) mod rules;
mod shared_keys;
mod tier;
mod tiers;
mod why;

use axum::Router;
use axum::routing::get;
use http::Method;
use localauth_core::policy::RouteTableBuilder;

use super::Console;

pub(super) fn router() -> Router<Console> {
    Router::new()
        .route("/admin/invites", get(invites::show).post(invites::make))
        .route(
            "/admin/invites/{id}/revoke",
            get(invites::confirm).post(invites::revoke),
        )
        .route("/admin/tiers", get(tiers::show).post(tiers::make))
        .route("/admin/tiers/{name}", get(tier::show).post(tier::save))
        .route("/admin/tiers/{name}/delete", get(tiers::confirm).post(tiers::delete))
        .route(
            "/admin/tiers/{name}/limits/{limit}",
            get(tier::limit).post(tier::save_limit),
        )
        .route(
            "/admin/tiers/{name}/limits/{limit}/remove",
            get(tier::confirm_limit).post(tier::remove_limit),
        )
        .route("/admin/limits/{limit}", get(everyone::show).post(everyone::save))
        .route(
            "/admin/limits/{limit}/remove",
            get(everyone::confirm).post(everyone::remove),
        )
        .route("/admin/prices", get(prices::show).post(prices::save))
        .route("/admin/prices/remove", get(prices::confirm).post(prices::remove))
        .route("/admin/shared-keys", get(shared_keys::show).post(shared_keys::add))
        .route(
            "/admin/shared-keys/{id}/remove",
            get(shared_keys::confirm).post(shared_keys::remove),
        )
        .route("/admin/audit", get(audit::show))
        .route("/admin/health", get(health::show))
        .route("/admin/why", get(why::show).post(why::ask))
}

/// Declares them.
pub(super) fn routes(table: RouteTableBuilder) -> RouteTableBuilder {
    table
        .admin(Method::GET, "/admin/invites")
        .admin(Method::POST, "/admin/invites")
        .admin(Method::GET, "/admin/invites/{id}/revoke")
        .admin(Method::POST, "/admin/invites/{id}/revoke")
        .admin(Method::GET, "/admin/tiers")
        .admin(Method::POST, "/admin/tiers")
        .admin(Method::GET, "/admin/tiers/{name}")
        .admin(Method::POST, "/admin/tiers/{name}")
        .admin(Method::GET, "/admin/tiers/{name}/delete")
        .admin(Method::POST, "/admin/tiers/{name}/delete")
        .admin(Method::GET, "/admin/tiers/{name}/limits/{limit}")
        .admin(Method::POST, "/admin/tiers/{name}/limits/{limit}")
        .admin(Method::GET, "/admin/tiers/{name}/limits/{limit}/remove")
        .admin(Method::POST, "/admin/tiers/{name}/limits/{limit}/remove")
        .admin(Method::GET, "/admin/limits/{limit}")
        .admin(Method::POST, "/admin/limits/{limit}")
        .admin(Method::GET, "/admin/limits/{limit}/remove")
        .admin(Method::POST, "/admin/limits/{limit}/remove")
        .admin(Method::GET, "/admin/prices")
        .admin(Method::POST, "/admin/prices")
        .admin(Method::GET, "/admin/prices/remove")
        .admin(Method::POST, "/admin/prices/remove")
        .admin(Method::GET, "/admin/shared-keys")
        .admin(Method::POST, "/admin/shared-keys")
        .admin(Method::GET, "/admin/shared-keys/{id}/remove")
        .admin(Method::POST, "/admin/shared-keys/{id}/remove")
        .admin(Method::GET, "/admin/audit")
        .admin(Method::GET, "/admin/health")
        .admin(Method::GET, "/admin/why")
        .admin(Method::POST, "/admin/why")
}
