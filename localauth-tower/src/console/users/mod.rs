//! Users: the list, and a page for each.

mod access;
mod back;
mod changes;
pub(super) mod find;
mod keys;
mod limits;
mod list;
mod password;
mod person;
mod remove;
mod service;
mod standing;
mod words;

use axum::Router;
use axum::routing::get;
use http::Method;
use localauth_core::policy::RouteTableBuilder;

use super::Console;

/// The list.
const HERE: &str = "/admin/users";

pub(super) fn router() -> Router<Console> {
    Router::new()
        .route("/admin/users", get(list::show))
        .route("/admin/users/service", get(back::to_list).post(service::make))
        .route("/admin/users/{id}", get(person::show))
        .route("/admin/users/{id}/approve", get(back::to_user).post(changes::approve))
        .route("/admin/users/{id}/status", get(standing::status).post(changes::status))
        .route("/admin/users/{id}/role", get(standing::role).post(changes::role))
        .route("/admin/users/{id}/tier", get(back::to_user).post(changes::tier))
        .route(
            "/admin/users/{id}/impersonate",
            get(back::to_user).post(changes::impersonate),
        )
        .route(
            "/admin/users/{id}/permissions",
            get(back::to_user).post(access::permissions),
        )
        .route("/admin/users/{id}/models", get(back::to_user).post(access::models))
        .route("/admin/users/{id}/limits/{limit}", get(limits::show).post(limits::save))
        .route(
            "/admin/users/{id}/limits/{limit}/remove",
            get(limits::confirm).post(limits::remove),
        )
        .route("/admin/users/{id}/keys", get(back::to_user).post(keys::make))
        .route(
            "/admin/users/{id}/keys/{key}/revoke",
            get(keys::confirm).post(keys::revoke),
        )
        .route("/admin/users/{id}/password", get(password::show).post(password::reset))
        .route("/admin/users/{id}/delete", get(remove::confirm).post(remove::delete))
}

/// Declares them.
pub(super) fn routes(table: RouteTableBuilder) -> RouteTableBuilder {
    table
        .admin(Method::GET, "/admin/users")
        .admin(Method::GET, "/admin/users/service")
        .admin(Method::POST, "/admin/users/service")
        .admin(Method::GET, "/admin/users/{id}")
        .admin(Method::GET, "/admin/users/{id}/approve")
        .admin(Method::POST, "/admin/users/{id}/approve")
        .admin(Method::GET, "/admin/users/{id}/status")
        .admin(Method::POST, "/admin/users/{id}/status")
        .admin(Method::GET, "/admin/users/{id}/role")
        .admin(Method::POST, "/admin/users/{id}/role")
        .admin(Method::GET, "/admin/users/{id}/tier")
        .admin(Method::POST, "/admin/users/{id}/tier")
        .admin(Method::GET, "/admin/users/{id}/impersonate")
        .admin(Method::POST, "/admin/users/{id}/impersonate")
        .admin(Method::GET, "/admin/users/{id}/permissions")
        .admin(Method::POST, "/admin/users/{id}/permissions")
        .admin(Method::GET, "/admin/users/{id}/models")
        .admin(Method::POST, "/admin/users/{id}/models")
        .admin(Method::GET, "/admin/users/{id}/limits/{limit}")
        .admin(Method::POST, "/admin/users/{id}/limits/{limit}")
        .admin(Method::GET, "/admin/users/{id}/limits/{limit}/remove")
        .admin(Method::POST, "/admin/users/{id}/limits/{limit}/remove")
        .admin(Method::GET, "/admin/users/{id}/keys")
        .admin(Method::POST, "/admin/users/{id}/keys")
        .admin(Method::GET, "/admin/users/{id}/keys/{key}/revoke")
        .admin(Method::POST, "/admin/users/{id}/keys/{key}/revoke")
        .admin(Method::GET, "/admin/users/{id}/password")
        .admin(Method::POST, "/admin/users/{id}/password")
        .admin(Method::GET, "/admin/users/{id}/delete")
        .admin(Method::POST, "/admin/users/{id}/delete")
}
