//! How limits stand.

use axum::Json;
use axum::extract::State;
use localauth_core::{Auth, LimitStatus, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::error::ApiError;
use super::refusals::Refusals;
use super::rules::RuleView;
use super::view::time;
use crate::CurrentUser;

/// A limit, and how it stands. What counts now is told beside each maximum.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Quota {
    #[serde(flatten)]
    rule: RuleView,
    current_requests: u64,
    /// Tokens read and written.
    current_total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_prompt_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_cost_micros: Option<u64>,
    /// Requests under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_concurrent: Option<u64>,
    /// When the next request would pass again, in RFC 3339; null while nothing is used up.
    resets_at: Option<String>,
}

/// A limit that binds whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BindingLimit {
    /// Whose limit it is.
    #[schema(pattern = "^(everyone|tier|user|key)$")]
    subject: &'static str,
    #[serde(flatten)]
    quota: Quota,
}

/// What limits whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnLimits {
    /// Their own, one a model.
    quotas: Vec<Quota>,
    /// All that bind requests with this credential. None for administrators, but for those of their keys.
    limits: Vec<BindingLimit>,
    /// The tier that holds for them, or null.
    tier: Option<String>,
}

impl From<LimitStatus> for Quota {
    fn from(status: LimitStatus) -> Self {
        let (rule, used) = (&status.limit.rule, &status.standing.used);
        let beside = |most: Option<u64>, used: u64| most.map(|_| used);
        Self {
            rule: (&status.limit).into(),
            current_requests: used.requests,
            current_total_tokens: used.total_tokens(),
            current_prompt_tokens: beside(rule.max_prompt_tokens, used.prompt_tokens),
            current_completion_tokens: beside(rule.max_completion_tokens, used.completion_tokens),
            current_cost_micros: beside(rule.max_cost_micros, used.cost_micros),
            current_concurrent: beside(rule.max_concurrent, status.standing.held.places),
            resets_at: status.resets_at().map(time),
        }
    }
}

/// A user's own limits, and how they stand.
pub(crate) async fn of_user(auth: &Auth, user: UserId) -> Result<Vec<Quota>, ApiError> {
    let status = auth.quota_status(user).await?;
    Ok(status.into_iter().map(Quota::from).collect())
}

/// The name of the tier that holds for whoever asks.
pub(crate) fn tier_of(user: &CurrentUser) -> Option<String> {
    user.tier().map(ToString::to_string)
}

/// What limits the caller, and how it stands.
#[utoipa::path(get, path = "/api/auth/quota", tag = "account", responses((status = 200, body = OwnLimits), Refusals))]
pub(crate) async fn quota(State(api): State<Api>, user: CurrentUser) -> Result<Json<OwnLimits>, ApiError> {
    let binding = api.auth.limit_status(user.identity()).await?.into_iter();
    let limits = binding.map(|status| BindingLimit {
        subject: status.subject.as_str(),
        quota: status.into(),
    });
    Ok(Json(OwnLimits {
        limits: limits.collect(),
        quotas: of_user(&api.auth, user.id()).await?,
        tier: tier_of(&user),
    }))
}
