//! Everybody's usage, for administrators.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use localauth_core::{UsageFilter, UserId};

use super::super::Console;
use super::super::frame::Frame;
use super::super::page::page;
use super::super::trouble::Trouble;
use super::super::visit::Visit;
use super::overview::{By, Overview, Reports};
use super::span::{PERIODS, period};
use crate::api::view::{parse_user_id, user_id};

#[derive(Template)]
#[template(path = "usage/all.html")]
struct All {
    frame: Frame,
    periods: [&'static str; 4],
    period: &'static str,
    by: &'static str,
    bys: [&'static str; 3],
    overview: Overview,
    /// The one user whose usage it is, if it is only one's.
    only: Option<Only>,
}

struct Only {
    id: String,
    name: String,
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    visit.user()?.identity().require_admin()?;
    let (span, name) = period(&visit)?;
    let (by, by_name) = match visit.query("by").as_deref() {
        None | Some("model") => (By::Model, "model"),
        Some("key") => (By::Key, "key"),
        Some("user") => (By::User, "user"),
        Some(_) => return Err(Trouble::bad("error-usage-by")),
    };
    let frame = visit.frame(&console, "usage-all-title");
    let only = match visit.query("user_id") {
        None => None,
        // What is no id must not mean everybody's.
        Some(text) => Some(parse_user_id(&text).ok_or(Trouble::missing("error-no-such-user"))?),
    };
    let filter = UsageFilter {
        user_id: only,
        key_id: None,
    };
    let report = console.auth.usage_report(span, filter).await?;
    let sources = console.auth.usage_sources(span, filter, true).await?;
    let reports = Reports {
        period: span,
        report: &report,
        sources: Some(&sources),
        by,
        keys: std::collections::BTreeSet::new(),
        users: true,
    };
    let overview = reports.overview(&console, &frame).await?;
    let only = match only {
        None => None,
        Some(id) => Some(Only {
            id: user_id(id),
            name: name_of(&console, id, &frame).await?,
        }),
    };
    Ok(page(&All {
        overview,
        frame,
        periods: PERIODS,
        period: name,
        by: by_name,
        bys: ["model", "user", "key"],
        only,
    }))
}

async fn name_of(console: &Console, id: UserId, frame: &Frame) -> Result<String, Trouble> {
    if id == UserId::SHARED {
        return Ok(frame.t("usage-source-shared"));
    }
    let user = console.auth.find_user(id).await?;
    Ok(user.ok_or(Trouble::missing("error-no-such-user"))?.name)
}
