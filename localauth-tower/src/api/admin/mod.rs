//! What administrators do.
//!
//! Who is one is asked by the route table alone; what a credential may hand out, by the use cases.

mod audit;
mod csv;
mod features;
pub(crate) mod filter;
mod house;
mod impersonate;
mod invites;
mod keys;
mod permissions;
mod quotas;
mod shared_keys;
mod standing;
mod target;
mod tiers;
pub(crate) mod usage;
pub(crate) mod users;

use axum::Router;
use axum::routing::{delete, get, post, put};
use http::Method;
use localauth_core::policy::RouteTableBuilder;

use super::Api;

/// Their part of the document that describes the API.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    features::admin_features,
    users::list_users,
    standing::set_role,
    standing::set_status,
    standing::reset_password,
    standing::delete_user,
    permissions::permissions_of,
    permissions::set_permissions,
    permissions::set_models,
    quotas::quotas_of,
    quotas::set_quota,
    quotas::delete_quota,
    quotas::set_tier,
    tiers::list_tiers,
    tiers::save_tier,
    tiers::delete_tier,
    house::limits_of_everyone,
    house::replace_limits_of_everyone,
    house::prices,
    house::replace_prices,
    impersonate::impersonate,
    keys::list_all_keys,
    keys::create_key_for,
    keys::revoke_any_key,
    shared_keys::list_shared_keys,
    shared_keys::replace_shared_keys,
    invites::list_invites,
    invites::create_invite,
    invites::revoke_invite,
    usage::usage_of_all,
    usage::sources_of_all,
    audit::audit_log
))]
pub(in crate::api) struct AdminDoc;

/// The routes of administrators.
pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/api/auth/admin/features", get(features::admin_features))
        .route("/api/auth/admin/users", get(users::list_users))
        .route("/api/auth/admin/users/{id}", delete(standing::delete_user))
        .route("/api/auth/admin/users/{id}/role", put(standing::set_role))
        .route("/api/auth/admin/users/{id}/status", put(standing::set_status))
        .route("/api/auth/admin/users/{id}/password", put(standing::reset_password))
        .route(
            "/api/auth/admin/users/{id}/permissions",
            get(permissions::permissions_of).put(permissions::set_permissions),
        )
        .route("/api/auth/admin/users/{id}/models", put(permissions::set_models))
        .route(
            "/api/auth/admin/users/{id}/quotas",
            get(quotas::quotas_of).put(quotas::set_quota),
        )
        .route(
            "/api/auth/admin/users/{id}/quotas/{quota_id}",
            delete(quotas::delete_quota),
        )
        .route("/api/auth/admin/users/{id}/tier", put(quotas::set_tier))
        .route("/api/auth/admin/users/{id}/impersonate", post(impersonate::impersonate))
        .route("/api/auth/admin/tiers", get(tiers::list_tiers))
        .route(
            "/api/auth/admin/tiers/{name}",
            put(tiers::save_tier).delete(tiers::delete_tier),
        )
        .route(
            "/api/auth/admin/limits",
            get(house::limits_of_everyone).put(house::replace_limits_of_everyone),
        )
        .route("/api/auth/admin/prices", get(house::prices).put(house::replace_prices))
        .route(
            "/api/auth/admin/keys",
            get(keys::list_all_keys).post(keys::create_key_for),
        )
        .route("/api/auth/admin/keys/{id}", delete(keys::revoke_any_key))
        .route(
            "/api/auth/admin/shared-keys",
            get(shared_keys::list_shared_keys).put(shared_keys::replace_shared_keys),
        )
        .route(
            "/api/auth/admin/invites",
            get(invites::list_invites).post(invites::create_invite),
        )
        .route("/api/auth/admin/invites/{id}", delete(invites::revoke_invite))
        .route("/api/auth/admin/usage", get(usage::usage_of_all))
        .route("/api/auth/admin/usage/sources", get(usage::sources_of_all))
        .route("/api/auth/admin/audit", get(audit::audit_log))
}

/// Declares them.
pub(super) fn routes(table: RouteTableBuilder) -> RouteTableBuilder {
    table
        .admin(Method::GET, "/api/auth/admin/features")
        .admin(Method::GET, "/api/auth/admin/users")
        .admin(Method::DELETE, "/api/auth/admin/users/{id}")
        .admin(Method::PUT, "/api/auth/admin/users/{id}/role")
        .admin(Method::PUT, "/api/auth/admin/users/{id}/status")
        .admin(Method::PUT, "/api/auth/admin/users/{id}/password")
        .admin(Method::GET, "/api/auth/admin/users/{id}/permissions")
        .admin(Method::PUT, "/api/auth/admin/users/{id}/permissions")
        .admin(Method::PUT, "/api/auth/admin/users/{id}/models")
        .admin(Method::GET, "/api/auth/admin/users/{id}/quotas")
        .admin(Method::PUT, "/api/auth/admin/users/{id}/quotas")
        .admin(Method::DELETE, "/api/auth/admin/users/{id}/quotas/{quota_id}")
        .admin(Method::PUT, "/api/auth/admin/users/{id}/tier")
        .admin(Method::POST, "/api/auth/admin/users/{id}/impersonate")
        .admin(Method::GET, "/api/auth/admin/tiers")
        .admin(Method::PUT, "/api/auth/admin/tiers/{name}")
        .admin(Method::DELETE, "/api/auth/admin/tiers/{name}")
        .admin(Method::GET, "/api/auth/admin/limits")
        .admin(Method::PUT, "/api/auth/admin/limits")
        .admin(Method::GET, "/api/auth/admin/prices")
        .admin(Method::PUT, "/api/auth/admin/prices")
        .admin(Method::GET, "/api/auth/admin/keys")
        .admin(Method::POST, "/api/auth/admin/keys")
        .admin(Method::DELETE, "/api/auth/admin/keys/{id}")
        .admin(Method::GET, "/api/auth/admin/shared-keys")
        .admin(Method::PUT, "/api/auth/admin/shared-keys")
        .admin(Method::GET, "/api/auth/admin/invites")
        .admin(Method::POST, "/api/auth/admin/invites")
        .admin(Method::DELETE, "/api/auth/admin/invites/{id}")
        .admin(Method::GET, "/api/auth/admin/usage")
        .admin(Method::GET, "/api/auth/admin/usage/sources")
        .admin(Method::GET, "/api/auth/admin/audit")
}
