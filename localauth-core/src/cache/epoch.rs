//! Which epoch each user has reached, as far as this process knows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::{Epoch, UserId};

/// The newest epoch of one user. Everything that was remembered under an older one is over.
#[derive(Debug, Default)]
pub(crate) struct EpochCell(AtomicU64);

impl EpochCell {
    pub(crate) fn newest(&self) -> Epoch {
        Epoch(self.0.load(Ordering::Acquire))
    }

    fn advance(&self, to: Epoch) {
        self.0.fetch_max(to.0, Ordering::AcqRel);
    }
}

/// How long a cell that nothing refers to is kept. Longer than any question to the store may take, so that an answer
/// from before a change still meets the cell that knows better.
const KEEP_UNUSED: Duration = Duration::from_mins(1);

struct Kept {
    cell: Arc<EpochCell>,
    since: Timestamp,
}

/// The cells of all users this process has met. Off the hot path: an identity holds its own cell.
#[derive(Default)]
pub(crate) struct Epochs(Mutex<HashMap<UserId, Kept>>);

impl Epochs {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `user` has reached `epoch`, and returns the cell, which may know of a later one.
    pub(crate) fn observe(&self, user: UserId, epoch: Epoch, now: Timestamp) -> Arc<EpochCell> {
        let mut cells = self.lock();
        let kept = cells.entry(user).or_insert_with(|| Kept {
            cell: Arc::default(),
            since: now,
        });
        kept.since = now;
        kept.cell.advance(epoch);
        Arc::clone(&kept.cell)
    }

    /// Forgets the cells that nothing refers to and that have not moved lately.
    pub(crate) fn sweep(&self, now: Timestamp) {
        // A count of one is this map's own, and nobody can copy it while we hold the lock.
        self.lock()
            .retain(|_, kept| Arc::strong_count(&kept.cell) > 1 || now.since(kept.since) < KEEP_UNUSED);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_only_move_forward_and_are_kept_while_used() {
        let epochs = Epochs::default();
        let user = UserId::SHARED;
        let t = Timestamp::from_millis(0);
        let cell = epochs.observe(user, Epoch(5), t);
        epochs.observe(user, Epoch(3), t);
        assert_eq!(cell.newest(), Epoch(5));
        epochs.sweep(t + KEEP_UNUSED);
        assert_eq!(epochs.len(), 1, "still referred to");
        drop(cell);
        epochs.sweep(t + KEEP_UNUSED - Duration::from_millis(1));
        assert_eq!(epochs.len(), 1, "moved lately");
        epochs.sweep(t + KEEP_UNUSED);
        assert_eq!(epochs.len(), 0);
    }
}
