//! How many requests may be under way to upstreams at once, and how many of them may be one user's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use localauth_core::UserId;

use super::failure::Failure;

/// So many requests at once. Each takes a connection, and so a file: without a bound a few clients could use up all there
/// are, and without a share a single one could.
#[derive(Debug)]
pub(super) struct Slots {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Who has none is not in it.
    by_user: HashMap<UserId, usize>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    user: Option<UserId>,
}

impl Slots {
    /// So many, of which one user gets half at most.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_of_one: (most / 2).max(1),
            taken: Mutex::default(),
        })
    }

    /// One of them for a request of `user`; where nobody is known, there are no shares.
    pub(super) fn take(self: &Arc<Self>, user: Option<UserId>) -> Result<Slot, Failure> {
        let mut taken = self.lock();
        let theirs = user.and_then(|user| taken.by_user.get(&user)).copied().unwrap_or(0);
        if taken.all >= self.most || theirs >= self.most_of_one {
            return Err(Failure::Full);
        }
        taken.all += 1;
        if let Some(user) = user {
            taken.by_user.insert(user, theirs + 1);
        }
        Ok(Slot {
            slots: Arc::clone(self),
            user,
        })
    }

    // Held for a few instructions.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.lock();
        taken.all -= 1;
        let Some(user) = self.user else { return };
        match taken.by_user.get_mut(&user) {
            Some(theirs) if *theirs > 1 => *theirs -= 1,
            _ => {
                taken.by_user.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_than_half_and_all_of_it_comes_back() {
        let user = |n: u8| {
            let id = format!("0192f0c1-2345-7890-abcd-ef012345678{n}");
            Some(id.parse().unwrap())
        };
        let slots = Slots::new(5);
        let mut held: Vec<_> = (0..2).map(|_| slots.take(user(1)).unwrap()).collect();
        assert_eq!(slots.take(user(1)).unwrap_err(), Failure::Full, "the share is used up");
        held.extend((0..2).map(|_| slots.take(user(2)).unwrap()));
        held.push(slots.take(None).unwrap());
        assert_eq!(slots.take(user(3)).unwrap_err(), Failure::Full, "there is no more");
        held.remove(0);
        drop(slots.take(user(1)).unwrap());
        drop(held);
        let taken = slots.lock();
        assert_eq!((taken.all, taken.by_user.len()), (0, 0));
    }

    #[test]
    fn where_nobody_is_known_there_are_no_shares() {
        let slots = Slots::new(2);
        let held = [slots.take(None).unwrap(), slots.take(None).unwrap()];
        assert!(slots.take(None).is_err());
        drop(held);
        assert_eq!(slots.lock().all, 0);
    }
}
