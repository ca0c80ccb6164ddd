//! The shared keys: whoever has one is the synthetic administrator.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::super::Api;
use super::super::caller::Asker;
use super::super::error::ApiError;
use super::super::json::JsonBody;
use super::super::refusals::{BodyRefusals, Refusals};

/// A shared key, without the key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SharedKeyView {
    id: String,
    masked: String,
    /// `env` for those of the configuration, `runtime` for those set here.
    #[schema(pattern = "^(env|runtime)$")]
    source: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SharedKeyList {
    keys: Vec<SharedKeyView>,
}

/// The shared keys of the run time from now on.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewSharedKeys {
    /// Keys; the id or masked form of a present one keeps that one.
    keys: Vec<String>,
}

async fn present(api: &Api) -> Result<Json<SharedKeyList>, ApiError> {
    let keys = api.auth.shared_keys().await?.into_iter();
    let view = keys.map(|key| SharedKeyView {
        id: key.id,
        masked: key.masked,
        source: if key.is_configured { "env" } else { "runtime" },
    });
    Ok(Json(SharedKeyList { keys: view.collect() }))
}

/// The shared keys, masked.
#[utoipa::path(get, path = "/api/auth/admin/shared-keys", tag = "admin",
    responses((status = 200, body = SharedKeyList), Refusals))]
pub(super) async fn list_shared_keys(State(api): State<Api>) -> Result<Json<SharedKeyList>, ApiError> {
    present(&api).await
}

/// Replace the shared keys of the run time. Those left out are dead for the next request, with the sessions made from them.
#[utoipa::path(put, path = "/api/auth/admin/shared-keys", tag = "admin", request_body = NewSharedKeys,
    responses((status = 200, body = SharedKeyList), BodyRefusals))]
pub(super) async fn replace_shared_keys(
    State(api): State<Api>,
    asker: Asker,
    JsonBody(body): JsonBody<NewSharedKeys>,
) -> Result<Json<SharedKeyList>, ApiError> {
    let keys = Zeroizing::new(body.keys);
    api.auth.replace_shared_keys(&asker.caller, &keys).await?;
    present(&api).await
}
