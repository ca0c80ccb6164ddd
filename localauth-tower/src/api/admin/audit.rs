//! Who did what to what, when, from where.

use axum::Json;
use axum::extract::State;
use localauth_core::{AuditAction, AuditEvent, AuditId, AuditQuery, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Api;
use super::super::error::ApiError;
use super::super::me::Person;
use super::super::query::QueryOf;
use super::super::refusals::Refusals;
use super::super::view::time;
use super::filter::{self, bad_cursor, cut, given, limit};
use super::invites::person;

/// Lines of one answer when nobody says.
const DEFAULT_LIMIT: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichEvents {
    /// From this time on, in RFC 3339.
    since: Option<String>,
    /// By the user with this id, as themselves or as somebody else.
    actor: Option<String>,
    /// Of this kind, like `session.sign_in`.
    action: Option<String>,
    /// 1 to 1000; 100 without it.
    limit: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventView {
    id: String,
    at: String,
    /// Null for somebody who is not signed in, and for the operator's command line.
    actor: Option<Person>,
    /// The administrator who acted as `actor`, or null.
    impersonator: Option<Person>,
    /// Like `session.sign_in`.
    action: &'static str,
    /// An id or an address.
    target: String,
    /// From where.
    address: String,
    user_agent: String,
    #[schema(pattern = "^(success|failure)$")]
    outcome: &'static str,
    /// More, for people.
    detail: String,
}

/// Lines of the audit log, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventList {
    events: Vec<EventView>,
    /// The cursor of the next page, or null.
    next: Option<String>,
}

impl From<AuditEvent> for EventView {
    fn from(event: AuditEvent) -> Self {
        Self {
            id: event.id.to_string(),
            at: time(event.at),
            actor: event.actor.map(person),
            impersonator: event.impersonator.map(person),
            action: event.action.as_str(),
            target: event.target,
            address: event.address,
            user_agent: event.user_agent,
            outcome: event.outcome.as_str(),
            detail: event.detail,
        }
    }
}

/// Lines of the audit log, newest first.
#[utoipa::path(get, path = "/api/auth/admin/audit", tag = "admin", params(WhichEvents),
    responses((status = 200, body = EventList), Refusals))]
pub(super) async fn audit_log(
    State(api): State<Api>,
    QueryOf(which): QueryOf<WhichEvents>,
) -> Result<Json<EventList>, ApiError> {
    let since = given(which.since.as_deref()).map(|text| {
        Timestamp::parse_rfc3339(text).ok_or_else(|| ApiError::bad("since: expected a time like 2030-01-31T12:00:00Z"))
    });
    let action = given(which.action.as_deref()).map(|text| {
        text.parse::<AuditAction>()
            .map_err(|e| ApiError::bad(format!("action: {e}")))
    });
    let before = given(which.cursor.as_deref()).map(|text| text.parse::<AuditId>().map_err(|_| bad_cursor()));
    let limit = limit(which.limit.as_deref())?.unwrap_or(DEFAULT_LIMIT);
    let query = AuditQuery {
        since: since.transpose()?,
        actor: filter::user("actor", which.actor.as_deref())?,
        action: action.transpose()?,
        limit: Some(limit + 1),
        before: before.transpose()?,
    };
    let mut found = api.auth.audit_events(&query).await?;
    let next = cut(&mut found, limit, |event| event.id.to_string());
    Ok(Json(EventList {
        events: found.into_iter().map(EventView::from).collect(),
        next,
    }))
}
