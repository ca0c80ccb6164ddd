//! The rows, and what must hold for them.
//!
//! Every look-up goes through all rows: next to writing the whole file that is nothing. A database has an index for each.

use std::collections::HashSet;
use std::hash::Hash;

use localauth_core::{ApiKey, Epoch, Role, Session, Status, User, UserId};

/// Everything the store keeps.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Tables {
    /// The greatest epoch given out. Kept by itself: a number must not be given out twice, whatever becomes of users.
    pub(crate) epoch: Epoch,
    pub(crate) users: Vec<User>,
    pub(crate) keys: Vec<ApiKey>,
    pub(crate) sessions: Vec<Session>,
}

impl Tables {
    pub(crate) fn user(&self, id: UserId) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// Takes the next epoch.
    pub(crate) fn next_epoch(&mut self) -> Epoch {
        self.epoch = Epoch(self.epoch.0 + 1);
        self.epoch
    }

    /// Changes a user and moves their epoch to the next one, which `change` is told. `None` when there is no such user.
    ///
    /// **The rule not to forget**: whatever changes what a user may do goes through here, revoking one of their keys and
    /// ending one of their sessions included. The epoch is how every server finds out that what it remembers of this
    /// user is out of date.
    pub(crate) fn change_user(&mut self, id: UserId, change: impl FnOnce(&mut User, Epoch)) -> Option<Epoch> {
        let at = self.users.iter().position(|user| user.id == id)?;
        let epoch = self.next_epoch();
        let user = &mut self.users[at];
        user.epoch = epoch;
        change(user, epoch);
        Some(epoch)
    }

    /// Whether this user is the only administrator who can come in.
    pub(crate) fn is_last_admin(&self, id: UserId) -> bool {
        let active = |user: &&User| user.role == Role::Admin && user.status == Status::Active;
        let mut admins = self.users.iter().filter(active);
        admins.next().is_some_and(|admin| admin.id == id) && admins.next().is_none()
    }

    /// Whether the rows can be: what a schema says with unique indexes and foreign keys. The error says what cannot.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let (users, keys, sessions) = (&self.users, &self.keys, &self.sessions);
        let ids: HashSet<UserId> = users.iter().map(|u| u.id).collect();
        let epochs_are_past = |u: &User| u.sign_in_epoch <= u.epoch && u.epoch <= self.epoch;
        let must = |holds: bool, broken| if holds { Ok(()) } else { Err(broken) };

        must(ids.len() == users.len(), "two users have the same id")?;
        must(
            unique(users.iter().map(|u| &u.email)),
            "two users have the same address",
        )?;
        must(unique(users.iter().map(|u| u.epoch)), "two users have the same epoch")?;
        must(users.iter().all(epochs_are_past), "a user's epoch is yet to come")?;
        must(unique(keys.iter().map(|k| k.id)), "two keys have the same id")?;
        must(
            unique(keys.iter().map(|k| k.public_id)),
            "two keys have the same public id",
        )?;
        must(keys.iter().all(|k| ids.contains(&k.user_id)), "a key belongs to nobody")?;
        must(unique(sessions.iter().map(|s| s.id)), "two sessions have the same id")?;
        must(
            unique(sessions.iter().map(|s| s.digest.digest.as_bytes())),
            "two sessions have the same digest",
        )?;
        must(
            sessions.iter().all(|s| ids.contains(&s.user_id)),
            "a session belongs to nobody",
        )
    }
}

fn unique<T: Eq + Hash>(mut all: impl Iterator<Item = T>) -> bool {
    let mut seen = HashSet::new();
    all.all(|one| seen.insert(one))
}
