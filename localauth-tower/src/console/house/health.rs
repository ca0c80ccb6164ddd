//! How this process gets along.

use std::time::{Duration, Instant};

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use localauth_core::{UsageQueue, Vitals};

use crate::console::Console;
use crate::console::frame::Frame;
use crate::console::page::page;
use crate::console::visit::Visit;

/// How long the store may take to answer here.
const PATIENCE: Duration = Duration::from_secs(2);
/// From when on the store counts as slow.
const SLOW: Duration = Duration::from_millis(250);
/// From when on a process that did not follow the store's changes is behind.
const BEHIND: Duration = Duration::from_secs(10);

#[derive(Template)]
#[template(path = "house/health.html")]
struct Health {
    frame: Frame,
    /// Milliseconds until the store answered; `None` where it did not.
    answered: Option<u64>,
    is_slow: bool,
    vitals: Vitals,
    /// How many in a hundred credentials were remembered, where there were any.
    hit_rate: Option<u64>,
    /// Seconds since the store was seen to have nothing newer.
    followed: Option<u64>,
    is_behind: bool,
    queue: UsageQueue,
    /// The id of how new users come in.
    registration: &'static str,
    has_passwords: bool,
    providers: String,
    version: &'static str,
}

/// How long the store takes for a small question.
async fn ask(console: &Console) -> Option<Duration> {
    let asked = Instant::now();
    match tokio::time::timeout(PATIENCE, console.auth.has_users()).await {
        Ok(Ok(_)) => Some(asked.elapsed()),
        Ok(Err(error)) => {
            tracing::warn!("the store does not answer the health page: {error}");
            None
        }
        Err(_) => None,
    }
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Response {
    let answered = ask(&console).await;
    let vitals = console.auth.vitals();
    let frame = visit.frame(&console, "house-health-title");
    page(&Health {
        is_slow: answered.is_some_and(|took| took > SLOW),
        // What took a part of one counts as one.
        answered: answered.map(|took| u64::try_from(took.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)),
        followed: vitals.followed.map(|ago| ago.as_secs()),
        is_behind: vitals.followed.is_none_or(|ago| ago > BEHIND),
        hit_rate: vitals
            .hits
            .saturating_mul(100)
            .checked_div(vitals.hits + vitals.lookups),
        vitals,
        queue: console.auth.usage_queue(),
        registration: match console.auth.registration().as_str() {
            "open" => "house-registration-open",
            "approval" => "house-registration-approval",
            _ => "house-registration-invite",
        },
        has_passwords: console.auth.local_auth(),
        providers: console.providers.join(", "),
        version: env!("CARGO_PKG_VERSION"),
        frame,
    })
}
