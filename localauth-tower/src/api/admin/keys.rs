//! Everybody's API keys, and accounts that only programs use.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use localauth_core::{KeyId, Role, UserId, UserQuery};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::Api;
use super::super::caller::Asker;
use super::super::error::ApiError;
use super::super::json::JsonBody;
use super::super::keys::{CreateKey, CreatedKeyView, KeyView, Keys, written};
use super::super::path::PathId;
use super::super::query::QueryOf;
use super::super::refusals::{BodyRefusals, Message, Refusals};
use super::super::view::parse_user_id;
use super::filter::{self, given};
use super::target;

/// A key about to be made for somebody. Either `userId` or `serviceAccount` is needed, and not both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateKeyFor {
    /// Whose it is to be.
    user_id: Option<String>,
    /// The name of a new account that nobody signs in to, whose key it is to be.
    service_account: Option<String>,
    #[serde(flatten)]
    key: CreateKey,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhoseKeys {
    /// Only this user's.
    user_id: Option<String>,
}

/// Everybody's keys, newest first.
#[utoipa::path(get, path = "/api/auth/admin/keys", tag = "admin", params(WhoseKeys),
    responses((status = 200, body = Keys), Refusals))]
pub(super) async fn list_all_keys(
    State(api): State<Api>,
    QueryOf(whose): QueryOf<WhoseKeys>,
) -> Result<Json<Keys>, ApiError> {
    let owner = filter::user("user_id", whose.user_id.as_deref())?;
    written(&api).await;
    let (keys, owners) = if let Some(owner) = owner {
        let user = api.auth.find_user(owner).await?;
        (api.auth.list_keys(owner).await?, user.into_iter().collect())
    } else {
        let keys = api.auth.list_all_keys().await?;
        (keys, api.auth.list_users(&UserQuery::default()).await?)
    };
    let roles: BTreeMap<UserId, Role> = owners.iter().map(|user| (user.id, user.role)).collect();
    // A key without an owner went with them between the two looks.
    let shown = keys
        .iter()
        .filter_map(|key| Some(KeyView::of(key, *roles.get(&key.user_id)?).with_owner(key)));
    Ok(Json(Keys { keys: shown.collect() }))
}

/// Make a key for a user, or for a new service account.
#[utoipa::path(post, path = "/api/auth/admin/keys", tag = "admin", request_body = CreateKeyFor,
    responses((status = 201, body = CreatedKeyView), BodyRefusals))]
pub(super) async fn create_key_for(
    State(api): State<Api>,
    asker: Asker,
    JsonBody(body): JsonBody<CreateKeyFor>,
) -> Result<(StatusCode, Json<CreatedKeyView>), ApiError> {
    // What is wrong with the wish is found before an account is made for it.
    let new = body.key.wish(&api.auth)?;
    let (owner, is_new) = match (given(body.user_id.as_deref()), given(body.service_account.as_deref())) {
        (Some(id), None) => {
            let id = parse_user_id(id).ok_or_else(|| ApiError::missing("user not found"))?;
            (target::user(&api, id).await?, false)
        }
        (None, Some(name)) => (api.auth.add_service_account(&asker.caller, name).await?, true),
        _ => return Err(ApiError::bad("give either userId or serviceAccount")),
    };
    let made = match api.auth.create_key_for(&asker.caller, owner.id, new).await {
        Ok(made) => made,
        Err(error) => {
            // An account without its key is of no use to anybody, and another try would make a second one.
            if is_new && let Err(undo) = api.auth.delete_user(&asker.caller, owner.id).await {
                tracing::error!(user = %owner.id, "a service account is left without a key: {undo}");
            }
            return Err(error.into());
        }
    };
    let view = KeyView::of(&made.key, owner.role).with_owner(&made.key);
    let key = made.plain.expose().to_owned();
    Ok((StatusCode::CREATED, Json(CreatedKeyView { key, view })))
}

/// Revoke anybody's key. It is dead for the next request.
#[utoipa::path(delete, path = "/api/auth/admin/keys/{id}", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = Message), Refusals))]
pub(super) async fn revoke_any_key(
    State(api): State<Api>,
    asker: Asker,
    id: PathId<KeyId>,
) -> Result<Json<Message>, ApiError> {
    let id = id.or_missing("API key not found")?;
    if api.auth.revoke_key(&asker.caller, id).await? {
        Ok(Message::json("API key revoked"))
    } else {
        Err(ApiError::missing("API key not found"))
    }
}
