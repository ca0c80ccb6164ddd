//! A user's own limits, and the tier they are in.

use axum::Json;
use axum::extract::State;
use localauth_core::TierName;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::Api;
use super::super::caller::Asker;
use super::super::error::ApiError;
use super::super::json::{JsonBody, Said};
use super::super::quota::{self, Quota};
use super::super::refusals::{BodyRefusals, Message, Refusals};
use super::super::rules::Rule;
use super::super::view::user_id;
use super::target::{self, Target, TargetQuota};

/// A user's own limits, and how they stand.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuotaList {
    quotas: Vec<Quota>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuotaSet {
    message: &'static str,
    quota: Quota,
}

/// The tier a user is to be in.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct TierOfUser {
    /// Its name; null is the default one. Has to be said: nobody leaves a tier because a field was left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, required = true)]
    tier: Said,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TierSet {
    message: &'static str,
    user_id: String,
    /// The tier they were put into; null is the default one.
    tier: Option<String>,
}

/// A user's own limits, and how they stand.
#[utoipa::path(get, path = "/api/auth/admin/users/{id}/quotas", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = QuotaList), Refusals))]
pub(super) async fn quotas_of(State(api): State<Api>, Target(id): Target) -> Result<Json<QuotaList>, ApiError> {
    target::user(&api, id).await?;
    Ok(Json(QuotaList {
        quotas: quota::of_user(&api.auth, id).await?,
    }))
}

/// Give a user a limit, in place of the one for the same model, whose id stays. In force for their next request; what they
/// used before counts.
#[utoipa::path(put, path = "/api/auth/admin/users/{id}/quotas", tag = "admin", params(("id" = String, Path)),
    request_body = Rule, responses((status = 200, body = QuotaSet), BodyRefusals))]
pub(super) async fn set_quota(
    State(api): State<Api>,
    asker: Asker,
    Target(id): Target,
    JsonBody(body): JsonBody<Rule>,
) -> Result<Json<QuotaSet>, ApiError> {
    let limit = api.auth.set_user_limit(&asker.caller, id, body.parse()?).await?;
    let mut status = api.auth.quota_status(id).await?;
    // Somebody else may have taken it away again.
    let place = status.iter().position(|status| status.limit.id == limit);
    let place = place.ok_or_else(|| ApiError::missing("quota rule not found"))?;
    Ok(Json(QuotaSet {
        message: "quota rule saved",
        quota: status.swap_remove(place).into(),
    }))
}

/// Take a limit away from a user.
#[utoipa::path(delete, path = "/api/auth/admin/users/{id}/quotas/{quota_id}", tag = "admin",
    params(("id" = String, Path), ("quota_id" = String, Path)), responses((status = 200, body = Message), Refusals))]
pub(super) async fn delete_quota(
    State(api): State<Api>,
    asker: Asker,
    TargetQuota(user, quota): TargetQuota,
) -> Result<Json<Message>, ApiError> {
    api.auth.delete_user_limit(&asker.caller, user, quota).await?;
    Ok(Message::json("quota rule deleted"))
}

/// Put a user into a tier, or back into the default one. In force for their next request.
#[utoipa::path(put, path = "/api/auth/admin/users/{id}/tier", tag = "admin", params(("id" = String, Path)),
    request_body = TierOfUser, responses((status = 200, body = TierSet), BodyRefusals))]
pub(super) async fn set_tier(
    State(api): State<Api>,
    asker: Asker,
    Target(id): Target,
    JsonBody(body): JsonBody<TierOfUser>,
) -> Result<Json<TierSet>, ApiError> {
    let tier = match body.tier.value() {
        Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) | None => {
            return Err(ApiError::bad(
                "tier must be the name of a tier, or null for the default one",
            ));
        }
    };
    let tier: Option<TierName> = tier
        .map(|name| name.parse())
        .transpose()
        .map_err(|e| ApiError::bad(format!("tier: {e}")))?;
    target::user(&api, id).await?;
    api.auth.set_user_tier(&asker.caller, id, tier.as_ref()).await?;
    Ok(Json(TierSet {
        message: "tier updated",
        user_id: user_id(id),
        tier: tier.map(String::from),
    }))
}
