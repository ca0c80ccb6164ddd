//! A user's own API keys.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::StatusCode;
use localauth_core::{ApiKey, Denial, NewKey, Role, Source, Timestamp, parse_duration};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::error::ApiError;
use super::json::JsonBody;
use crate::CurrentUser;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Create {
    #[serde(default)]
    name: String,
    expires_in: Option<String>,
    expires_at: Option<String>,
}

/// Keys are made and revoked by people: a key that leaked must not be able to make others, or lock its owner out.
fn by_a_person(user: &CurrentUser) -> Result<(), ApiError> {
    match user.source() {
        Source::ApiKey { .. } => Err(Denial::KeyScope.into()),
        Source::SharedKey => Err(ApiError::bad("a shared key has no keys of its own: sign in as a user")),
        _ => Ok(()),
    }
}

/// `POST /api/auth/api-keys`
pub(crate) async fn create(
    State(api): State<Api>,
    user: CurrentUser,
    JsonBody(body): JsonBody<Create>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    by_a_person(&user)?;
    let expires_at = match (non_empty(body.expires_in), non_empty(body.expires_at)) {
        (Some(_), Some(_)) => return Err(ApiError::bad("give either expiresIn or expiresAt, not both")),
        (Some(text), None) => {
            Some(api.auth.now() + parse_duration(&text).map_err(|e| ApiError::bad(format!("expiresIn: {e}")))?)
        }
        (None, Some(text)) => Some(
            Timestamp::parse_rfc3339(&text)
                .ok_or_else(|| ApiError::bad("expiresAt: expected a time like 2030-01-31T12:00:00Z"))?,
        ),
        (None, None) => None,
    };
    let mut new = NewKey::named(body.name);
    new.expires_at = expires_at;
    let created = api.auth.create_key(user.id(), new).await?;
    let mut shown = key_json(&created.key, user.role());
    shown["key"] = created.plain.expose().into();
    Ok((StatusCode::CREATED, Json(shown)))
}

/// `GET /api/auth/api-keys`
pub(crate) async fn list(State(api): State<Api>, user: CurrentUser) -> Result<Json<Value>, ApiError> {
    // So that a use just now is shown; without it the list is right all the same.
    if let Err(error) = api.auth.flush().await {
        tracing::debug!(%error, "the list of keys is shown before their last use is written");
    }
    let keys = api.auth.list_keys(user.id()).await?;
    let keys: Vec<Value> = keys
        .iter()
        .map(|key| {
            let mut shown = key_json(key, user.role());
            shown["lastUsed"] = key.last_used_at.map(Timestamp::to_rfc3339).into();
            shown
        })
        .collect();
    Ok(Json(json!({ "keys": keys })))
}

/// `DELETE /api/auth/api-keys/{id}`
pub(crate) async fn revoke(
    State(api): State<Api>,
    user: CurrentUser,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, ApiError> {
    by_a_person(&user)?;
    // What is no id is the id of no key.
    let revoked = match id.ok().and_then(|Path(id)| id.parse().ok()) {
        Some(id) => api.auth.revoke_key(Some(user.id()), id).await?,
        None => false,
    };
    if revoked {
        Ok(Json(json!({ "message": "API key revoked" })))
    } else {
        Err(ApiError::missing("API key not found"))
    }
}

fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|t| !t.is_empty())
}

fn key_json(key: &ApiKey, role: Role) -> Value {
    let mut shown = json!({
        "id": key.id.to_string(),
        "name": key.name,
        "keyPrefix": key.public_id.key_prefix(),
        "role": role.as_str(),
        "createdAt": key.created_at.to_rfc3339(),
    });
    if let Some(end) = key.expires_at {
        shown["expiresAt"] = end.to_rfc3339().into();
    }
    shown
}
