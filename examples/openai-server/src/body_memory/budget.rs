//! What there is, and who has how much of it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use localauth_core::UserId;

/// So much memory for bodies.
#[derive(Debug)]
pub struct Budget {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Who has nothing is not in it.
    by_user: HashMap<UserId, usize>,
}

/// What one request has of it. Given back when the request is answered, or gone.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    user: UserId,
    /// What was taken; none once it is given back: what is read then is not kept by anybody.
    held: Mutex<Option<usize>>,
    was_refused: AtomicBool,
}

impl Budget {
    /// So many bytes, of which one user gets half at most, and `largest` in any case, or the largest body would never
    /// pass.
    pub fn new(most: usize, largest: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_of_one: (most / 2).max(largest),
            taken: Mutex::default(),
        })
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
            was_refused: AtomicBool::new(false),
        }
    }

    // Held for a few instructions, and by large bodies only.
    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, user: UserId, bytes: usize) -> bool {
        let mut taken = self.lock();
        let has = taken.by_user.get(&user).copied().unwrap_or_default();
        let fits =
            self.most - taken.all.min(self.most) >= bytes && self.most_of_one - has.min(self.most_of_one) >= bytes;
        if fits {
            taken.all += bytes;
            taken.by_user.insert(user, has + bytes);
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
