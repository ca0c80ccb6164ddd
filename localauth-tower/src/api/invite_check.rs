//! Whether an invite is good.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::caller::Asker;
use super::error::ApiError;
use super::refusals::Refusals;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checked {
    valid: bool,
}

/// Whether somebody could register with this invite now.
#[utoipa::path(get, operation_id = "check_invite", path = "/api/auth/invite/{code}/check", tag = "sign-in", params(("code" = String, Path)),
    security(()), responses((status = 200, body = Checked), Refusals))]
pub(crate) async fn check(
    State(api): State<Api>,
    asker: Asker,
    code: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Json<Checked>, ApiError> {
    api.auth.attempt_invite_check(asker.caller.address()).await?;
    let valid = match code {
        Ok(Path(code)) => api.auth.is_invite_open(&code).await?,
        Err(_) => false,
    };
    Ok(Json(Checked { valid }))
}
