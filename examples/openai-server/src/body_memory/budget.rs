//! What there is, and who has how much of it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use std::time::Duration;

use localauth_core::UserId;
use tokio::time::Instant;

/// How long a body may take that has some of the room, while others are refused for want of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// However small it is.
    pub(super) least: Duration,
    /// And for each byte of it that is there.
    pub(super) per_byte: Duration,
    /// How long after a refusal there still is want.
    pub(super) want: Duration,
    /// How often it is looked.
    pub(super) look: Duration,
}

impl Default for Patience {
    /// A megabyte a second: a line that is slower than that can wait until there is room for it.
    fn default() -> Self {
        Self {
            least: Duration::from_secs(10),
            per_byte: Duration::from_micros(1),
            want: Duration::from_secs(10),
            look: Duration::from_secs(1),
        }
    }
}

/// So much memory for bodies.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    most_of_one: usize,
    patience: Patience,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Who has nothing is not in it.
    by_user: HashMap<UserId, usize>,
    /// When somebody was refused last who had not had their half.
    refused: Option<Instant>,
}

/// What one request has of it. Given back when the request is answered, or gone.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    user: UserId,
    /// What was taken; none once it is given back: what is read then is not kept by anybody.
    held: Mutex<Option<usize>>,
    since: Instant,
    was_refused: AtomicBool,
}

impl Budget {
    /// So many bytes, of which one user gets half at most, and `largest` in any case, or the largest body would never
    /// pass.
    pub fn new(most: usize, largest: usize) -> Arc<Self> {
        Self::patient(most, largest, Patience::default())
    }

    pub(super) fn patient(most: usize, largest: usize, patience: Patience) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_of_one: (most / 2).max(largest),
            patience,
            taken: Mutex::default(),
        })
    }

    pub(super) const fn patience(&self) -> &Patience {
        &self.patience
    }

    /// What is taken at present.
    pub fn taken(&self) -> usize {
        self.lock().all
    }

    /// Nothing of it yet, for a request of `user`.
    pub(super) fn share(self: &Arc<Self>, user: UserId) -> Share {
        Share {
            budget: Arc::clone(self),
            user,
            held: Mutex::new(Some(0)),
            since: Instant::now(),
            was_refused: AtomicBool::new(false),
        }
    }

    // Held for a few instructions, and not by the smallest bodies.
    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, user: UserId, bytes: usize) -> bool {
        let mut taken = self.lock();
        let has = taken.by_user.get(&user).copied().unwrap_or_default();
        if self.most_of_one - has.min(self.most_of_one) < bytes {
            return false;
        }
        let fits = self.most - taken.all.min(self.most) >= bytes;
        if fits {
            taken.all += bytes;
            taken.by_user.insert(user, has + bytes);
        } else {
            taken.refused = Some(Instant::now());
        }
        fits
    }

    fn give_back(&self, user: UserId, bytes: usize) {
        let mut taken = self.lock();
        taken.all -= bytes;
        if let Some(has) = taken.by_user.get_mut(&user) {
            *has -= bytes;
            if *has == 0 {
                taken.by_user.remove(&user);
            }
        }
    }
}

impl Share {
    /// Takes so many bytes more, if there is room.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = held.as_mut() else { return true };
        let fits = self.budget.take(self.user, bytes);
        if fits {
            *held += bytes;
        } else {
            self.was_refused.store(true, Ordering::Relaxed);
        }
        fits
    }

    /// Lets go of what a body has that takes too long while others are refused; whether that is so.
    pub(super) fn make_room(&self, now: Instant) -> bool {
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bytes) = held.filter(|bytes| *bytes > 0) else {
            return false;
        };
        let Patience {
            least, per_byte, want, ..
        } = *self.budget.patience();
        let worth = per_byte.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX));
        let refused = self.budget.lock().refused;
        let is_wanted = refused.is_some_and(|at| now.saturating_duration_since(at) <= want);
        let is_slow = now.saturating_duration_since(self.since) > least + worth;
        if is_wanted && is_slow {
            self.was_refused.store(true, Ordering::Relaxed);
            self.give_back();
        }
        is_wanted && is_slow
    }

    /// Whether any of it is taken.
    pub(super) fn has_some(&self) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.is_some_and(|bytes| bytes > 0)
    }

    /// How often it is to be looked whether others want it.
    pub(super) fn look(&self) -> Duration {
        self.budget.patience().look
    }

    /// Whether there was no room once.
    pub(super) fn was_refused(&self) -> bool {
        self.was_refused.load(Ordering::Relaxed)
    }

    /// Gives all of it back.
    pub(super) fn give_back(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(bytes) = held.filter(|bytes| *bytes > 0) {
            self.budget.give_back(self.user, bytes);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}
