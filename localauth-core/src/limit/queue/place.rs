//! A place, and why there is none.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::FairQueue;

/// A place in use. Whoever drops it frees it, and calls the next one.
#[must_use = "a place that is dropped is free for the next one"]
pub struct Place {
    queue: Arc<FairQueue>,
    position: usize,
    waited: Duration,
    since: Instant,
}

impl Place {
    pub(super) fn new(queue: Arc<FairQueue>, position: usize, waited: Duration) -> Self {
        Self {
            queue,
            position,
            waited,
            since: FairQueue::now(),
        }
    }

    /// Which in the queue it was at entry: 1 was next, 0 did not have to wait.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// How long it waited.
    pub const fn waited(&self) -> Duration {
        self.waited
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.release(Some(self.since.elapsed()));
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("position", &self.position)
            .field("waited", &self.waited)
            .finish_non_exhaustive()
    }
}

/// A request that gets no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct NoPlace {
    /// Why.
    pub reason: NoPlaceReason,
    /// Which in the queue it was at entry, or would have been: 1 is next.
    pub position: usize,
    /// How long it waited.
    pub waited: Duration,
    /// After how long another try is worth it, roughly.
    pub retry_after: Duration,
}

/// Why a request gets no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NoPlaceReason {
    /// As many wait already as may, in all or of this user; or somebody with fewer needed the place in the queue.
    #[error("the queue is full")]
    QueueFull,
    /// None was free in time.
    #[error("no place was free in time")]
    TooLong,
}
