//! A user's own sessions.

use axum::Json;
use axum::extract::State;
use localauth_core::{SessionId, Source};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::caller::Asker;
use super::error::ApiError;
use super::keys::written;
use super::path::PathId;
use super::refusals::{Message, Refusals};
use super::view::time;
use crate::CurrentUser;

/// A device that is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionView {
    id: String,
    created_at: String,
    last_seen: String,
    /// The address it signed in from.
    ip: String,
    user_agent: String,
    /// Whether it is the one that asks.
    current: bool,
    expires_at: String,
    /// The administrator who acts as the user in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    impersonated_by: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sessions {
    sessions: Vec<SessionView>,
}

/// The caller's open sessions, newest first.
#[utoipa::path(get, operation_id = "list_sessions", path = "/api/auth/sessions", tag = "sessions", responses((status = 200, body = Sessions), Refusals))]
pub(crate) async fn list(State(api): State<Api>, user: CurrentUser) -> Result<Json<Sessions>, ApiError> {
    written(&api).await;
    let sessions = api.auth.list_sessions(user.id()).await?;
    let view = |session: localauth_core::Session| SessionView {
        current: matches!(user.source(), Source::Session { id } if *id == session.id),
        id: session.id.to_string(),
        created_at: time(session.created_at),
        last_seen: time(session.last_seen_at),
        expires_at: time(session.expires_at),
        ip: session.ip,
        user_agent: session.user_agent,
        impersonated_by: session.impersonator.map(|by| by.name),
    };
    Ok(Json(Sessions {
        sessions: sessions.into_iter().map(view).collect(),
    }))
}

/// End one of the caller's sessions.
#[utoipa::path(delete, operation_id = "end_session", path = "/api/auth/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = Message), Refusals))]
pub(crate) async fn end(
    State(api): State<Api>,
    asker: Asker,
    id: PathId<SessionId>,
) -> Result<Json<Message>, ApiError> {
    const MISSING: &str = "session not found";
    if api.auth.end_session(&asker.caller, id.or_missing(MISSING)?).await? {
        Ok(Message::json("session ended"))
    } else {
        Err(ApiError::missing(MISSING))
    }
}

/// End all of the caller's sessions but the one that asks.
#[utoipa::path(delete, path = "/api/auth/sessions", tag = "sessions",
    responses((status = 200, body = Message), Refusals))]
pub(crate) async fn end_others(State(api): State<Api>, asker: Asker) -> Result<Json<Message>, ApiError> {
    api.auth.end_other_sessions(&asker.caller).await?;
    Ok(Message::json("all other sessions ended"))
}
