//! One's own usage.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use localauth_core::UsageFilter;

use super::super::Console;
use super::super::frame::Frame;
use super::super::page::page;
use super::super::trouble::Trouble;
use super::super::visit::Visit;
use super::meters::Meter;
use super::overview::{By, Overview, Reports};
use super::span::{PERIODS, period};
use crate::api::admin::usage::usage_file;

#[derive(Template)]
#[template(path = "usage/own.html")]
struct Own {
    frame: Frame,
    periods: [&'static str; 4],
    period: &'static str,
    /// What the bars are told apart by.
    by: &'static str,
    overview: Overview,
    meters: Vec<Meter>,
    tier: Option<String>,
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    let user = visit.user()?;
    let (span, name) = period(&visit)?;
    let (by, by_name) = match visit.query("by").as_deref() {
        None | Some("model") => (By::Model, "model"),
        Some("key") => (By::Key, "key"),
        Some(_) => return Err(Trouble::bad("error-usage-by")),
    };
    let filter = UsageFilter::of_user(user.id());
    let report = console.auth.usage_report(span, filter).await?;
    let sources = console
        .auth
        .usage_sources(span, filter, user.id() == localauth_core::UserId::SHARED)
        .await?;
    let keys = console.auth.list_keys(user.id()).await?;
    let status = console.auth.limit_status(user.identity()).await?;
    let frame = visit.frame(&console, "usage-title");
    let reports = Reports {
        period: span,
        report: &report,
        sources: Some(&sources),
        by,
        keys: keys.iter().map(|key| key.id).collect(),
        users: false,
    };
    Ok(page(&Own {
        overview: reports.overview(&console, &frame).await?,
        frame,
        periods: PERIODS,
        period: name,
        by: by_name,
        meters: status.iter().flat_map(Meter::of).collect(),
        tier: user.tier().map(ToString::to_string),
    }))
}

/// The same as a file for spreadsheets.
pub(super) async fn file(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    let (span, _) = period(&visit)?;
    let filter = UsageFilter::of_user(visit.user()?.id());
    let report = console.auth.usage_report(span, filter).await?;
    Ok(usage_file(&report.into()))
}
