//! Following what changes in the store, and living through its outages.
//!
//! Twice a second one indexed statement asks which users changed since the last time: for all users together, however
//! many are cached. A change made by this process is in force at once; one made by another process (a second node, the
//! command line) within a second. When the store does not answer, known identities go on for the stale limit.

use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Auth, Inner};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{Epoch, UserId};
use crate::key::KEEP_ENDED_KEYS;

const EVERY: Duration = Duration::from_millis(500);
/// How old the last look at the store may be for a cached identity to count without asking.
const FRESH: Duration = Duration::from_secs(1);
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// Single requests are kept at least so long: limits begin with those of the last hour, and what is written again after
/// an outage must not count again.
const SHORTEST_USAGE: Duration = Duration::from_hours(24);

/// How far this process has followed the store.
pub(super) struct Sync {
    /// When the store was last seen to have nothing newer, in milliseconds.
    pub(super) at: AtomicI64,
    /// The last epoch followed.
    pub(super) epoch: AtomicU64,
    /// Whether the first look, which learns where to begin, is done.
    begun: AtomicBool,
    /// Whether the last look failed.
    failing: AtomicBool,
}

/// Whether what is cached may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Yes.
    Fresh,
    /// Nobody looked for too long: ask the store.
    Unknown,
    /// The store is away, and has not been for too long: yes.
    Outage,
}

impl Sync {
    pub(super) const fn new() -> Self {
        Self {
            at: AtomicI64::new(i64::MIN),
            epoch: AtomicU64::new(0),
            begun: AtomicBool::new(false),
            failing: AtomicBool::new(false),
        }
    }

    /// Whether changes are being followed already. What was read before that may be out of date unnoticed, and is not
    /// to be remembered.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Whether the last look at the store failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    pub(super) fn freshness(&self, now: Timestamp, stale_limit: Duration) -> Freshness {
        let at = self.at.load(Ordering::Acquire);
        let age = now.as_millis().saturating_sub(at);
        let within = |limit: Duration| age <= i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        if at == i64::MIN {
            Freshness::Unknown
        } else if within(FRESH) {
            Freshness::Fresh
        } else if self.failing.load(Ordering::Acquire) && within(stale_limit) {
            Freshness::Outage
        } else {
            Freshness::Unknown
        }
    }
}

impl Inner {
    /// A change this process made: in force for the next request.
    pub(super) fn changed(&self, user: UserId, epoch: Epoch) {
        self.epochs.observe(user, epoch, self.clock.now());
    }

    pub(super) async fn follow(&self) -> Result<(), StoreError> {
        let asked_at = self.clock.now();
        let looked = timeout(FRESH, self.look()).await;
        let result = match looked {
            Ok(result) => result,
            Err(_) => Err(StoreError::unavailable("the store did not answer within a second")),
        };
        match &result {
            Ok(()) => {
                self.sync.at.fetch_max(asked_at.as_millis(), Ordering::AcqRel);
                if self.sync.failing.swap(false, Ordering::AcqRel) {
                    tracing::info!("the store answers again");
                }
            }
            Err(error) => {
                if !self.sync.failing.swap(true, Ordering::AcqRel) {
                    let cause = std::error::Error::source(error).map(ToString::to_string);
                    tracing::error!(cause, "{error}");
                }
            }
        }
        result
    }

    async fn look(&self) -> Result<(), StoreError> {
        if !self.sync.begun.load(Ordering::Acquire) {
            // Nothing that was read earlier is remembered: the newest epoch is where to begin.
            let newest = self.stores.users.latest_epoch().await?;
            self.load_shared_keys().await?;
            self.load_house().await?;
            self.sync.epoch.fetch_max(newest.0, Ordering::AcqRel);
            self.sync.begun.store(true, Ordering::Release);
            return Ok(());
        }
        let after = Epoch(self.sync.epoch.load(Ordering::Acquire));
        for (user, epoch) in self.stores.users.changes_since(after).await? {
            self.changed(user, epoch);
            if user == UserId::SHARED {
                self.load_shared_keys().await?;
            }
            if user == UserId::HOUSE {
                self.load_house().await?;
            }
            self.sync.epoch.fetch_max(epoch.0, Ordering::AcqRel);
        }
        Ok(())
    }
}

impl Inner {
    /// Deletes what is over.
    async fn sweep(&self, now: Timestamp) {
        let stores = &self.stores;
        let swept = [
            ("sessions", stores.sessions.sweep_sessions(now).await),
            ("keys", stores.keys.sweep_keys(now - KEEP_ENDED_KEYS).await),
            (
                "audit lines",
                stores.audit.sweep_audit(now - self.audit_retention).await,
            ),
            (
                "usage",
                stores
                    .usage_sink
                    .sweep_usage(now - self.usage_retention.max(SHORTEST_USAGE))
                    .await,
            ),
            (
                "attempts",
                stores.attempts.sweep_attempts(now - super::attempts::LONGEST).await,
            ),
        ];
        if let Err(error) = self.ledger.sweep(now).wait().await {
            tracing::warn!(%error, "limits could not be tidied up");
        }
        for (what, result) in swept {
            if let Err(error) = result {
                tracing::warn!(%error, "{what} that are over could not be deleted");
            }
        }
    }
}

/// The background work. Ends when the last [`Auth`] is gone.
pub(super) async fn run(inner: Weak<Inner>) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let per_sweep = SWEEP_EVERY.as_millis() / EVERY.as_millis();
    let mut until_sweep = 0;
    loop {
        tick.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        // Already logged, and the next tick tries again.
        let reachable = inner.follow().await.is_ok();
        if until_sweep == 0 && reachable {
            until_sweep = per_sweep;
            let now = inner.clock.now();
            inner.epochs.sweep(now);
            inner.sweep(now).await;
        }
        until_sweep = until_sweep.saturating_sub(1);
    }
}

/// The data was made with a secret that is not known to this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this database belongs to another server secret: start with the secret it was made with, or give that one as the previous secret"
)]
#[non_exhaustive]
pub struct SecretMismatch;

impl Auth {
    /// Asks the store once what changed. The background work does this twice a second.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store did not answer.
    pub async fn follow_changes(&self) -> Result<(), StoreError> {
        self.0.follow().await
    }

    /// Whether the store answers, by asking it now.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it does not.
    pub async fn ready(&self) -> Result<(), StoreError> {
        match timeout(FRESH, self.0.stores.users.latest_epoch()).await {
            Ok(result) => result.map(drop),
            Err(_) => Err(StoreError::unavailable("the store did not answer within a second")),
        }
    }

    /// Checks that the data was made with a secret this server knows, and notes the present one.
    ///
    /// To be called once at start: a server with a foreign secret would take every key for a wrong one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store did not answer; [`SecretMismatch`] inside.
    pub async fn check_secret(&self) -> Result<Result<(), SecretMismatch>, StoreError> {
        const NAME: &str = "secret_fingerprint";
        let ring = &self.0.ring;
        let mine = ring.fingerprint();
        let noted = self.0.stores.settings.setting_or_insert(NAME, &mine).await?;
        if noted == mine {
            return Ok(Ok(()));
        }
        if ring.knows(&noted) {
            self.0.stores.settings.put_setting(NAME, &mine).await?;
            return Ok(Ok(()));
        }
        Ok(Err(SecretMismatch))
    }
}
