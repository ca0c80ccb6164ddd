//! A user's own API keys.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use ipnet::IpNet;
use localauth_core::{
    ApiKey, Auth, DEFAULT_ROTATION_GRACE, KeyId, KeyLimit, KeyScope, KeyTier, NewKey, Role, Source, Timestamp,
    parse_duration,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::caller::Asker;
use super::error::ApiError;
use super::json::JsonBody;
use super::path::PathId;
use super::refusals::{BodyRefusals, Message, Refusals};
use super::rules::{Rule, RuleView};
use super::view::{time, user_id};
use crate::CurrentUser;

/// A key about to be made. Of the lists: absent is no narrowing, empty allows nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateKey {
    #[serde(default)]
    #[schema(example = "laptop")]
    pub(crate) name: String,
    /// Like `24h`, `30d` or `1y`.
    pub(crate) expires_in: Option<String>,
    /// RFC 3339.
    pub(crate) expires_at: Option<String>,
    pub(crate) models: Option<Vec<String>>,
    pub(crate) features: Option<Vec<String>>,
    /// Like `POST /v1/chat/completions`, with `*` at the end of a path.
    pub(crate) routes: Option<Vec<String>>,
    /// Networks, like `192.0.2.0/24`.
    pub(crate) ips: Option<Vec<String>>,
    /// What may be used with the key and those made from it together, beside what limits its owner.
    pub(crate) limits: Option<Vec<Rule>>,
    /// The tier whose limits, features and models narrow the key.
    pub(crate) tier: Option<String>,
    /// Whether the key may make other keys.
    #[serde(rename = "can_mint", default)]
    pub(crate) can_mint: bool,
}

/// A key, without the key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyView {
    pub(crate) id: String,
    /// Whose it is; in the lists of administrators only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_id: Option<String>,
    pub(crate) name: String,
    pub(crate) key_prefix: String,
    /// The present role of its owner.
    pub(crate) role: &'static str,
    pub(crate) created_at: String,
    /// RFC 3339, or null.
    pub(crate) last_used: Option<String>,
    /// The address it was last used from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) models: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) features: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) routes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ips: Option<Vec<String>>,
    /// What may be used with it, beside what limits its owner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) limits: Vec<KeyLimitView>,
    /// The tier that narrows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tier: Option<String>,
    #[serde(rename = "can_mint")]
    pub(crate) can_mint: bool,
    /// The key it was made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) made_with: Option<String>,
    /// The secret from before the last rotation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old_secret: Option<OldSecret>,
}

/// A limit of a key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyLimitView {
    #[serde(flatten)]
    rule: RuleView,
    /// The key it was made for, which it counts together with.
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_with: Option<String>,
}

/// A key's secret from before its last rotation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OldSecret {
    /// Until when it is good.
    pub(crate) grace_until: String,
    /// When it was last used since the rotation, or null.
    pub(crate) last_used: Option<String>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_from: Option<String>,
}

/// A key that was made, with the key: shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedKeyView {
    /// The key.
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) view: KeyView,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<KeyView>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct Rotate {
    /// How long the old secret stays good: like `7d`, which is the default; `0s` is not at all.
    pub(crate) grace: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rotated {
    /// The key with its new secret.
    pub(crate) key: String,
    /// Until when the old secret is good.
    pub(crate) grace_until: String,
}

impl KeyView {
    pub(crate) fn of(key: &ApiKey, role: Role) -> Self {
        let list = |set: &std::collections::BTreeSet<String>| set.iter().cloned().collect();
        let limit = |limit: &KeyLimit| KeyLimitView {
            rule: (&limit.limit).into(),
            shared_with: limit.holder.filter(|holder| *holder != key.id).map(|id| id.to_string()),
        };
        let shown = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self {
            id: key.id.to_string(),
            user_id: None,
            name: key.name.clone(),
            key_prefix: key.public_id.key_prefix(),
            role: role.as_str(),
            created_at: time(key.created_at),
            last_used: key.last_used_at.map(time),
            last_used_from: shown(&key.last_used_ip),
            expires_at: key.expires_at.map(time),
            models: key.scope.models.as_ref().map(list),
            features: key.scope.features.as_ref().map(list),
            routes: key
                .scope
                .routes
                .as_ref()
                .map(|all| all.iter().map(ToString::to_string).collect()),
            ips: key
                .scope
                .ips
                .as_ref()
                .map(|all| all.iter().map(ToString::to_string).collect()),
            limits: key.scope.limits.iter().map(limit).collect(),
            tier: key.scope.tier.as_ref().map(|tier| tier.name.to_string()),
            can_mint: key.scope.can_mint,
            made_with: key.parent_id.map(|id| id.to_string()),
            old_secret: key.previous.as_ref().map(|old| OldSecret {
                grace_until: time(old.until),
                last_used: old.last_used_at.map(time),
                last_used_from: shown(&old.last_used_ip),
            }),
        }
    }

    pub(crate) fn with_owner(mut self, key: &ApiKey) -> Self {
        self.user_id = Some(user_id(key.user_id));
        self
    }
}

/// What is wrong with a wish for a key, by the field that holds it.
#[derive(Debug)]
pub(crate) enum BadWish {
    Limits(ApiError),
    Tier(ApiError),
    Routes(ApiError),
    Networks(ApiError),
    Expiry(ApiError),
}

impl From<BadWish> for ApiError {
    fn from(wish: BadWish) -> Self {
        match wish {
            BadWish::Limits(error)
            | BadWish::Tier(error)
            | BadWish::Routes(error)
            | BadWish::Networks(error)
            | BadWish::Expiry(error) => error,
        }
    }
}

impl CreateKey {
    /// What is to be made, or what is wrong with it.
    pub(crate) fn wish(self, auth: &Auth) -> Result<NewKey, BadWish> {
        let rules = self.limits.unwrap_or_default().into_iter();
        // Whose limits these are is for the maker to say, never for the body.
        let limits = rules.map(|rule| {
            let limit = auth.new_limit(rule.parse()?)?;
            Ok(KeyLimit { holder: None, limit })
        });
        let tier = self.tier.filter(|name| !name.is_empty()).map(|name| {
            let name = name
                .parse()
                .map_err(|e| BadWish::Tier(ApiError::bad(format!("tier: {e}"))))?;
            Ok(KeyTier { name, holder: None })
        });
        let routes = self.routes.map(|all| {
            let wrong = |e| BadWish::Routes(ApiError::bad(format!("routes: {e}")));
            let parse = |text: &String| text.parse().map_err(wrong);
            all.iter().map(parse).collect::<Result<Vec<_>, _>>()
        });
        let ips = self
            .ips
            .map(|all| all.iter().map(|text| network(text)).collect::<Result<Vec<_>, _>>());
        let mut new = NewKey::named(self.name).scoped(KeyScope {
            models: self.models.map(|all| all.into_iter().collect()),
            features: self.features.map(|all| all.into_iter().collect()),
            routes: routes.transpose()?,
            ips: ips.transpose().map_err(BadWish::Networks)?,
            can_mint: self.can_mint,
            limits: limits.collect::<Result<_, ApiError>>().map_err(BadWish::Limits)?,
            tier: tier.transpose()?,
        });
        new.expires_at = expiry(self.expires_in, self.expires_at, auth.now()).map_err(BadWish::Expiry)?;
        Ok(new)
    }
}

fn network(text: &str) -> Result<IpNet, ApiError> {
    let text = text.trim();
    let net: IpNet = text
        .parse()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(|ip| ip.to_canonical().into()))
        .map_err(|_| ApiError::bad("ips: expected networks like `192.0.2.0/24` or addresses"))?;
    Ok(net.trunc())
}

fn expiry(span: Option<String>, at: Option<String>, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    let non_empty = |text: Option<String>| text.filter(|t| !t.is_empty());
    match (non_empty(span), non_empty(at)) {
        (Some(_), Some(_)) => Err(ApiError::bad("give either expiresIn or expiresAt, not both")),
        (Some(text), None) => {
            let span = parse_duration(&text).map_err(|e| ApiError::bad(format!("expiresIn: {e}")))?;
            Ok(Some(now + span))
        }
        (None, Some(text)) => Timestamp::parse_rfc3339(&text)
            .map(Some)
            .ok_or_else(|| ApiError::bad("expiresAt: expected a time like 2030-01-31T12:00:00Z")),
        (None, None) => Ok(None),
    }
}

/// Nobody's account stands behind a shared key.
fn has_account(user: &CurrentUser) -> Result<(), ApiError> {
    if user.id() == localauth_core::UserId::SHARED {
        return Err(ApiError::bad("a shared key has no keys of its own: sign in as a user"));
    }
    Ok(())
}

/// Make a key. It never has more than the credential it is made with.
#[utoipa::path(post, operation_id = "create_key", path = "/api/auth/api-keys", tag = "keys", request_body = CreateKey,
    responses((status = 201, body = CreatedKeyView), BodyRefusals))]
pub(crate) async fn create(
    State(api): State<Api>,
    user: CurrentUser,
    asker: Asker,
    JsonBody(body): JsonBody<CreateKey>,
) -> Result<(StatusCode, Json<CreatedKeyView>), ApiError> {
    has_account(&user)?;
    user.require_minting()?;
    let new = body.wish(&api.auth)?;
    let created = api.auth.create_own_key(&asker.caller, new).await?;
    Ok((
        StatusCode::CREATED,
        Json(CreatedKeyView {
            key: created.plain.expose().to_owned(),
            view: KeyView::of(&created.key, user.role()),
        }),
    ))
}

/// The caller's keys, newest first.
#[utoipa::path(get, operation_id = "list_keys", path = "/api/auth/api-keys", tag = "keys", responses((status = 200, body = Keys), Refusals))]
pub(crate) async fn list(State(api): State<Api>, user: CurrentUser) -> Result<Json<Keys>, ApiError> {
    written(&api).await;
    let keys = api.auth.list_keys(user.id()).await?;
    let keys = keys.iter().map(|key| KeyView::of(key, user.role())).collect();
    Ok(Json(Keys { keys }))
}

/// So that a use just now is shown; without it the list is right all the same.
pub(crate) async fn written(api: &Api) {
    if let Err(error) = api.auth.flush().await {
        tracing::debug!(%error, "a list is shown before the last uses are written");
    }
}

/// How long an old secret stays good.
pub(crate) fn grace(text: Option<&str>) -> Result<std::time::Duration, ApiError> {
    match text {
        None | Some("") => Ok(DEFAULT_ROTATION_GRACE),
        Some("0" | "0s" | "0m" | "0h" | "0d") => Ok(std::time::Duration::ZERO),
        Some(text) => parse_duration(text).map_err(|e| ApiError::bad(format!("grace: {e}"))),
    }
}

/// Give a key a new secret under the same id. The old one is good until the grace ends.
#[utoipa::path(post, operation_id = "rotate_key", path = "/api/auth/api-keys/{id}/rotate", tag = "keys", params(("id" = String, Path)),
    request_body = Rotate, responses((status = 200, body = Rotated), BodyRefusals))]
pub(crate) async fn rotate(
    State(api): State<Api>,
    user: CurrentUser,
    asker: Asker,
    id: PathId<KeyId>,
    body: Option<JsonBody<Rotate>>,
) -> Result<Json<Rotated>, ApiError> {
    user.require_minting()?;
    let grace = grace(body.and_then(|JsonBody(body)| body.grace).as_deref())?;
    let rotated = api
        .auth
        .rotate_key(&asker.caller, id.or_missing("API key not found")?, grace)
        .await?;
    Ok(Json(Rotated {
        key: rotated.plain.expose().to_owned(),
        grace_until: time(rotated.grace_until),
    }))
}

/// Revoke a key. It is dead for the next request.
#[utoipa::path(delete, operation_id = "revoke_key", path = "/api/auth/api-keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 200, body = Message), Refusals))]
pub(crate) async fn revoke(
    State(api): State<Api>,
    user: CurrentUser,
    asker: Asker,
    id: PathId<KeyId>,
) -> Result<Json<Message>, ApiError> {
    if user.impersonator().is_none() {
        user.require_minting()?;
    }
    api.auth
        .revoke_own_key(&asker.caller, id.or_missing("API key not found")?)
        .await?;
    Ok(Message::json("API key revoked"))
}

/// The key a request came with.
pub(crate) fn key_of(user: &CurrentUser) -> Option<String> {
    match user.source() {
        Source::ApiKey { id, .. } => Some(id.to_string()),
        _ => None,
    }
}
