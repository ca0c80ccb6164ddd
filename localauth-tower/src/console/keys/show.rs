//! One key: all of it, and what was used with it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::{ApiKey, Limit, UsageFilter};

use super::super::Console;
use super::super::frame::Frame;
use super::super::page::page;
use super::super::trouble::Trouble;
use super::super::usage::meters::window_text;
use super::super::usage::overview::{By, Overview, Reports};
use super::super::usage::span::{PERIODS, period};
use super::super::visit::Visit;
use super::end::may_revoke;
use super::rotate::GRACES;
use super::{find, may_mint, written};

#[derive(Template)]
#[template(path = "keys/show.html")]
struct Show {
    frame: Frame,
    key: ApiKey,
    /// The id of the text that says whether the secret from before the last rotation is still good.
    old: &'static str,
    is_over: bool,
    /// Each list that narrows it: the id of its name, and its entries.
    lists: Vec<(&'static str, Vec<String>)>,
    limits: Vec<String>,
    tier: Option<String>,
    periods: [&'static str; 4],
    period: &'static str,
    overview: Overview,
    may_rotate: bool,
    may_revoke: bool,
    graces: [&'static str; 5],
}

pub(super) async fn show(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    written(&console).await;
    let key = find(&console, &visit, &id).await?;
    let user = visit.user()?;
    let (span, name) = period(&visit)?;
    let filter = UsageFilter {
        user_id: Some(user.id()),
        key_id: Some(key.id),
    };
    let report = console.auth.usage_report(span, filter).await?;
    let frame = visit.frame(&console, "keys-key");
    let reports = Reports {
        period: span,
        report: &report,
        sources: None,
        by: By::Model,
        keys: std::collections::BTreeSet::new(),
        users: false,
    };
    let now = console.auth.now();
    let old = match &key.previous {
        Some(old) if !now.is_past(old.until) => "keys-old-until",
        _ => "keys-old-over",
    };
    Ok(page(&Show {
        overview: reports.overview(&console, &frame).await?,
        lists: lists(&key),
        limits: key
            .scope
            .limits
            .iter()
            .map(|limit| limit_text(&limit.limit, &frame))
            .collect(),
        tier: key.scope.tier.as_ref().map(|tier| tier.name.to_string()),
        frame,
        old,
        is_over: key.expires_at.is_some_and(|end| now.is_past(end)),
        key,
        periods: PERIODS,
        period: name,
        may_rotate: may_mint(user).is_ok(),
        may_revoke: may_revoke(user).is_ok(),
        graces: GRACES,
    }))
}

fn lists(key: &ApiKey) -> Vec<(&'static str, Vec<String>)> {
    fn texts<T: ToString>(all: impl IntoIterator<Item = T>) -> Vec<String> {
        all.into_iter().map(|one| one.to_string()).collect()
    }
    let scope = &key.scope;
    let all = [
        ("keys-models", scope.models.as_ref().map(texts)),
        ("keys-features", scope.features.as_ref().map(texts)),
        ("keys-routes", scope.routes.as_ref().map(texts)),
        ("keys-networks", scope.ips.as_ref().map(texts)),
    ];
    all.into_iter()
        .filter_map(|(name, entries)| Some((name, entries?)))
        .collect()
}

/// `llama: 100 requests, 5,000 tokens in 1 hour`.
fn limit_text(limit: &Limit, frame: &Frame) -> String {
    let rule = &limit.rule;
    let parts = [
        (rule.max_requests, "limit-requests"),
        (rule.max_total_tokens, "limit-tokens"),
        (rule.max_prompt_tokens, "limit-prompt-tokens"),
        (rule.max_completion_tokens, "limit-completion-tokens"),
        (rule.max_concurrent, "limit-concurrent"),
    ];
    let parts = parts
        .into_iter()
        .filter_map(|(most, what)| Some(format!("{}: {}", frame.t(what), frame.n(&most?))));
    let cost = rule
        .max_cost_micros
        .map(|most| format!("{}: {}", frame.t("limit-cost"), frame.money(&most)));
    let what = parts.chain(cost).collect::<Vec<_>>().join(", ");
    let text = frame.t2("limit-per", "what", what, "window", window_text(rule.window, frame));
    match rule.model.as_str() {
        "" => text,
        model => format!("{model}: {text}"),
    }
}
