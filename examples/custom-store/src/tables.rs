//! The rows, and what must hold for them.
//!
//! Every look-up goes through all rows: next to writing the whole file that is nothing. A database has an index for each.

use std::collections::HashSet;
use std::hash::Hash;
use std::time::Duration;

use localauth_core::{
    ApiKey, Epoch, ExternalIdentity, HouseRules, Invite, Role, Session, SharedKey, Status, Timestamp, User, UserId,
    UserLimits,
};

/// How long a deletion is told of: whoever has not asked for a day begins anew anyway.
const TOLD_FOR: Duration = Duration::from_hours(24);

/// Everything the store keeps.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct Tables {
    /// The greatest epoch given out. Kept by itself: a number must not be given out twice, whatever becomes of users.
    pub(crate) epoch: Epoch,
    /// The epoch of [`UserId::SHARED`], who is no user but has sessions.
    pub(crate) shared_epoch: Epoch,
    pub(crate) users: Vec<User>,
    pub(crate) deleted: Vec<Deleted>,
    pub(crate) identities: Vec<Identity>,
    pub(crate) keys: Vec<ApiKey>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) invites: Vec<Invite>,
    pub(crate) shared_keys: Vec<SharedKey>,
    /// Of those who have any.
    pub(crate) limits: Vec<LimitsOf>,
    pub(crate) house: HouseRules,
    /// When the house rules were last changed: the epoch of [`UserId::HOUSE`].
    pub(crate) house_epoch: Epoch,
}

/// What is left of a user: that they are gone, for those who remember them.
#[derive(Clone, PartialEq)]
pub(crate) struct Deleted {
    pub(crate) id: UserId,
    pub(crate) epoch: Epoch,
    pub(crate) at: Timestamp,
}

/// Who a user is at a provider.
#[derive(Clone, PartialEq)]
pub(crate) struct Identity {
    pub(crate) user_id: UserId,
    pub(crate) external: ExternalIdentity,
    pub(crate) linked_at: Timestamp,
}

/// What limits a user by name.
#[derive(Clone, PartialEq)]
pub(crate) struct LimitsOf {
    pub(crate) user_id: UserId,
    pub(crate) limits: UserLimits,
}

impl Tables {
    pub(crate) fn user(&self, id: UserId) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(crate) fn limits_of(&self, id: UserId) -> Option<&UserLimits> {
        self.limits.iter().find(|row| row.user_id == id).map(|row| &row.limits)
    }

    /// Changes what limits a user, whose epoch is to be moved with it.
    pub(crate) fn change_limits<T>(&mut self, id: UserId, change: impl FnOnce(&mut UserLimits) -> T) -> T {
        let mut limits = self.limits_of(id).cloned().unwrap_or_default();
        let answer = change(&mut limits);
        self.limits.retain(|row| row.user_id != id);
        if limits != UserLimits::default() {
            self.limits.push(LimitsOf { user_id: id, limits });
        }
        answer
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

    /// Moves the epoch of whoever has sessions: a user, or the synthetic administrator.
    pub(crate) fn change_holder(&mut self, id: UserId) -> Option<Epoch> {
        if id == UserId::SHARED {
            self.shared_epoch = self.next_epoch();
            Some(self.shared_epoch)
        } else {
            self.change_user(id, |_, _| ())
        }
    }

    /// Deletes a user and what belongs to them. A database does most of it by foreign keys; what it does not is to move
    /// the epochs of those as whom they acted, so that nobody goes on with such a session from memory.
    pub(crate) fn delete_user(&mut self, id: UserId, at: Timestamp) -> Option<Epoch> {
        let position = self.users.iter().position(|user| user.id == id)?;
        self.users.remove(position);
        self.identities.retain(|row| row.user_id != id);
        self.keys.retain(|key| key.user_id != id);
        self.limits.retain(|row| row.user_id != id);
        self.invites.retain(|invite| invite.created_by != id);
        for invite in self.invites.iter_mut().filter(|invite| invite.used_by == Some(id)) {
            invite.used_by = None;
        }
        let acted = |session: &Session| session.impersonator.as_ref().is_some_and(|by| by.id == id);
        let acted_as: HashSet<UserId> = self.sessions.iter().filter(|s| acted(s)).map(|s| s.user_id).collect();
        self.sessions.retain(|session| session.user_id != id && !acted(session));
        self.end_sessions_without_key();
        for other in acted_as {
            self.change_holder(other);
        }
        let epoch = self.next_epoch();
        self.deleted.retain(|gone| gone.at + TOLD_FOR >= at);
        self.deleted.push(Deleted { id, epoch, at });
        Some(epoch)
    }

    /// After keys were deleted: a session that was made from a key ends with it.
    pub(crate) fn end_sessions_without_key(&mut self) {
        let keys: HashSet<_> = self.keys.iter().map(|key| key.id).collect();
        self.sessions
            .retain(|session| session.key_id.is_none_or(|key| keys.contains(&key)));
    }

    /// Whether this user is the only administrator who can come in.
    pub(crate) fn is_last_admin(&self, id: UserId) -> bool {
        let active = |user: &&User| user.role == Role::Admin && user.status == Status::Active;
        let mut admins = self.users.iter().filter(active);
        admins.next().is_some_and(|admin| admin.id == id) && admins.next().is_none()
    }

    /// Everybody's present epoch: of users, of those who are gone, of the synthetic administrator, and of the house rules.
    pub(crate) fn epochs(&self) -> impl Iterator<Item = (UserId, Epoch)> {
        let users = self.users.iter().map(|user| (user.id, user.epoch));
        let deleted = self.deleted.iter().map(|gone| (gone.id, gone.epoch));
        let shared = (self.shared_epoch > Epoch::default()).then_some((UserId::SHARED, self.shared_epoch));
        let house = (self.house_epoch > Epoch::default()).then_some((UserId::HOUSE, self.house_epoch));
        users.chain(deleted).chain(shared).chain(house)
    }

    /// Whether the rows can be: what a schema says with unique indexes and foreign keys. The error says what cannot.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let (users, keys, sessions) = (&self.users, &self.keys, &self.sessions);
        let ids: HashSet<UserId> = users.iter().map(|u| u.id).collect();
        let key_ids: HashSet<_> = keys.iter().map(|k| k.id).collect();
        // The synthetic administrator is no user, but has sessions and acts as others.
        let known = |id: &UserId| *id == UserId::SHARED || ids.contains(id);
        let must = |holds: bool, broken| if holds { Ok(()) } else { Err(broken) };

        must(ids.len() == users.len(), "two users have the same id")?;
        must(
            unique(users.iter().map(|u| &u.email)),
            "two users have the same address",
        )?;
        must(
            unique(self.epochs().map(|(_, epoch)| epoch)),
            "two users have the same epoch",
        )?;
        must(
            self.epochs().all(|(_, epoch)| epoch <= self.epoch) && users.iter().all(|u| u.sign_in_epoch <= u.epoch),
            "a user's epoch is yet to come",
        )?;
        must(
            unique(self.identities.iter().map(|row| &row.external))
                && unique(self.identities.iter().map(|row| (row.user_id, row.external.provider))),
            "an identity at a provider is there twice",
        )?;
        must(
            self.identities.iter().all(|row| ids.contains(&row.user_id)),
            "an identity belongs to nobody",
        )?;
        must(key_ids.len() == keys.len(), "two keys have the same id")?;
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
        let by_known = |s: &Session| s.impersonator.as_ref().is_none_or(|by| known(&by.id));
        must(
            sessions.iter().all(|s| known(&s.user_id) && by_known(s)),
            "a session belongs to nobody",
        )?;
        must(
            sessions
                .iter()
                .all(|s| s.key_id.is_none_or(|key| key_ids.contains(&key))),
            "a session's key is missing",
        )?;
        must(
            unique(self.invites.iter().map(|i| i.id))
                && unique(self.invites.iter().map(|i| i.digest.digest.as_bytes())),
            "two invites have the same id or digest",
        )?;
        must(
            unique(self.limits.iter().map(|row| row.user_id))
                && self.limits.iter().all(|row| ids.contains(&row.user_id)),
            "limits belong to nobody, or twice to somebody",
        )?;
        let in_tier = |row: &LimitsOf| row.limits.tier.iter().all(|tier| self.house.tiers.contains_key(tier));
        must(self.limits.iter().all(in_tier), "a user is in a tier that is not there")
    }
}

fn unique<T: Eq + Hash>(mut all: impl Iterator<Item = T>) -> bool {
    let mut seen = HashSet::new();
    all.all(|one| seen.insert(one))
}
