//! Roles, standing, passwords, the end of an account.

use axum::Json;
use axum::extract::State;
use localauth_core::{ManageError, Password, Role};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::Api;
use super::super::caller::Asker;
use super::super::error::ApiError;
use super::super::json::JsonBody;
use super::super::refusals::{BodyRefusals, Message, Refusals};
use super::target::Target;

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewRole {
    #[serde(default)]
    #[schema(pattern = "^(user|admin)$")]
    role: String,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewStatus {
    #[serde(default)]
    #[schema(pattern = "^(active|disabled)$")]
    status: String,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewPassword {
    #[schema(value_type = String)]
    password: Password,
}

/// Give a user a role. It is theirs for the next request; their sessions end. Not for oneself, nor for the last administrator.
#[utoipa::path(put, path = "/api/auth/admin/users/{id}/role", tag = "admin", params(("id" = String, Path)),
    request_body = NewRole, responses((status = 200, body = Message), BodyRefusals))]
pub(super) async fn set_role(
    State(api): State<Api>,
    asker: Asker,
    Target(id): Target,
    JsonBody(body): JsonBody<NewRole>,
) -> Result<Json<Message>, ApiError> {
    let role: Role = body
        .role
        .parse()
        .map_err(|_| ApiError::bad("role must be `user` or `admin`"))?;
    api.auth.set_role(&asker.caller, id, role).await?;
    Ok(Message::json("role updated"))
}

/// Let a user in, or shut them out, for the next request. Not for oneself, nor for the last administrator.
#[utoipa::path(put, path = "/api/auth/admin/users/{id}/status", tag = "admin", params(("id" = String, Path)),
    request_body = NewStatus, responses((status = 200, body = Message), BodyRefusals))]
pub(super) async fn set_status(
    State(api): State<Api>,
    asker: Asker,
    Target(id): Target,
    JsonBody(body): JsonBody<NewStatus>,
) -> Result<Json<Message>, ApiError> {
    let status = body.status.parse().map_err(|_| ManageError::Status)?;
    api.auth.set_status(&asker.caller, id, status).await?;
    Ok(Message::json("status updated"))
}

/// Give somebody else a new password, and end their sessions.
#[utoipa::path(put, path = "/api/auth/admin/users/{id}/password", tag = "admin", params(("id" = String, Path)),
    request_body = NewPassword, responses((status = 200, body = Message), BodyRefusals))]
pub(super) async fn reset_password(
    State(api): State<Api>,
    asker: Asker,
    Target(id): Target,
    JsonBody(body): JsonBody<NewPassword>,
) -> Result<Json<Message>, ApiError> {
    api.auth.reset_password(&asker.caller, id, body.password).await?;
    Ok(Message::json("password reset successfully"))
}

/// Delete a user with keys, sessions and the invites they made. What they used stays in the reports, by name.
#[utoipa::path(delete, path = "/api/auth/admin/users/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = Message), Refusals))]
pub(super) async fn delete_user(
    State(api): State<Api>,
    asker: Asker,
    Target(id): Target,
) -> Result<Json<Message>, ApiError> {
    api.auth.delete_user(&asker.caller, id).await?;
    Ok(Message::json("user deleted"))
}
