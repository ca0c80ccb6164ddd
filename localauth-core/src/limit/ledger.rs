//! [`Ledger`]: who used how much, and what is held for requests under way.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::amounts::Amounts;
use super::price::Price;
use super::rule::LimitRule;
use super::window::Window;
use crate::clock::Timestamp;
use crate::error::{Denial, StoreError};
use crate::id::{KeyId, LimitId, RequestId, UserId};
use crate::usage::{UsageEvent, UsageHistory};

/// Whose use one counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Holder {
    /// Everybody together.
    Everyone,
    /// A user.
    User(UserId),
    /// A key, and those made from it.
    Key(KeyId),
}

/// What one counter counts. Changing a rule's numbers keeps its counter; another window begins a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterId {
    /// Of which limit.
    pub limit: LimitId,
    /// Whose use.
    pub holder: Holder,
    /// Over which time.
    pub window: Window,
}

/// Whose rule it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// Everybody's.
    Everyone,
    /// That of a user's tier.
    Tier,
    /// A user's own.
    User,
    /// A key's.
    Key,
}

impl Subject {
    /// The name, as sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Tier => "tier",
            Self::User => "user",
            Self::Key => "key",
        }
    }

    /// What a refusal by such a limit is called.
    pub const fn denial(self) -> Denial {
        match self {
            Self::User => Denial::QuotaExceeded,
            Self::Everyone | Self::Tier | Self::Key => Denial::RateLimited,
        }
    }
}

/// One limit as it binds a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The counter.
    pub counter: CounterId,
    /// The rule.
    pub rule: LimitRule,
    /// Whose rule it is.
    pub subject: Subject,
    /// Whose usage the counter begins with. Several keys share the limit of the one they were made from.
    pub keys: Vec<KeyId>,
}

impl Claim {
    /// What a refusal by this limit is called.
    pub const fn denial(&self) -> Denial {
        self.subject.denial()
    }

    /// What has to be read for the counter to begin with.
    pub fn history(&self, now: Timestamp) -> UsageHistory {
        UsageHistory {
            since: self.counter.window.since(now),
            user_id: match self.counter.holder {
                Holder::User(id) => Some(id),
                Holder::Everyone | Holder::Key(_) => None,
            },
            without: Vec::new(),
            key_ids: match self.counter.holder {
                Holder::Key(_) => self.keys.clone(),
                Holder::Everyone | Holder::User(_) => Vec::new(),
            },
            model: Some(self.rule.model.clone()).filter(|model| !model.is_empty()),
        }
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Requests, one or none.
    pub requests: u64,
    /// Places among the requests under way, one or none.
    pub places: u64,
    /// Tokens that are read.
    pub prompt_tokens: u64,
    /// Tokens to write: so many at least, or it is refused.
    pub least_completion: u64,
    /// And so many if there is room.
    pub most_completion: u64,
    /// What the tokens cost.
    pub price: Price,
    /// What was spent on top of tokens: time.
    pub extra_cost: u64,
}

/// How one limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// What counts at present.
    pub used: Amounts,
    /// What is held for requests under way.
    pub held: Amounts,
    /// When one more request would pass, if none does now.
    pub requests_at: Option<Timestamp>,
    /// When one more token would pass, if none does now.
    pub tokens_at: Option<Timestamp>,
    /// When nothing of what counts at present counts any more, if anything does.
    pub empty_at: Option<Timestamp>,
}

/// What [`Ledger::reserve`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reserved {
    /// All limits have room: this is held.
    Granted {
        /// What is held for it under every limit.
        held: Amounts,
        /// How the limits stand now, in the order of the claims.
        standings: Vec<Standing>,
    },
    /// One has none, and nothing is held.
    Refused {
        /// Which, in the order of the claims.
        by: usize,
        /// After how long it would pass, as far as that is a matter of time alone.
        retry_after: Option<Duration>,
        /// How the limits stand now.
        standings: Vec<Standing>,
    },
    /// These counters are not known here, and nothing is held: [`Ledger::seed`] them and ask again.
    Unknown(Vec<usize>),
}

/// An answer that is there, or on its way.
#[must_use]
pub enum Reply<T> {
    /// There.
    Ready(Result<T, StoreError>),
    /// On its way.
    Pending(BoxFuture<'static, Result<T, StoreError>>),
}

impl<T> Reply<T> {
    /// Waits for it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the ledger could not answer.
    pub async fn wait(self) -> Result<T, StoreError> {
        match self {
            Self::Ready(answer) => answer,
            Self::Pending(answer) => answer.await,
        }
    }
}

impl<T> std::fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Pending(_) => "Pending",
        })
    }
}

/// Counts what is used, and decides what may be.
///
/// The rules of an implementation:
///
/// - **All or none.** [`reserve`](Self::reserve) looks at all claims and holds what is asked under each of them, or
///   under none; with many at once, on as many nodes as share the ledger, no hard limit is ever exceeded by what is used
///   and held together.
/// - **What is held counts** until it is [posted](Self::post), whatever the window. What is posted as used counts from
///   then on for the window's length.
/// - **What nobody posts is let go** within a bounded time, as after a crash. In one process that cannot happen; ledgers
///   that many processes share say how long it takes.
/// - **Whoever drops a reply that is on its way** holds nothing in the end.
/// - Claims come sorted by their counters, and no counter comes twice.
pub trait Ledger: Send + Sync {
    /// Holds what `ask` asks for under all `claims`, in the name of `hold`. Asked again in the same name it holds more.
    fn reserve(&self, hold: RequestId, claims: &Arc<[Claim]>, ask: &Ask, now: Timestamp) -> Reply<Reserved>;

    /// Lets `release` of what is held go, and counts `used` instead. Never waits and never fails: what cannot be written
    /// now is written later. The `last` one lets go of all that is still held in this name, and says how much that is.
    fn post(&self, hold: RequestId, claims: &Arc<[Claim]>, release: Amounts, used: Amounts, last: bool, now: Timestamp);

    /// How the limits stand, in the order of the claims; `None` for one whose counter is not known here.
    fn standings(&self, claims: &Arc<[Claim]>, now: Timestamp) -> Reply<Vec<Option<Standing>>>;

    /// Makes the counter of a claim known, with what was used before. Does nothing when it is known already.
    fn seed(&self, claim: &Claim, history: Vec<(Timestamp, Amounts)>, now: Timestamp) -> Reply<()>;

    /// Counts what an earlier process answered but could not post any more, because it was killed: `events` are what it left
    /// unwritten, each under the name that it was held in. What was posted is not counted again.
    ///
    /// For a ledger that remembers what was held; one that begins with the reports has nothing to do.
    fn recover(&self, events: &[UsageEvent]) -> Reply<()> {
        let _ = events;
        Reply::Ready(Ok(()))
    }

    /// Forgets what does not count any more. Called from time to time.
    fn sweep(&self, now: Timestamp) -> Reply<()>;

    /// Waits until what was posted so far is written. To be called when a process ends.
    fn flush(&self) -> Reply<()> {
        Reply::Ready(Ok(()))
    }
}
