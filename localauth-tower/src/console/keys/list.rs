//! The list of keys.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use localauth_core::{ApiKey, KeyScope, Timestamp};

use super::super::Console;
use super::super::frame::Frame;
use super::super::page::page;
use super::super::trouble::Trouble;
use super::super::visit::Visit;
use super::{may_mint, owner, written};

/// How many keys a page has.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "keys/list.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
    /// Whether there are keys at all.
    is_any: bool,
    may_mint: bool,
    /// What the names are searched for.
    q: String,
    /// The pages before and after this one.
    before: Option<usize>,
    after: Option<usize>,
}

struct Row {
    key: ApiKey,
    /// Ids of the texts that say how it is narrowed.
    badges: Vec<&'static str>,
    is_over: bool,
    /// Until when the old secret is good, if it still is.
    old_until: Option<Timestamp>,
}

/// How a key is narrowed, as ids of texts.
fn badges(scope: &KeyScope) -> Vec<&'static str> {
    let all = [
        (scope.models.is_some(), "keys-badge-models"),
        (scope.features.is_some(), "keys-badge-features"),
        (scope.routes.is_some(), "keys-badge-routes"),
        (scope.ips.is_some(), "keys-badge-networks"),
        (!scope.limits.is_empty(), "keys-badge-limits"),
        (scope.tier.is_some(), "keys-badge-tier"),
        (scope.can_mint, "keys-badge-mint"),
    ];
    all.into_iter().filter_map(|(is, text)| is.then_some(text)).collect()
}

impl Row {
    fn of(key: ApiKey, now: Timestamp) -> Self {
        Self {
            badges: badges(&key.scope),
            is_over: key.expires_at.is_some_and(|end| now.is_past(end)),
            old_until: key
                .previous
                .as_ref()
                .map(|old| old.until)
                .filter(|end| !now.is_past(*end)),
            key,
        }
    }
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    let user = owner(&visit)?;
    written(&console).await;
    let mut keys = console.auth.list_keys(user.id()).await?;
    let is_any = !keys.is_empty();
    let q = visit.query("q").unwrap_or_default();
    let sought = q.to_lowercase();
    keys.retain(|key| key.name.to_lowercase().contains(&sought) || key.public_id.key_prefix().contains(&q));
    let pages = keys.len().div_ceil(PAGE).max(1);
    let number = visit.query("page").and_then(|text| text.parse().ok());
    let number: usize = number.unwrap_or(1).clamp(1, pages);
    let now = console.auth.now();
    let rows = keys.into_iter().skip((number - 1) * PAGE).take(PAGE);
    Ok(page(&List {
        frame: visit.frame(&console, "keys-title"),
        rows: rows.map(|key| Row::of(key, now)).collect(),
        is_any,
        may_mint: may_mint(user).is_ok(),
        q,
        before: (number > 1).then(|| number - 1),
        after: (number < pages).then(|| number + 1),
    }))
}
