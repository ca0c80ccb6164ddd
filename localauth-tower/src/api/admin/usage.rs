//! Everybody's usage, also as a table.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use localauth_core::UsageFilter;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::Api;
use super::super::error::ApiError;
use super::super::query::QueryOf;
use super::super::refusals::Refusals;
use super::super::usage::{Sources, Totals, Usage, period};
use super::csv::Csv;
use super::filter::{self, given};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhoseUsage {
    /// `day` (by hour), `week`, `month` (by day; the default) or `all` (by month).
    period: Option<String>,
    /// Only this user's.
    user_id: Option<String>,
    /// `csv` for a table.
    format: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichSources {
    /// `day` (by hour), `week`, `month` (by day; the default) or `all` (by month).
    period: Option<String>,
    /// Only this user's.
    user_id: Option<String>,
    /// Only what came with this key.
    api_key_id: Option<String>,
    /// `csv` for a table of the buckets.
    format: Option<String>,
}

fn is_table(format: Option<&str>) -> Result<bool, ApiError> {
    match given(format) {
        None | Some("json") => Ok(false),
        Some("csv") => Ok(true),
        Some(_) => Err(ApiError::bad("format must be `json` or `csv`")),
    }
}

const TOTALS: [&str; 7] = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "request_count",
    "estimated_requests",
    "cached_tokens",
    "cost_micros",
];

fn totals(totals: &Totals) -> [String; 7] {
    [
        totals.prompt_tokens,
        totals.completion_tokens,
        totals.total_tokens,
        totals.request_count,
        totals.estimated_requests,
        totals.cached_tokens,
        totals.cost_micros,
    ]
    .map(|n| n.to_string())
}

fn usage_table(usage: &Usage) -> Csv {
    let names = ["bucket", "model", "user_id", "user_name"];
    let mut table = Csv::with_header(names.into_iter().chain(TOTALS));
    for row in &usage.usage {
        let texts: [&str; 4] = [&row.bucket, &row.model, &row.user_id, &row.user_name];
        let numbers = totals(&row.totals);
        table.row(texts.into_iter().chain(numbers.iter().map(String::as_str)));
    }
    table
}

fn sources_table(sources: &Sources) -> Csv {
    let names = ["bucket", "source", "api_key_id", "api_key_name", "user_id", "user_name"];
    let mut table = Csv::with_header(names.into_iter().chain(TOTALS));
    for row in &sources.buckets {
        let texts: [&str; 6] = [
            &row.bucket,
            row.source,
            &row.api_key_id,
            &row.api_key_name,
            &row.user_id,
            &row.user_name,
        ];
        let numbers = totals(&row.totals);
        table.row(texts.into_iter().chain(numbers.iter().map(String::as_str)));
    }
    table
}

/// Usage as a file for spreadsheets.
pub(crate) fn usage_file(usage: &Usage) -> Response {
    usage_table(usage).into_response("attachment; filename=\"usage.csv\"")
}

/// What everybody used.
#[utoipa::path(get, path = "/api/auth/admin/usage", tag = "admin", params(WhoseUsage),
    responses((status = 200, content((Usage = "application/json"), (String = "text/csv"))), Refusals))]
pub(super) async fn usage_of_all(
    State(api): State<Api>,
    QueryOf(which): QueryOf<WhoseUsage>,
) -> Result<Response, ApiError> {
    let period = period(which.period.as_deref())?;
    let is_table = is_table(which.format.as_deref())?;
    let filter = UsageFilter {
        user_id: filter::user("user_id", which.user_id.as_deref())?,
        key_id: None,
    };
    let usage = Usage::from(api.auth.usage_report(period, filter).await?);
    Ok(if is_table {
        usage_file(&usage)
    } else {
        Json(usage).into_response()
    })
}

/// What everybody used, by key, kind of credential and user; that of shared keys included.
#[utoipa::path(get, path = "/api/auth/admin/usage/sources", tag = "admin", params(WhichSources),
    responses((status = 200, content((Sources = "application/json"), (String = "text/csv"))), Refusals))]
pub(super) async fn sources_of_all(
    State(api): State<Api>,
    QueryOf(which): QueryOf<WhichSources>,
) -> Result<Response, ApiError> {
    let period = period(which.period.as_deref())?;
    let is_table = is_table(which.format.as_deref())?;
    let key_id = given(which.api_key_id.as_deref()).map(str::parse).transpose();
    let filter = UsageFilter {
        user_id: filter::user("user_id", which.user_id.as_deref())?,
        key_id: key_id.map_err(|_| ApiError::bad("api_key_id: expected the id of a key"))?,
    };
    let sources = Sources::of(api.auth.usage_sources(period, filter, true).await?, true);
    Ok(if is_table {
        sources_table(&sources).into_response("attachment; filename=\"usage-sources.csv\"")
    } else {
        Json(sources).into_response()
    })
}
