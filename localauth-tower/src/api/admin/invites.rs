//! Invites.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use localauth_core::{AuditActor, InviteId, InviteInfo, RevokeInvite};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Api;
use super::super::caller::Asker;
use super::super::error::ApiError;
use super::super::json::JsonBody;
use super::super::me::Person;
use super::super::path::PathId;
use super::super::refusals::{BodyRefusals, Message, Refusals};
use super::super::view::{time, user_id};

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateInvite {
    /// At most 8760; 168 when absent, zero or less.
    expires_in_hours: Option<i64>,
}

/// An invite that was made, with its code: shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedInviteView {
    id: String,
    code: String,
    expires_at: String,
    created_at: String,
}

/// An invite, without its code.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InviteView {
    id: String,
    code_prefix: String,
    expires_at: String,
    created_at: String,
    /// RFC 3339, or null.
    used_at: Option<String>,
    /// Null when that user is gone.
    created_by: Option<Person>,
    /// Null while unused, and when that user is gone.
    used_by: Option<Person>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InviteList {
    invites: Vec<InviteView>,
}

/// Somebody, as the API names them.
pub(super) fn person(actor: AuditActor) -> Person {
    Person {
        id: user_id(actor.id),
        name: actor.name,
    }
}

impl From<InviteInfo> for InviteView {
    fn from(info: InviteInfo) -> Self {
        Self {
            id: info.invite.id.to_string(),
            code_prefix: info.invite.code_prefix,
            expires_at: time(info.invite.expires_at),
            created_at: time(info.invite.created_at),
            used_at: info.invite.used_at.map(time),
            created_by: info.created_by.map(person),
            used_by: info.used_by.map(person),
        }
    }
}

/// All invites, newest first.
#[utoipa::path(get, path = "/api/auth/admin/invites", tag = "admin",
    responses((status = 200, body = InviteList), Refusals))]
pub(super) async fn list_invites(State(api): State<Api>) -> Result<Json<InviteList>, ApiError> {
    let invites = api.auth.list_invites().await?;
    Ok(Json(InviteList {
        invites: invites.into_iter().map(InviteView::from).collect(),
    }))
}

/// Make an invite. Its code lets one person in, once.
#[utoipa::path(post, path = "/api/auth/admin/invites", tag = "admin", request_body = CreateInvite,
    responses((status = 201, body = CreatedInviteView), BodyRefusals))]
pub(super) async fn create_invite(
    State(api): State<Api>,
    asker: Asker,
    body: Option<JsonBody<CreateInvite>>,
) -> Result<(StatusCode, Json<CreatedInviteView>), ApiError> {
    let hours = body.and_then(|JsonBody(body)| body.expires_in_hours);
    let made = api.auth.create_invite(&asker.caller, hours).await?;
    let view = CreatedInviteView {
        id: made.invite.id.to_string(),
        code: made.code.expose().to_owned(),
        expires_at: time(made.invite.expires_at),
        created_at: time(made.invite.created_at),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Revoke an invite that nobody has used.
#[utoipa::path(delete, path = "/api/auth/admin/invites/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = Message), Refusals))]
pub(super) async fn revoke_invite(
    State(api): State<Api>,
    asker: Asker,
    id: PathId<InviteId>,
) -> Result<Json<Message>, ApiError> {
    const MISSING: &str = "invite not found";
    match api.auth.revoke_invite(&asker.caller, id.or_missing(MISSING)?).await? {
        RevokeInvite::Revoked => Ok(Message::json("invite revoked")),
        RevokeInvite::Used => Err(ApiError::bad("cannot revoke a used invite")),
        _ => Err(ApiError::missing(MISSING)),
    }
}
