//! The list of users.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use localauth_core::{Status, Timestamp, User, UserId, UserQuery};

use super::words;
use crate::api::admin::filter::cut;
use crate::api::admin::users::{cursor, parse_cursor};
use crate::console::Console;
use crate::console::frame::Frame;
use crate::console::page::{page, page_with};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// Users of one page.
const PAGE: usize = 50;
/// Up to which number those who wait are counted.
const COUNTED: usize = 100;

#[derive(Template)]
#[template(path = "users/list.html")]
pub(super) struct List {
    pub(super) frame: Frame,
    q: String,
    tabs: Vec<Tab>,
    /// Those who wait for approval, above a list of all.
    waiting: Vec<Row>,
    rows: Vec<Row>,
    /// The queries of the next page and of the first.
    next: Option<String>,
    first: Option<String>,
    is_narrowed: bool,
    /// The chosen status, or nothing.
    status: &'static str,
    /// The name of a new service account, as it was typed.
    pub(super) service: String,
}

/// A standing to look at.
struct Tab {
    text: &'static str,
    query: String,
    is_chosen: bool,
    /// How many there are, where that is told.
    count: Option<String>,
}

pub(super) struct Row {
    id: String,
    name: String,
    email: String,
    role: &'static str,
    is_admin: bool,
    status: &'static str,
    look: &'static str,
    is_pending: bool,
    provider: &'static str,
    /// The tier they were put into, or nothing.
    tier: String,
    made: Timestamp,
}

impl Row {
    fn of(user: &User, tier: Option<String>) -> Self {
        let (status, look) = words::status(user.status);
        Self {
            id: user.id.to_string(),
            name: user.name.clone(),
            email: user.email.to_string(),
            role: words::role(user.role),
            is_admin: user.role == localauth_core::Role::Admin,
            status,
            look,
            is_pending: user.status == Status::Pending,
            provider: words::provider(user.provider),
            tier: tier.unwrap_or_default(),
            made: user.created_at,
        }
    }
}

/// Users with their tiers, asked for together.
async fn rows(console: &Console, users: &[User]) -> Result<Vec<Row>, Trouble> {
    let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
    let limits = console.auth.limits_of_users(&ids).await?;
    let tier = |user: &User| Some(limits.get(&user.id)?.tier.as_ref()?.to_string());
    Ok(users.iter().map(|user| Row::of(user, tier(user))).collect())
}

fn query(pairs: &[(&str, &str)]) -> String {
    let filled = pairs.iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(filled)
        .finish()
}

/// The list that the visit asks for.
pub(super) async fn list(console: &Console, visit: &Visit) -> Result<List, Trouble> {
    let q = visit.query("q").unwrap_or_default();
    let status = visit.query("status").map(|name| name.parse::<Status>());
    let status = status.transpose().map_err(|_| Trouble::bad("error-user-status"))?;
    let after = visit.query("cursor").map(|text| parse_cursor(&text));
    let after = after
        .map(|after| after.ok_or_else(|| Trouble::bad("error-admin-cursor")))
        .transpose()?;
    let wanted = UserQuery {
        search: Some(q.clone()).filter(|q| !q.is_empty()),
        status,
        role: None,
        limit: Some(PAGE + 1),
        after,
    };
    let mut found = console.auth.list_users(&wanted).await?;
    let next = cut(&mut found, PAGE, cursor);
    let pending = UserQuery {
        status: Some(Status::Pending),
        limit: Some(COUNTED),
        ..UserQuery::default()
    };
    let pending = console.auth.list_users(&pending).await?;
    let is_all = q.is_empty() && status.is_none() && after.is_none();
    let waiting: &[User] = if is_all { &pending[..pending.len().min(10)] } else { &[] };
    let chosen = status.map_or("", Status::as_str);
    let tab = |text: &'static str, name: &str| Tab {
        text,
        query: query(&[("q", &q), ("status", name)]),
        is_chosen: chosen == name,
        count: None,
    };
    let frame = visit.frame(console, "users-title");
    let mut tabs = vec![
        tab("users-tab-all", ""),
        tab("users-tab-pending", "pending"),
        tab("users-tab-active", "active"),
        tab("users-tab-disabled", "disabled"),
    ];
    let count = frame.n(&u64::try_from(pending.len()).unwrap_or(u64::MAX));
    let more = if pending.len() == COUNTED { "+" } else { "" };
    tabs[1].count = Some(format!("{count}{more}"));
    let page_query = |cursor: &str| query(&[("q", &q), ("status", chosen), ("cursor", cursor)]);
    Ok(List {
        tabs,
        waiting: rows(console, waiting).await?,
        rows: rows(console, &found).await?,
        next: next.as_deref().map(page_query),
        first: after.map(|_| page_query("")),
        is_narrowed: !is_all,
        status: chosen,
        service: String::new(),
        q,
        frame,
    })
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    Ok(page(&list(&console, &visit).await?))
}

/// The list once more, with what went wrong with the form on it.
pub(super) async fn again(
    console: &Console,
    visit: &Visit,
    service: &str,
    trouble: &Trouble,
) -> Result<Response, Trouble> {
    let mut list = list(console, visit).await?;
    list.frame = list.frame.told(trouble);
    service.clone_into(&mut list.service);
    Ok(page_with(trouble.status(), &list))
}
