//! How good a password is, while it is typed: for scripts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use localauth_core::{Password, PasswordRejection, Timestamp, check_new_password, password_strength};
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::api::error::ApiError;
use crate::console::Console;
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

/// So many a minute from one address: a few for each second of typing, and no more than a share of the one place.
const MOST: u32 = 60;
/// As many addresses are told apart; those beyond share what is there for whoever has none.
const MAX_ADDRESSES: usize = 10_000;

/// How often each address asked in this minute. Not in the store: that would be a write for each letter typed.
#[derive(Debug, Default)]
pub(in crate::console) struct Pace(Mutex<Minute>);

#[derive(Debug, Default)]
struct Minute {
    /// Counted since 1970.
    number: i64,
    asked: HashMap<Option<IpAddr>, u32>,
}

impl Pace {
    /// Counts a question, or says after how many seconds the next may come.
    fn ask(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), u64> {
        const MINUTE: i64 = 60_000;
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.as_millis().div_euclid(MINUTE);
        if minute.number != number {
            minute.number = number;
            minute.asked.clear();
        }
        let holder = address.map(holder);
        let known = minute.asked.len() < MAX_ADDRESSES || minute.asked.contains_key(&holder);
        let asked = minute.asked.entry(holder.filter(|_| known)).or_default();
        if *asked >= MOST {
            let left = MINUTE - now.as_millis().rem_euclid(MINUTE);
            return Err(u64::try_from(left).unwrap_or_default().div_ceil(1_000));
        }
        *asked += 1;
        Ok(())
    }
}

/// Whoever has an IPv6 address has at least 2^64 of them: a /64 is one.
fn holder(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// What the script shows.
#[derive(Debug, Serialize)]
struct Estimate {
    /// From 0 to 4.
    score: u8,
    /// Whether it would be taken as it is.
    ok: bool,
    text: String,
}

pub(super) async fn estimate(
    State(console): State<Console>,
    visit: Visit,
    mut fields: Fields,
) -> Result<Response, Trouble> {
    let asked = console.pace.ask(visit.caller.address(), console.auth.now());
    asked.map_err(ApiError::Limited)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_minute() {
        let pace = Pace::default();
        let at = Timestamp::from_millis;
        let ip = |text: &str| text.parse().ok();
        for _ in 0..MOST {
            pace.ask(ip("2001:db8::1"), at(90_000)).unwrap();
        }
        assert_eq!(pace.ask(ip("2001:db8::2"), at(90_001)), Err(30), "the same holder");
        assert_eq!(pace.ask(ip("192.0.2.1"), at(90_001)), Ok(()));
        assert_eq!(pace.ask(None, at(90_001)), Ok(()));
        assert_eq!(pace.ask(ip("2001:db8::1"), at(120_000)), Ok(()));
    }

    #[test]
    fn addresses_beyond_number_share_one_bucket() {
        let pace = Pace::default();
        let at = Timestamp::from_millis(0);
        let v4 = |n: u32| Some(IpAddr::from(n.to_be_bytes()));
        for n in 0..u32::try_from(MAX_ADDRESSES).unwrap() {
            pace.ask(v4(n), at).unwrap();
        }
        let allowed = (20_000..30_000).filter(|n| pace.ask(v4(*n), at).is_ok()).count();
        assert_eq!(allowed, usize::try_from(MOST).unwrap());
        assert!(pace.0.lock().unwrap().asked.len() <= MAX_ADDRESSES + 1);
    }
}
