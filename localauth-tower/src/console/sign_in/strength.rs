//! How good a password is, while it is typed: for scripts.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use localauth_core::{Password, PasswordRejection, check_new_password, password_strength};
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::console::failures;
use crate::console::fields::Fields;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// The most characters of a name or an address that are looked at.
const MAX_KNOWN: usize = 254;
/// One estimate at a time: anybody may ask, and it costs time of the processor.
static PLACE: Semaphore = Semaphore::const_new(1);
/// So many may wait for it or have it; a script that is refused shows nothing.
static QUEUE: Semaphore = Semaphore::const_new(16);

/// What the script shows.
#[derive(Debug, Serialize)]
struct Estimate {
    /// From 0 to 4.
    score: u8,
    /// Whether it would be taken as it is.
    ok: bool,
    text: String,
}

pub(super) async fn estimate(visit: Visit, mut fields: Fields) -> Result<Response, Trouble> {
    let password = fields.password("password");
    let known = ["email", "name"].map(|name| fields.text(name).chars().take(MAX_KNOWN).collect::<String>());
    let busy = || Trouble::new(http::StatusCode::SERVICE_UNAVAILABLE, "error-busy");
    let queued = QUEUE.try_acquire().map_err(|_| busy())?;
    let place = PLACE.acquire().await.map_err(|_| busy())?;
    let estimated = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also when whoever asked has gone.
        let _held = (queued, place);
        estimate_now(&password, &[&known[0], &known[1]])
    });
    let (score, rejected) = estimated.await.map_err(|_| busy())?;
    let id = match rejected {
        // That it is weak, the scale says.
        None | Some(PasswordRejection::TooWeak) => "",
        Some(reason) => failures::password(reason).unwrap_or_default(),
    };
    let text = match id {
        "" => visit.language.text(&format!("login-strength-{score}"), None),
        id => visit.language.text(id, None),
    };
    let ok = rejected.is_none();
    Ok(Json(Estimate { score, ok, text }).into_response())
}

fn estimate_now(password: &Password, known: &[&str]) -> (u8, Option<PasswordRejection>) {
    match check_new_password(password, known, false) {
        Ok(()) => (password_strength(password, known), None),
        // However good, a short one is not taken as it is.
        Err(reason) if reason.overridable() => (password_strength(password, known).min(2), Some(reason)),
        Err(reason) => (0, Some(reason)),
    }
}
