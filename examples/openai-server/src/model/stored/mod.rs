//! Stored responses, each its owner's.
//!
//! mistral.rs keeps what it is not told to forget in memory for ever, for whoever knows its id. So it is noted here who
//! asked for what: the owner reads, deletes and continues it, an administrator reads it, and for everybody else it does
//! not exist. What is over, too much or nobody's is deleted from mistral.rs, by its own route.
//!
//! - Nobody known, nothing stored: without [`CurrentUser`] this does nothing, and [`inspect`](super::inspect) sees to it
//!   that nothing is stored.
//! - Of an answer that is streamed, mistral.rs stores the conversation but not the answer; that is kept here.
//! - A stream that broke off is not stored, and neither is an answer that failed.
//! - `background` and `conversation` stay refused: what works in the background is counted by nobody, and mistral.rs knows
//!   no conversations.
//!
//! An answer is noted as it passes. Its client may be gone by then, so what is around this must go on without it, as
//! [`detach`](super::detach) does.

mod events;
mod made;
mod watched;

use std::{fmt, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use localauth_core::{Auth, Clock, Denial, NotTaken, OwnedBy, Owners, SystemClock, UserId};
use localauth_tower::{ContractErrors, CurrentUser, Reject};
use serde_json::{Map, Value};
use tower::ServiceExt;
use tracing::{debug, error};

use self::{made::take_note, watched::Watched};
use super::inspect::complain;
use crate::settings::ErrorCode;

const RESPONSES: &str = "/v1/responses";

/// How many responses are kept in all, and of one user.
const MOST: (usize, usize) = (10_000, 1_000);
/// How many bytes of them, roughly: what went in, each earlier turn included, and what came out.
const MOST_BYTES: (u64, u64) = (1 << 28, 1 << 26);

/// The longest answer that is stored, in bytes: it is kept in memory until its id is known.
const MOST_ANSWER: usize = 32 << 20;

/// Who owns which stored response.
#[derive(Clone)]
pub struct Stored(Arc<Inner>);

struct Inner {
    owners: Owners<Kept>,
    mistral: Router,
    default_model: Box<str>,
    max_body: usize,
    refusals: ContractErrors,
    auth: Option<Auth>,
    clock: Arc<dyn Clock>,
}

/// Which of several upstreams made a response, and stores it: in the extensions of its answer, and then of whatever is
/// asked about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MadeBy(pub(crate) usize);

/// What is to be deleted, and where.
type Gone = (Arc<str>, Option<MadeBy>);

/// What is known about a stored response.
#[derive(Clone)]
struct Kept {
    made_by: Option<MadeBy>,
    /// The bytes of the conversation so far.
    history: u64,
    /// The response, where mistral.rs has only the conversation.
    answer: Option<Bytes>,
}

/// A request whose answer will be stored.
struct Asking {
    owner: UserId,
    model: String,
    /// The bytes of the conversation that it continues, and its own.
    history: u64,
    made_by: Option<MadeBy>,
}

/// A request that may pass: who has the conversation that it continues, and how its answer will be stored, if it will.
struct Admitted {
    continued: Option<MadeBy>,
    asking: Option<Asking>,
}

/// Marks a request that may store its answer: its owner will be known.
#[derive(Clone, Copy)]
pub(super) struct OwnerIsKept;

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("owners", &self.0.owners)
            .finish_non_exhaustive()
    }
}

impl Stored {
    /// For the responses of `mistral`, the innermost routes, in which `default_model` answers who names none.
    pub fn new(mistral: Router, default_model: &str, max_body: usize) -> Self {
        let owners = Owners::new(MOST.0)
            .most_each(MOST.1)
            .most_size(MOST_BYTES.0)
            .most_size_each(MOST_BYTES.1);
        Self(Arc::new(Inner {
            owners,
            mistral,
            default_model: default_model.into(),
            max_body,
            refusals: ContractErrors::default(),
            auth: None,
            clock: Arc::new(SystemClock),
        }))
    }

    /// With refusals in this style, without a body if `opaque`.
    #[must_use]
    pub fn style(self, style: ErrorCode, opaque: bool) -> Self {
        let code = match style {
            ErrorCode::String => localauth_tower::ErrorCode::Word,
            ErrorCode::Number => localauth_tower::ErrorCode::Number,
        };
        self.with(|inner| inner.refusals = ContractErrors::default().with_code(code).opaque(opaque))
    }

    /// Asks `auth` whether an owner still exists before somebody else reads what they left.
    #[must_use]
    pub fn auth(self, auth: Option<&Auth>) -> Self {
        self.with(|inner| inner.auth = auth.cloned())
    }

    /// Changes it while it is being made, and nobody else has it.
    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        }
        self
    }

    fn refuse(&self, denial: Denial, request: &http::Uri) -> Response {
        debug!(code = denial.code(), path = request.path(), "refused");
        let mut response = self.0.refusals.reject(denial, request).map(Body::from);
        no_store(&mut response);
        response.extensions_mut().insert(denial);
        response
    }

    /// What `user` may read of a response.
    async fn readable(&self, id: &str, user: &CurrentUser) -> Result<Kept, Denial> {
        let Inner {
            owners, auth, clock, ..
        } = &*self.0;
        let kept = owners.read(id, user, clock.now())?;
        let owner = owners.owner(id, clock.now()).ok_or(Denial::NotFound)?;
        if owner == user.id() || owner == UserId::SHARED {
            return Ok(kept);
        }
        // What a deleted user leaves is nobody's, and not for administrators either.
        let Some(auth) = auth else { return Ok(kept) };
        match auth.find_user(owner).await {
            Ok(Some(_)) => Ok(kept),
            Ok(None) => {
                let left = owners.forget_user(owner);
                self.delete(left.into_iter().map(gone)).await;
                Err(Denial::NotFound)
            }
            Err(_) => Err(Denial::StoreUnavailable),
        }
    }

    /// Notes whose response this is; returns what is to be deleted for it.
    fn note(&self, id: &str, asking: &Asking, length: usize, answer: Option<Bytes>) -> Vec<Gone> {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let history = asking.history.saturating_add(length);
        let kept = Kept {
            made_by: asking.made_by,
            history,
            answer,
        };
        let owned = OwnedBy::new(asking.owner, kept).made_with(asking.model.as_str());
        let size = history.saturating_add(length);
        match self.0.owners.insert(id, owned, size, self.0.clock.now()) {
            Ok(over) => over.into_iter().map(gone).collect(),
            // Neither can be: mistral.rs draws UUIDs. What has no owner is not kept, what has one stays theirs.
            Err(NotTaken::TooLong) => vec![(id.into(), asking.made_by)],
            Err(problem) => {
                error!(%problem, "a stored response has the id of another");
                Vec::new()
            }
        }
    }

    /// Deletes responses from mistral.rs.
    async fn delete(&self, ids: impl IntoIterator<Item = Gone>) {
        for (id, made_by) in ids {
            // Ids that mean something else in a path would have come from elsewhere.
            if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
                continue;
            }
            let mut request = Request::new(Body::empty());
            *request.method_mut() = Method::DELETE;
            if let Some(made_by) = made_by {
                request.extensions_mut().insert(made_by);
            }
            if let Ok(uri) = format!("{RESPONSES}/{id}").parse() {
                *request.uri_mut() = uri;
                let Ok(answer) = self.0.mistral.clone().oneshot(request).await;
                debug!(status = answer.status().as_u16(), "deleted a stored response");
            }
        }
    }

    /// Deletes what is over.
    async fn tidy(&self) {
        let over = self.0.owners.expire(self.0.clock.now());
        if !over.is_empty() {
            self.delete(over.into_iter().map(gone)).await;
        }
    }
}

/// What is to be deleted of what was kept.
fn gone((id, owned): (Arc<str>, OwnedBy<Kept>)) -> Gone {
    (id, owned.into_value().made_by)
}

/// The middleware: `router.layer(middleware::from_fn_with_state(stored, keep_owners))`, outside of
/// [`inspect`](super::inspect::inspect) and inside what shapes errors.
pub async fn keep_owners(State(by): State<Stored>, request: Request, next: Next) -> Response {
    let Some(user) = request.extensions().get::<CurrentUser>().cloned() else {
        return next.run(request).await;
    };
    match request.uri().path().strip_prefix(RESPONSES) {
        Some("") if request.method() == Method::POST => create(by, &user, request, next).await,
        Some(rest) if rest.starts_with('/') => {
            let id = rest.trim_start_matches('/').to_owned();
            one(by, &user, &id, request, next).await
        }
        _ => next.run(request).await,
    }
}

/// A request to one stored response.
async fn one(by: Stored, user: &CurrentUser, rest: &str, mut request: Request, next: Next) -> Response {
    by.tidy().await;
    let id = rest.strip_suffix("/cancel").unwrap_or(rest);
    let uri = request.uri().clone();
    let (owners, now) = (&by.0.owners, by.0.clock.now());
    // The table says it of most of these routes; that nobody forgets one, it is said here too.
    let found = if user.may("chat") {
        match *request.method() {
            Method::GET | Method::HEAD => by.readable(id, user).await,
            _ => owners.own(id, user, now),
        }
    } else {
        Err(Denial::NotFound)
    };
    let kept = match found {
        Ok(kept) => kept,
        Err(denial) => return by.refuse(denial, &uri),
    };
    if let Some(made_by) = kept.made_by {
        request.extensions_mut().insert(made_by);
    }
    let is_whole = id == rest;
    let deletes = is_whole && request.method() == Method::DELETE;
    let reads = is_whole && matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = match kept.answer {
        Some(answer) if reads => ([(header::CONTENT_TYPE, "application/json")], answer).into_response(),
        _ => next.run(request).await,
    };
    if deletes && (response.status().is_success() || response.status() == StatusCode::NOT_FOUND) {
        // Only now: what could not be deleted is still somebody's. Whoever was faster has done the same.
        let _ = owners.remove(id, user, now);
    }
    no_store(&mut response);
    response
}

/// A request for a new response.
async fn create(by: Stored, user: &CurrentUser, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(read) = Limited::new(body, by.0.max_body).collect().await else {
        return complain("the body cannot be read, or is larger than allowed");
    };
    let bytes = read.to_bytes();
    // Of each name the last, as whoever reads it next does, and refuses what cannot be read here.
    let fields = serde_json::from_slice::<Map<String, Value>>(&bytes).ok();
    let asking = match fields.map(|fields| by.admit(&fields, user, bytes.len())) {
        Some(Ok(Admitted { continued, asking })) => {
            parts.extensions.insert(OwnerIsKept);
            if let Some(made_by) = continued {
                parts.extensions.insert(made_by);
            }
            asking
        }
        Some(Err(denial)) => return by.refuse(denial, &parts.uri),
        None => None,
    };
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let asking = asking.map(|asking| Asking {
        made_by: response.extensions().get().copied(),
        ..asking
    });
    match asking {
        None => response,
        Some(asking) if is_event_stream(&response) => response.map(|body| Body::new(Watched::new(body, by, asking))),
        Some(asking) => take_note(&by, &asking, response).await,
    }
}

impl Stored {
    /// No less than the bytes of the conversation that is stored under `id`, whoever's it is; 0 where there is none.
    pub fn history_bytes(&self, id: &str) -> u64 {
        self.0.owners.size_of(id, self.0.clock.now()).unwrap_or(0)
    }

    /// Whether `user` may continue what this continues; and how its answer will be stored, if it will.
    fn admit(&self, fields: &Map<String, Value>, user: &CurrentUser, length: usize) -> Result<Admitted, Denial> {
        let mut history = u64::try_from(length).unwrap_or(u64::MAX);
        let mut continued = None;
        match fields.get("previous_response_id") {
            None | Some(Value::Null) => {}
            // Not even an administrator: that would be to read it, and to write it on.
            Some(Value::String(id)) => {
                let kept = self.0.owners.own(id, user, self.0.clock.now())?;
                history = history.saturating_add(kept.history);
                continued = kept.made_by;
            }
            Some(_) => return Err(Denial::NotFound),
        }
        if fields.get("store") == Some(&Value::Bool(false)) {
            let asking = None;
            return Ok(Admitted { continued, asking });
        }
        let named = fields.get("model").and_then(Value::as_str);
        let model = named.filter(|name| *name != "default").unwrap_or(&self.0.default_model);
        let asking = Some(Asking {
            owner: user.id(),
            model: model.to_owned(),
            history,
            // Once it is answered.
            made_by: None,
        });
        Ok(Admitted { continued, asking })
    }
}

/// What of a request cannot be, though its owner is known.
pub(crate) fn refuse_ownerless(fields: &Map<String, Value>) -> Result<(), &'static str> {
    let given = |name: &str| {
        fields
            .get(name)
            .is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
    };
    if given("background") {
        return Err("`background` is not available: what it uses would not be counted");
    }
    if given("conversation") {
        return Err("`conversation` is not available: continue with `previous_response_id`");
    }
    Ok(())
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// One address, another answer for each caller.
fn no_store(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;
