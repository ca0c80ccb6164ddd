//! What of usage waits to be written, and what was lost on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::memory::MemorySpool;
use crate::store::{SpoolError, UsageSpool};
use crate::usage::UsageEvent;

/// How usage gets along: for health pages and metrics. See [`Auth::usage_queue`](super::Auth::usage_queue).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct UsageQueue {
    /// Events that are not in the store yet.
    pub waiting: u64,
    /// The bytes they take.
    pub bytes: u64,
    /// Events that were lost, because there was no room or the store refuses them. Must read 0.
    pub unrecorded: u64,
    /// Records of the spool that were found broken, and are lost. Must read 0.
    pub broken: u64,
}

/// How many events have come in since the worker last looked that make a batch worth writing at once.
pub(super) const BATCH: u64 = 1_000;

/// Between whoever answers a request and the worker.
pub(super) struct Queue {
    pub(super) spool: Arc<dyn UsageSpool>,
    /// Takes what a failing disk does not.
    pub(super) fallback: Arc<dyn UsageSpool>,
    unrecorded: AtomicU64,
    /// Whether the spool's disk failed the last time.
    failing: AtomicBool,
    /// What came in since the worker last looked.
    fresh: AtomicU64,
    pub(super) wake: Notify,
}

impl Queue {
    pub(super) fn new(spool: Arc<dyn UsageSpool>) -> Self {
        Self {
            spool,
            fallback: Arc::new(MemorySpool::new()),
            unrecorded: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            fresh: AtomicU64::new(0),
            wake: Notify::new(),
        }
    }

    pub(super) fn record(&self, event: &UsageEvent) {
        match self.spool.append(event) {
            Ok(()) => {
                if self.failing.load(Ordering::Relaxed) && self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the usage spool can be written again");
                }
            }
            Err(SpoolError::Full) => return self.lose(event, &SpoolError::Full),
            Err(error) => {
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!("usage is kept in memory, and lost if the process dies: {error}");
                }
                if self.fallback.append(event).is_err() {
                    return self.lose(event, &error);
                }
            }
        }
        // Not for each: the worker is woken by the first, and by the one that makes a batch.
        let before = self.fresh.fetch_add(1, Ordering::AcqRel);
        if before == 0 || before + 1 == BATCH {
            self.wake.notify_one();
        }
    }

    fn lose(&self, event: &UsageEvent, why: &SpoolError) {
        let lost = self.lost_one();
        tracing::error!(request_id = %event.request_id, lost, "this request is not in the report: {why}");
    }

    /// Counts a lost event, and says how many there are.
    pub(super) fn lost_one(&self) -> u64 {
        self.unrecorded.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn unrecorded(&self) -> u64 {
        self.unrecorded.load(Ordering::Relaxed)
    }

    /// Whether enough came in to be written at once.
    pub(super) fn is_batch(&self) -> bool {
        self.fresh.load(Ordering::Acquire) >= BATCH
    }

    /// Whatever came in so far is about to be read.
    pub(super) fn look(&self) {
        self.fresh.swap(0, Ordering::AcqRel);
    }

    pub(super) fn state(&self) -> UsageQueue {
        let (spool, fallback) = (self.spool.depth(), self.fallback.depth());
        UsageQueue {
            waiting: spool.events + fallback.events,
            bytes: spool.bytes + fallback.bytes,
            unrecorded: self.unrecorded(),
            broken: spool.broken,
        }
    }
}
