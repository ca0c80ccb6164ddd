//! How an [`Auth`] gets along, in numbers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Auth;
use crate::audit::{AuditAction, AuditOutcome};
use crate::tally::Tally;

/// How an [`Auth`] gets along, in numbers that only grow: for metrics. See [`Auth::vitals`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Vitals {
    /// Credentials that were remembered, and good: hits of the cache.
    pub hits: u64,
    /// Credentials that were not remembered, so that the store was asked, or somebody who asks it already.
    pub lookups: u64,
    /// Those of them that were good.
    pub lookups_found: u64,
    /// Attempts to sign in and the like that came too soon after others.
    pub attempts_limited: u64,
    /// Requests that limits bind, and that passed them.
    pub reserved: u64,
    /// Requests that a limit refused.
    pub limited: u64,
    /// Requests whose limits nobody could tell: they passed or not as each limit says.
    pub limits_unknown: u64,
    /// How long ago the store was last seen to have nothing newer; `None` before the first time. A change by another node
    /// is not known for longer than that.
    pub followed: Option<Duration>,
    /// The last change that was followed.
    pub epoch: u64,
    /// Whether the store failed the last time it was asked what changed.
    pub store_failing: bool,
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Count {
    Hit,
    Lookup,
    LookupFound,
    AttemptLimited,
    Reserved,
    Limited,
    LimitsUnknown,
}

const COUNTS: usize = 7;

/// The counters of one [`Auth`].
pub(super) struct Counters {
    counts: Tally,
    /// Lines of the audit log: successes and failures of each action.
    audited: Tally,
}

impl Counters {
    pub(super) fn new() -> Self {
        Self {
            counts: Tally::new(COUNTS),
            audited: Tally::new(AuditAction::ALL.len() * 2),
        }
    }

    pub(super) fn count(&self, what: Count) {
        self.counts.add(what as usize, 1);
    }

    pub(super) fn audited(&self, action: AuditAction, outcome: AuditOutcome) {
        self.audited.add(line(action, outcome), 1);
    }
}

fn line(action: AuditAction, outcome: AuditOutcome) -> usize {
    action as usize * 2 + usize::from(outcome == AuditOutcome::Failure)
}

impl Auth {
    /// How this process gets along: for metrics.
    ///
    /// ```
    /// # use http::{HeaderMap, header::AUTHORIZATION};
    /// # use localauth_core::{Auth, MemoryStore, NewAccount, NewKey, Password};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let auth = Auth::builder(MemoryStore::new()).build()?;
    /// let ada = auth.add_user(NewAccount::local("ada@example.org", Password::new("correct-horse-battery"))).await?;
    /// let key = auth.create_key(ada.id, NewKey::named("laptop")).await?;
    /// let mut headers = HeaderMap::new();
    /// headers.insert(AUTHORIZATION, format!("Bearer {}", key.plain.expose()).parse()?);
    /// auth.follow_changes().await?;
    ///
    /// // The store is asked for a credential once:
    /// for _ in 0..3 {
    ///     auth.authenticate(&headers).await?;
    /// }
    /// let vitals = auth.vitals();
    /// assert_eq!((vitals.lookups, vitals.lookups_found, vitals.hits), (1, 1, 2));
    /// assert!(!vitals.store_failing);
    /// # Ok(())
    /// # }
    /// ```
    pub fn vitals(&self) -> Vitals {
        let count = |what: Count| self.0.counters.counts.sum(what as usize);
        let (followed, epoch) = self.0.sync.seen(self.now());
        Vitals {
            hits: count(Count::Hit),
            lookups: count(Count::Lookup),
            lookups_found: count(Count::LookupFound),
            attempts_limited: count(Count::AttemptLimited),
            reserved: count(Count::Reserved),
            limited: count(Count::Limited),
            limits_unknown: count(Count::LimitsUnknown),
            followed,
            epoch,
            store_failing: self.0.sync.is_failing(),
        }
    }

    /// How often something of the audit log went so, in this process.
    pub fn audited(&self, action: AuditAction, outcome: AuditOutcome) -> u64 {
        self.0.counters.audited.sum(line(action, outcome))
    }
}

impl super::sync::Sync {
    /// How long ago the store was seen to have nothing newer, and the last change that was followed.
    fn seen(&self, now: crate::clock::Timestamp) -> (Option<Duration>, u64) {
        let at = self.at.load(Ordering::Acquire);
        let age = now.as_millis().saturating_sub(at);
        let followed = (at != i64::MIN).then(|| Duration::from_millis(u64::try_from(age).unwrap_or(0)));
        (followed, self.epoch.load(Ordering::Acquire))
    }
}
