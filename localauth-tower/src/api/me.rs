//! Who am I, and what is this server?

use axum::Json;
use axum::extract::State;
use localauth_core::{Auth, Role, Source, User, UserId};
use serde_json::{Map, Value, json};

use super::Api;
use super::error::ApiError;
use crate::CurrentUser;

/// `GET /api/auth/status`
pub(crate) async fn status(State(api): State<Api>, user: Option<CurrentUser>) -> Result<Json<Value>, ApiError> {
    let providers: &[&str] = if api.auth.local_auth() { &["local"] } else { &[] };
    let user = match user {
        Some(user) => Some(describe(&api.auth, &user).await?),
        None => None,
    };
    Ok(Json(json!({
        "authEnabled": true,
        "staticApiKeyRequired": false,
        "providers": providers,
        "hasUsers": api.auth.has_users().await?,
        "registrationMode": api.auth.registration().as_str(),
        "user": user,
    })))
}

/// `GET /api/auth/me`
pub(crate) async fn me(State(api): State<Api>, user: CurrentUser) -> Result<Json<Value>, ApiError> {
    let mut body = describe(&api.auth, &user).await?;
    body["quotas"] = json!([]);
    Ok(Json(body))
}

async fn describe(auth: &Auth, current: &CurrentUser) -> Result<Value, ApiError> {
    if *current.source() == Source::SharedKey {
        return Ok(json!({
            "id": current.public_user_id(),
            "email": "",
            "name": current.name(),
            "avatarUrl": "",
            "role": current.role().as_str(),
            "provider": "legacy",
            "permissions": permissions(auth, |key| current.may(key)),
        }));
    }
    match auth.find_user(current.id()).await? {
        Some(user) => Ok(user_json(auth, &user)),
        // Deleted between the look at the credential and this one.
        None => Err(localauth_core::Denial::InvalidSession.into()),
    }
}

/// A user as the API shows them to themselves.
pub(crate) fn user_json(auth: &Auth, user: &User) -> Value {
    let admin = user.role == Role::Admin;
    let default = |key: &str| auth.features().get(key).is_some_and(|f| f.default);
    json!({
        "id": user_id(user.id),
        "email": user.email.as_str(),
        "name": user.name,
        "avatarUrl": user.avatar_url,
        "role": user.role.as_str(),
        "provider": user.provider.as_str(),
        "permissions":
            permissions(auth, |key| admin || user.permissions.get(key).copied().unwrap_or_else(|| default(key))),
    })
}

/// An id as the API shows it.
pub(crate) fn user_id(id: UserId) -> String {
    if id == UserId::SHARED {
        "legacy-api-key".to_owned()
    } else {
        id.to_string()
    }
}

fn permissions(auth: &Auth, may: impl Fn(&str) -> bool) -> Map<String, Value> {
    auth.features()
        .iter()
        .map(|f| (f.key.to_owned(), may(f.key).into()))
        .collect()
}
