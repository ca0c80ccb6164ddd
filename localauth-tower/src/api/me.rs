//! Who am I, and what is this server?

use axum::Json;
use axum::extract::State;
use localauth_core::{LinkedIdentity, Provider};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::caller::Asker;
use super::error::ApiError;
use super::json::JsonBody;
use super::path::PathId;
use super::quota::{self, Quota};
use super::refusals::{BodyRefusals, Message, Refusals};
use super::view::{UserView, time};
use crate::CurrentUser;

/// What this server is, and who asks.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    auth_enabled: bool,
    static_api_key_required: bool,
    /// `local`, `github`, `oidc`.
    providers: Vec<&'static str>,
    has_users: bool,
    /// `open`, `approval`, `invite`.
    registration_mode: &'static str,
    user: Option<UserView>,
}

/// What this server is, and who asks.
#[utoipa::path(get, path = "/api/auth/status", tag = "sign-in", security((), ("key" = []), ("session" = [])),
    responses((status = 200, body = Status), Refusals))]
pub(crate) async fn status(State(api): State<Api>, user: Option<CurrentUser>) -> Result<Json<Status>, ApiError> {
    let local = (api.accounts && api.auth.local_auth()).then_some("local");
    let user = match user {
        Some(user) => Some(UserView::current(&api.auth, &user).await?),
        None => None,
    };
    Ok(Json(Status {
        auth_enabled: api.accounts,
        static_api_key_required: !api.accounts,
        providers: local.into_iter().chain(api.providers.iter().copied()).collect(),
        has_users: api.auth.has_users().await?,
        registration_mode: api.auth.registration().as_str(),
        user,
    }))
}

/// Whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    #[serde(flatten)]
    user: UserView,
    /// Their own limits, and how they stand.
    quotas: Vec<Quota>,
    /// The tier that holds for them, or null.
    tier: Option<String>,
    /// The administrator who acts as this user.
    #[serde(rename = "impersonatedBy", skip_serializing_if = "Option::is_none")]
    impersonated_by: Option<Person>,
}

/// Somebody, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// Who asks.
#[utoipa::path(get, path = "/api/auth/me", tag = "account", responses((status = 200, body = Me), Refusals))]
pub(crate) async fn me(State(api): State<Api>, user: CurrentUser) -> Result<Json<Me>, ApiError> {
    Ok(Json(Me {
        user: UserView::current(&api.auth, &user).await?,
        quotas: quota::of_user(&api.auth, user.id()).await?,
        tier: quota::tier_of(&user),
        impersonated_by: user.impersonator().map(|by| Person {
            id: super::view::user_id(by.id),
            name: by.name.clone(),
        }),
    }))
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChangeProfile {
    #[serde(default)]
    name: String,
    /// An `http` or `https` URL, or empty for none. Left out, it stays.
    avatar_url: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Profile {
    message: &'static str,
    name: String,
    avatar_url: String,
}

/// Change the caller's name and picture, and nothing else.
#[utoipa::path(put, path = "/api/auth/profile", tag = "account", request_body = ChangeProfile,
    responses((status = 200, body = Profile), BodyRefusals))]
pub(crate) async fn profile(
    State(api): State<Api>,
    asker: Asker,
    JsonBody(body): JsonBody<ChangeProfile>,
) -> Result<Json<Profile>, ApiError> {
    let (name, avatar_url) = api
        .auth
        .set_profile(&asker.caller, &body.name, body.avatar_url.as_deref())
        .await?;
    Ok(Json(Profile {
        message: "profile updated",
        name,
        avatar_url,
    }))
}

/// An identity at a provider.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IdentityView {
    provider: &'static str,
    linked_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Identities {
    identities: Vec<IdentityView>,
}

/// The providers that are linked to the caller's account.
#[utoipa::path(get, path = "/api/auth/identities", tag = "account",
    responses((status = 200, body = Identities), Refusals))]
pub(crate) async fn identities(State(api): State<Api>, user: CurrentUser) -> Result<Json<Identities>, ApiError> {
    let view = |linked: LinkedIdentity| IdentityView {
        provider: linked.identity.provider.as_str(),
        linked_at: time(linked.linked_at),
    };
    let identities = api.auth.identities(user.id()).await?;
    Ok(Json(Identities {
        identities: identities.into_iter().map(view).collect(),
    }))
}

/// Take a provider from the caller's account, unless they could then not sign in any more.
#[utoipa::path(delete, path = "/api/auth/identities/{provider}", tag = "account", params(("provider" = String, Path)),
    responses((status = 200, body = Message), Refusals))]
pub(crate) async fn unlink(
    State(api): State<Api>,
    user: CurrentUser,
    asker: Asker,
    provider: PathId<Provider>,
) -> Result<Json<Message>, ApiError> {
    const MISSING: &str = "no such provider is linked";
    let provider = provider.or_missing(MISSING)?;
    user.require_unbound_minting()?;
    let identities = api.auth.identities(user.id()).await?;
    let linked = identities.iter().find(|linked| linked.identity.provider == provider);
    let linked = linked.ok_or_else(|| ApiError::missing(MISSING))?;
    if api.auth.unlink_external(&asker.caller, &linked.identity).await? {
        Ok(Message::json("provider unlinked"))
    } else {
        Err(ApiError::bad(
            "you could not sign in any more: link another provider first",
        ))
    }
}
