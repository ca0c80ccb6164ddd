//! Rules of [`Ledger`].
//!
//! Besides the rules there is [`follows_the_model`]: a ledger against a simple model, over whatever happens in whatever
//! order. Made for a property test, which finds the shortest script that goes wrong:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use localauth_core::MemoryLedger;
//! use localauth_core::contract::ledger::follows_the_model;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let script = [[0, 255, 10, 10], [6, 0, 0, 0], [7, 1, 3, 0], [1, 3, 5, 7]];
//! follows_the_model(|| async { Arc::new(MemoryLedger::new()) }, Duration::ZERO, &script).await;
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod crowded;
mod decided;
mod history;
mod model;
mod posted;
mod script;
mod windows;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub use self::crowded::*;
pub use self::decided::*;
pub use self::history::*;
pub use self::posted::*;
pub use self::script::*;
pub use self::windows::*;
use super::fixture::{request_id, user_id};
use crate::clock::Timestamp;
use crate::id::LimitId;
use crate::limit::{Amounts, Ask, Claim, CounterId, Holder, Ledger, LimitRule, Reserved, Standing, Subject, Window};

group!(__contract_ledger: Ledger);

/// What one request is.
const ONE: Amounts = Amounts {
    requests: 1,
    ..Amounts::ZERO
};

const MINUTE: Window = Window::Rolling(Duration::from_mins(1));
const HOUR: Window = Window::Rolling(Duration::from_hours(1));

fn limit_id(n: usize) -> LimitId {
    LimitId::from_uuid(Uuid::from_u128(0x4c00_0000 + n as u128))
}

/// These rules, each as a limit of the same user, in the order of their counters.
fn claims(rules: impl IntoIterator<Item = LimitRule>) -> Arc<[Claim]> {
    let claim = |(n, rule): (usize, LimitRule)| Claim {
        counter: CounterId {
            limit: limit_id(n),
            holder: Holder::User(user_id(1)),
            window: rule.window,
        },
        rule,
        subject: Subject::User,
        keys: Vec::new(),
    };
    rules.into_iter().enumerate().map(claim).collect()
}

/// One rule as limit number `n`.
fn single(n: usize, rule: LimitRule) -> Arc<[Claim]> {
    let mut claim = claims([rule])[0].clone();
    claim.counter.limit = limit_id(n);
    [claim].into()
}

/// One rule as a limit whose counter begins with nothing.
async fn alone<L: Ledger + ?Sized>(ledger: &L, rule: LimitRule, now: Timestamp) -> Arc<[Claim]> {
    let claims = claims([rule]);
    know(ledger, &claims, now).await;
    claims
}

/// Lets the counters of all claims begin with nothing.
async fn know<L: Ledger + ?Sized>(ledger: &L, claims: &[Claim], now: Timestamp) {
    for claim in claims {
        seed(ledger, claim, Vec::new(), now).await;
    }
}

async fn seed<L: Ledger + ?Sized>(ledger: &L, claim: &Claim, history: Vec<(Timestamp, Amounts)>, now: Timestamp) {
    ledger
        .seed(claim, history, now)
        .wait()
        .await
        .expect("the ledger answers");
}

async fn reserve<L: Ledger + ?Sized>(
    ledger: &L,
    hold: usize,
    claims: &Arc<[Claim]>,
    ask: &Ask,
    now: Timestamp,
) -> Reserved {
    let reserved = ledger.reserve(request_id(hold), claims, ask, now).wait().await;
    let reserved = reserved.expect("the ledger answers");
    if let Reserved::Granted { standings, .. } | Reserved::Refused { standings, .. } = &reserved {
        assert_eq!(standings.len(), claims.len(), "one for each claim");
    }
    reserved
}

/// What is held, which must be granted.
async fn granted<L: Ledger + ?Sized>(
    ledger: &L,
    hold: usize,
    claims: &Arc<[Claim]>,
    ask: &Ask,
    now: Timestamp,
) -> Amounts {
    match reserve(ledger, hold, claims, ask, now).await {
        Reserved::Granted { held, .. } => held,
        other => panic!("there is room, but: {other:?}"),
    }
}

/// Who refuses, and for how long; it must be refused.
async fn refused<L: Ledger + ?Sized>(
    ledger: &L,
    hold: usize,
    claims: &Arc<[Claim]>,
    ask: &Ask,
    now: Timestamp,
) -> (usize, Option<Duration>) {
    match reserve(ledger, hold, claims, ask, now).await {
        Reserved::Refused { by, retry_after, .. } => (by, retry_after),
        other => panic!("there is no room, but: {other:?}"),
    }
}

/// Posts, and waits until it counts.
async fn post<L: Ledger + ?Sized>(
    ledger: &L,
    hold: usize,
    claims: &Arc<[Claim]>,
    (release, used): (Amounts, Amounts),
    last: bool,
    now: Timestamp,
) {
    ledger.post(request_id(hold), claims, release, used, last, now);
    ledger.flush().wait().await.expect("the ledger answers");
}

/// How known counters stand.
async fn standings<L: Ledger + ?Sized>(ledger: &L, claims: &Arc<[Claim]>, now: Timestamp) -> Vec<Standing> {
    let standings = ledger.standings(claims, now).wait().await.expect("the ledger answers");
    let standings = standings.into_iter().collect::<Option<_>>();
    standings.expect("all counters are known")
}

/// So many tokens to read, and to write at least and at most.
const fn tokens(prompt_tokens: u64, least_completion: u64, most_completion: u64) -> Ask {
    Ask {
        prompt_tokens,
        least_completion,
        most_completion,
        ..Ask::REQUEST
    }
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
