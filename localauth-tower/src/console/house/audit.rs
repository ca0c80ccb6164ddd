//! The audit log.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use localauth_core::{AuditAction, AuditEvent, AuditId, AuditOutcome, AuditQuery, Timestamp, UserId};

use crate::api::admin::filter::cut;
use crate::console::Console;
use crate::console::frame::Frame;
use crate::console::page::{page, page_with};
use crate::console::trouble::Trouble;
use crate::console::users::find;
use crate::console::visit::Visit;

/// Lines of one page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "house/audit.html")]
struct Audit {
    frame: Frame,
    actions: Vec<Action>,
    since: String,
    actor: String,
    rows: Vec<Row>,
    /// The queries of the next page and of the first.
    next: Option<String>,
    first: Option<String>,
    is_narrowed: bool,
}

struct Action {
    name: &'static str,
    /// The same, in words.
    text: String,
    is_chosen: bool,
}

struct Row {
    at: Timestamp,
    actor: Option<localauth_core::AuditActor>,
    /// Whether the actor has a page: the synthetic administrator has none.
    has_page: bool,
    impersonator: Option<localauth_core::AuditActor>,
    action: String,
    target: String,
    address: String,
    user_agent: String,
    is_failure: bool,
    detail: String,
}

/// An action in words.
fn words(frame: &Frame, action: AuditAction) -> String {
    let id = action.as_str().replace(['.', '_'], "-");
    frame.t(&format!("audit-action-{id}"))
}

impl Row {
    fn of(frame: &Frame, event: AuditEvent) -> Self {
        Self {
            at: event.at,
            has_page: event.actor.as_ref().is_some_and(|actor| actor.id != UserId::SHARED),
            actor: event.actor,
            impersonator: event.impersonator,
            action: words(frame, event.action),
            target: event.target,
            address: event.address,
            user_agent: event.user_agent,
            is_failure: event.outcome == AuditOutcome::Failure,
            detail: event.detail,
        }
    }
}

/// A day, from its first moment on in UTC; or a whole time.
fn since(text: &str) -> Result<Timestamp, Trouble> {
    let day = Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"));
    day.or_else(|| Timestamp::parse_rfc3339(text))
        .ok_or_else(|| Trouble::bad("error-audit-since"))
}

async fn asked(console: &Console, visit: &Visit) -> Result<AuditQuery, Trouble> {
    let action = visit.query("action").map(|name| name.parse::<AuditAction>());
    let before = visit.query("cursor").map(|id| id.parse::<AuditId>());
    let actor = match visit.query("actor") {
        Some(text) => Some(find::person(console, &text).await?),
        None => None,
    };
    Ok(AuditQuery {
        since: visit.query("since").as_deref().map(since).transpose()?,
        actor,
        action: action.transpose().map_err(|_| Trouble::bad("error-audit-action"))?,
        limit: Some(PAGE + 1),
        before: before.transpose().map_err(|_| Trouble::bad("error-admin-cursor"))?,
    })
}

/// The query of this page, from another line on.
fn query(visit: &Visit, cursor: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in ["since", "actor", "action"] {
        if let Some(value) = visit.query(name) {
            query.append_pair(name, &value);
        }
    }
    if let Some(cursor) = cursor {
        query.append_pair("cursor", cursor);
    }
    query.finish()
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    let frame = visit.frame(&console, "house-audit-title");
    let (query_of, trouble) = match asked(&console, &visit).await {
        Ok(query) => (Some(query), None),
        Err(trouble) => (None, Some(trouble)),
    };
    let mut found = match &query_of {
        Some(query) => console.auth.audit_events(query).await?,
        None => Vec::new(),
    };
    let next = cut(&mut found, PAGE, |event| event.id.to_string());
    let chosen = visit.query("action");
    let action = |action: &AuditAction| Action {
        name: action.as_str(),
        text: words(&frame, *action),
        is_chosen: chosen.as_deref() == Some(action.as_str()),
    };
    let audit = Audit {
        actions: AuditAction::ALL.iter().map(action).collect(),
        since: visit.query("since").unwrap_or_default(),
        actor: visit.query("actor").unwrap_or_default(),
        rows: found.into_iter().map(|event| Row::of(&frame, event)).collect(),
        next: next.map(|next| query(&visit, Some(&next))),
        first: visit.query("cursor").map(|_| query(&visit, None)),
        is_narrowed: ["since", "actor", "action"]
            .iter()
            .any(|name| visit.query(name).is_some()),
        frame: match &trouble {
            Some(trouble) => frame.told(trouble),
            None => frame,
        },
    };
    Ok(match trouble {
        Some(trouble) => page_with(trouble.status(), &audit),
        None => page(&audit),
    })
}
