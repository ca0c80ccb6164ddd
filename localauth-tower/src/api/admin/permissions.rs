//! Which features and models a user may use.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use localauth_core::{ModelAllowList, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Api;
use super::super::caller::Asker;
use super::super::error::ApiError;
use super::super::json::JsonBody;
use super::super::refusals::{BodyRefusals, Refusals};
use super::super::view::{UserView, user_id};
use super::target::{self, Target};

/// Which models a user may use.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AllowedModels {
    /// Off means every model.
    enabled: bool,
    models: Vec<String>,
}

impl From<&ModelAllowList> for AllowedModels {
    fn from(list: &ModelAllowList) -> Self {
        Self {
            enabled: list.enabled,
            models: list.models.iter().cloned().collect(),
        }
    }
}

/// Which models a user may use from now on.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewModels {
    /// Off means every model. Has to be said: nobody opens everything by leaving it out.
    enabled: bool,
    /// Empty means none, while the list is on.
    models: Option<Vec<String>>,
}

/// Each feature, and whether it is on for the user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PermissionsOf {
    user_id: String,
    permissions: BTreeMap<&'static str, bool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PermissionsSet {
    message: &'static str,
    #[serde(flatten)]
    now: PermissionsOf,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelsSet {
    message: &'static str,
    user_id: String,
    allowed_models: AllowedModels,
}

async fn present(api: &Api, id: UserId) -> Result<PermissionsOf, ApiError> {
    let user = target::user(api, id).await?;
    Ok(PermissionsOf {
        user_id: user_id(id),
        permissions: UserView::of(&api.auth, &user).await?.permissions,
    })
}

/// Each feature, and whether it is on for the user.
#[utoipa::path(get, path = "/api/auth/admin/users/{id}/permissions", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = PermissionsOf), Refusals))]
pub(super) async fn permissions_of(
    State(api): State<Api>,
    Target(id): Target,
) -> Result<Json<PermissionsOf>, ApiError> {
    Ok(Json(present(&api, id).await?))
}

/// Replace what was said about features; what is left out falls to its default.
#[utoipa::path(put, path = "/api/auth/admin/users/{id}/permissions", tag = "admin", params(("id" = String, Path)),
    request_body = BTreeMap<String, bool>, responses((status = 200, body = PermissionsSet), BodyRefusals))]
pub(super) async fn set_permissions(
    State(api): State<Api>,
    asker: Asker,
    Target(id): Target,
    JsonBody(permissions): JsonBody<BTreeMap<String, bool>>,
) -> Result<Json<PermissionsSet>, ApiError> {
    api.auth.set_permissions(&asker.caller, id, &permissions).await?;
    Ok(Json(PermissionsSet {
        message: "permissions updated",
        now: present(&api, id).await?,
    }))
}

/// Replace which models the user may use.
#[utoipa::path(put, path = "/api/auth/admin/users/{id}/models", tag = "admin", params(("id" = String, Path)),
    request_body = NewModels, responses((status = 200, body = ModelsSet), BodyRefusals))]
pub(super) async fn set_models(
    State(api): State<Api>,
    asker: Asker,
    Target(id): Target,
    JsonBody(body): JsonBody<NewModels>,
) -> Result<Json<ModelsSet>, ApiError> {
    let names = body.models.into_iter().flatten();
    let exact = names.map(|name| api.auth.exact_model(&name).into_owned());
    let list = ModelAllowList {
        enabled: body.enabled,
        models: exact.collect(),
    };
    let allowed_models = AllowedModels::from(&list);
    api.auth.set_models(&asker.caller, id, list).await?;
    Ok(Json(ModelsSet {
        message: "model allowlist updated",
        user_id: user_id(id),
        allowed_models,
    }))
}
