//! Usage, one's own and everybody's.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use localauth_core::{Period, UsageFilter, UsageReport, UsageSources, UsageTotals, UserId};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::error::ApiError;
use super::query::QueryOf;
use super::refusals::Refusals;
use super::view::{time, user_id};
use crate::CurrentUser;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `day` (by hour), `week`, `month` (by day; the default) or `all` (by month).
    pub(crate) period: Option<String>,
}

/// Sums.
#[derive(Debug, Default, Clone, Serialize, ToSchema)]
pub(crate) struct Totals {
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) total_tokens: u64,
    pub(crate) request_count: u64,
    /// Those of them whose tokens had to be estimated.
    pub(crate) estimated_requests: u64,
    /// Those of the prompt tokens that the model server had in its cache.
    pub(crate) cached_tokens: u64,
    /// What it cost, in millionths of the currency that prices are in.
    pub(crate) cost_micros: u64,
}

/// A text that many rows of a report share.
fn shared<S: Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(text)
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageRow {
    /// In UTC: `YYYY-MM-DD HH:00`, `YYYY-MM-DD` or `YYYY-MM`.
    #[serde(serialize_with = "shared")]
    #[schema(value_type = String)]
    pub(crate) bucket: Arc<str>,
    #[serde(serialize_with = "shared")]
    #[schema(value_type = String)]
    pub(crate) model: Arc<str>,
    /// Empty for a deleted user.
    pub(crate) user_id: String,
    #[serde(serialize_with = "shared")]
    #[schema(value_type = String)]
    pub(crate) user_name: Arc<str>,
    #[serde(flatten)]
    pub(crate) totals: Totals,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Usage {
    pub(crate) usage: Vec<UsageRow>,
    pub(crate) totals: Totals,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceRow {
    #[serde(serialize_with = "shared")]
    #[schema(value_type = String)]
    pub(crate) bucket: Arc<str>,
    /// `apikey`, `web` or `legacy`.
    pub(crate) source: &'static str,
    /// Empty where there is no key.
    pub(crate) api_key_id: String,
    #[serde(serialize_with = "shared")]
    #[schema(value_type = String)]
    pub(crate) api_key_name: Arc<str>,
    pub(crate) user_id: String,
    #[serde(serialize_with = "shared")]
    #[schema(value_type = String)]
    pub(crate) user_name: Arc<str>,
    #[serde(flatten)]
    pub(crate) totals: Totals,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyRow {
    pub(crate) api_key_id: String,
    #[serde(serialize_with = "shared")]
    #[schema(value_type = String)]
    pub(crate) api_key_name: Arc<str>,
    pub(crate) user_id: String,
    #[serde(serialize_with = "shared")]
    #[schema(value_type = String)]
    pub(crate) user_name: Arc<str>,
    pub(crate) tokens: u64,
    pub(crate) requests: u64,
    pub(crate) cached_tokens: u64,
    pub(crate) cost_micros: u64,
    /// RFC 3339.
    pub(crate) last_used: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserSourceRow {
    pub(crate) user_id: String,
    #[serde(serialize_with = "shared")]
    #[schema(value_type = String)]
    pub(crate) user_name: Arc<str>,
    pub(crate) source: &'static str,
    pub(crate) tokens: u64,
    pub(crate) requests: u64,
    pub(crate) cached_tokens: u64,
    pub(crate) cost_micros: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceTotals {
    pub(crate) by_source: BTreeMap<&'static str, Totals>,
    /// At most 200, those with the most tokens first.
    pub(crate) by_key: Vec<KeyRow>,
    /// For administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by_user_source: Option<Vec<UserSourceRow>>,
    pub(crate) grand_total: Totals,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sources {
    pub(crate) buckets: Vec<SourceRow>,
    pub(crate) totals: SourceTotals,
    /// Whether there were more than 200 keys.
    pub(crate) truncated: bool,
}

impl From<UsageTotals> for Totals {
    fn from(totals: UsageTotals) -> Self {
        Self {
            prompt_tokens: totals.prompt_tokens,
            completion_tokens: totals.completion_tokens,
            total_tokens: totals.total_tokens(),
            request_count: totals.requests,
            estimated_requests: totals.estimated_requests,
            cached_tokens: totals.cached_tokens,
            cost_micros: totals.cost_micros,
        }
    }
}

fn shown(id: Option<UserId>) -> String {
    id.map(user_id).unwrap_or_default()
}

impl From<UsageReport> for Usage {
    fn from(report: UsageReport) -> Self {
        Self {
            usage: report
                .rows
                .into_iter()
                .map(|row| UsageRow {
                    bucket: row.bucket,
                    model: row.model,
                    user_id: shown(row.user_id),
                    user_name: row.user_name,
                    totals: row.totals.into(),
                })
                .collect(),
            totals: report.totals.into(),
        }
    }
}

impl Sources {
    /// As an administrator sees it, with `by_user_source`, or anybody else.
    pub(crate) fn of(report: UsageSources, admin: bool) -> Self {
        let key = |key: Option<(localauth_core::KeyId, Arc<str>)>| {
            key.map(|(id, name)| (id.to_string(), name)).unwrap_or_default()
        };
        let buckets = report.buckets.into_iter().map(|row| {
            let (api_key_id, api_key_name) = key(row.key);
            SourceRow {
                bucket: row.bucket,
                source: row.source.as_str(),
                api_key_id,
                api_key_name,
                user_id: shown(row.user_id),
                user_name: row.user_name,
                totals: row.totals.into(),
            }
        });
        // Those there are for everybody, also when nothing came with them.
        let mut by_source: BTreeMap<&'static str, Totals> =
            [("apikey", Totals::default()), ("web", Totals::default())].into();
        for (source, totals) in report.by_source {
            by_source.insert(source.as_str(), totals.into());
        }
        let by_key = report.by_key.into_iter().map(|row| KeyRow {
            api_key_id: row.key_id.to_string(),
            api_key_name: row.key_name,
            user_id: shown(row.user_id),
            user_name: row.user_name,
            tokens: row.totals.total_tokens(),
            requests: row.totals.requests,
            cached_tokens: row.totals.cached_tokens,
            cost_micros: row.totals.cost_micros,
            last_used: time(row.last_used),
        });
        let by_user_source = report.by_user_source.into_iter().map(|row| UserSourceRow {
            user_id: shown(row.user_id),
            user_name: row.user_name,
            source: row.source.as_str(),
            tokens: row.totals.total_tokens(),
            requests: row.totals.requests,
            cached_tokens: row.totals.cached_tokens,
            cost_micros: row.totals.cost_micros,
        });
        Self {
            buckets: buckets.collect(),
            totals: SourceTotals {
                by_source,
                by_key: by_key.collect(),
                by_user_source: admin.then(|| by_user_source.collect()),
                grand_total: report.grand_total.into(),
            },
            truncated: report.truncated,
        }
    }
}

pub(crate) fn period(text: Option<&str>) -> Result<Period, ApiError> {
    match text {
        None | Some("") => Ok(Period::Month),
        Some(text) => text.parse().map_err(|e| ApiError::bad(format!("period: {e}"))),
    }
}

/// What the caller used.
#[utoipa::path(get, operation_id = "own_usage", path = "/api/auth/usage", tag = "usage", params(Which),
    responses((status = 200, body = Usage), Refusals))]
pub(crate) async fn own(
    State(api): State<Api>,
    user: CurrentUser,
    QueryOf(which): QueryOf<Which>,
) -> Result<Json<Usage>, ApiError> {
    let period = period(which.period.as_deref())?;
    let report = api.auth.usage_report(period, UsageFilter::of_user(user.id())).await?;
    Ok(Json(report.into()))
}

/// What the caller used, by key and kind of credential.
#[utoipa::path(get, path = "/api/auth/usage/sources", tag = "usage", params(Which),
    responses((status = 200, body = Sources), Refusals))]
pub(crate) async fn own_sources(
    State(api): State<Api>,
    user: CurrentUser,
    QueryOf(which): QueryOf<Which>,
) -> Result<Json<Sources>, ApiError> {
    let period = period(which.period.as_deref())?;
    let report = api
        .auth
        .usage_sources(period, UsageFilter::of_user(user.id()), false)
        .await?;
    Ok(Json(Sources::of(report, false)))
}
