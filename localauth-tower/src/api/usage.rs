//! A user's own usage.

use axum::Json;
use axum::extract::{Query, State};
use localauth_core::{Period, UsageReport, UsageTotals};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::{Api, me};
use crate::CurrentUser;

#[derive(Deserialize)]
pub(crate) struct Which {
    period: Option<String>,
}

/// `GET /api/auth/usage`
pub(crate) async fn own(
    State(api): State<Api>,
    user: CurrentUser,
    query: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(which) = query.map_err(|_| ApiError::bad("the query cannot be read"))?;
    let period = match which.period.as_deref() {
        None | Some("") => Period::Month,
        Some(text) => text.parse().map_err(|e| ApiError::bad(format!("period: {e}")))?,
    };
    Ok(Json(report_json(
        &api.auth.usage_report(period, Some(user.id())).await?,
    )))
}

fn report_json(report: &UsageReport) -> Value {
    let rows: Vec<Value> = report
        .rows
        .iter()
        .map(|row| {
            let mut shown = totals_json(&row.totals);
            shown["bucket"] = row.bucket.as_str().into();
            shown["model"] = row.model.as_str().into();
            shown["user_id"] = me::user_id(row.user_id).into();
            shown["user_name"] = row.user_name.as_str().into();
            shown
        })
        .collect();
    json!({ "usage": rows, "totals": totals_json(&report.totals) })
}

fn totals_json(totals: &UsageTotals) -> Value {
    json!({
        "prompt_tokens": totals.prompt_tokens,
        "completion_tokens": totals.completion_tokens,
        "total_tokens": totals.total_tokens(),
        "request_count": totals.requests,
        "estimated_requests": totals.estimated_requests,
    })
}
