//! What a memory store holds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::audit::AuditEvent;
use crate::clock::Timestamp;
use crate::external::ExternalIdentity;
use crate::id::{AuditId, Epoch, InviteId, KeyId, RequestId, SessionId, UserId};
use crate::invite::Invite;
use crate::key::{ApiKey, PublicId};
use crate::limit::HouseRules;
use crate::session::Session;
use crate::shared_key::SharedKey;
use crate::store::UserLimits;
use crate::usage::{UsageSource, UsageTotals};
use crate::user::{Email, Role, Status, User};

/// What usage is told apart by: hour, user, source, key and model.
pub(super) type UsageKey = (Timestamp, UserId, UsageSource, Option<KeyId>, Arc<str>);

/// Whose a request was: user, key and model.
pub(super) type Asker = (UserId, Option<KeyId>, String);

/// What somebody or something was called, and when that was.
pub(super) type Named = (Timestamp, Arc<str>);

#[derive(Default)]
pub(super) struct Tables {
    /// The greatest epoch given out.
    pub(super) epoch: Epoch,
    pub(super) users: HashMap<UserId, User>,
    pub(super) user_by_email: HashMap<Email, UserId>,
    /// Each user under their present epoch, deleted ones and the synthetic administrator too, so that "what changed
    /// since" is a range.
    pub(super) user_by_epoch: BTreeMap<Epoch, UserId>,
    /// The epochs of those who are no users.
    pub(super) other_epochs: HashMap<UserId, Epoch>,
    pub(super) identities: BTreeMap<ExternalIdentity, (UserId, Timestamp)>,
    pub(super) keys: HashMap<KeyId, ApiKey>,
    pub(super) key_by_public_id: HashMap<PublicId, KeyId>,
    pub(super) sessions: HashMap<SessionId, Session>,
    pub(super) invites: HashMap<InviteId, Invite>,
    pub(super) shared_keys: Vec<SharedKey>,
    pub(super) limits: HashMap<UserId, UserLimits>,
    /// The house rules, and when they were last changed.
    pub(super) house: (HouseRules, Epoch),
    pub(super) audit: BTreeMap<AuditId, AuditEvent>,
    pub(super) attempts: HashMap<String, Vec<Timestamp>>,
    /// Those of late: ids begin with the time, and nothing old is told twice.
    pub(super) requests: BTreeSet<RequestId>,
    pub(super) usage: BTreeMap<UsageKey, (UsageTotals, Timestamp)>,
    /// Requests of late, one by one.
    pub(super) recent: Vec<(Timestamp, Asker, UsageTotals)>,
    pub(super) user_names: HashMap<UserId, Named>,
    pub(super) key_names: HashMap<KeyId, Named>,
    pub(super) settings: HashMap<String, String>,
}

impl Tables {
    /// Takes the next epoch.
    pub(super) fn next_epoch(&mut self) -> Epoch {
        self.epoch = Epoch(self.epoch.0 + 1);
        self.epoch
    }

    /// Changes a user and moves their epoch to the next one, which `change` is told. `None` when there is no such user.
    pub(super) fn change_user(&mut self, id: UserId, change: impl FnOnce(&mut User, Epoch)) -> Option<Epoch> {
        let before = self.users.get(&id)?.epoch;
        let epoch = self.next_epoch();
        self.user_by_epoch.remove(&before);
        self.user_by_epoch.insert(epoch, id);
        let user = self.users.get_mut(&id)?;
        user.epoch = epoch;
        change(user, epoch);
        Some(epoch)
    }

    /// Moves the epoch of somebody who is no user: deleted, or synthetic.
    pub(super) fn change_other(&mut self, id: UserId) -> Epoch {
        let epoch = self.next_epoch();
        if let Some(before) = self.other_epochs.insert(id, epoch) {
            self.user_by_epoch.remove(&before);
        }
        self.user_by_epoch.insert(epoch, id);
        epoch
    }

    /// Moves the epoch of whoever has sessions: a user or the synthetic administrator.
    pub(super) fn change_holder(&mut self, id: UserId) -> Option<Epoch> {
        if id == UserId::SHARED {
            Some(self.change_other(id))
        } else {
            self.change_user(id, |_, _| ())
        }
    }

    /// Whether this user is the only administrator who can come in.
    pub(super) fn is_last_admin(&self, id: UserId) -> bool {
        let active = |u: &User| u.role == Role::Admin && u.status == Status::Active;
        self.users.get(&id).is_some_and(active) && self.users.values().filter(|u| active(u)).count() == 1
    }

    /// Deletes a user and what belongs to them.
    pub(super) fn delete_user(&mut self, id: UserId) -> Option<Epoch> {
        let user = self.users.remove(&id)?;
        self.user_by_email.remove(&user.email);
        self.user_by_epoch.remove(&user.epoch);
        self.limits.remove(&id);
        self.identities.retain(|_, (owner, _)| *owner != id);
        self.keys.retain(|_, key| key.user_id != id);
        self.forget_ended_keys();
        let acted_as: HashSet<UserId> = self
            .sessions
            .values()
            .filter(|s| s.impersonator.as_ref().is_some_and(|by| by.id == id))
            .map(|s| s.user_id)
            .collect();
        let keys = &self.keys;
        self.sessions.retain(|_, session| {
            session.user_id != id
                && session.impersonator.as_ref().is_none_or(|by| by.id != id)
                && session.key_id.is_none_or(|key| keys.contains_key(&key))
        });
        self.invites.retain(|_, invite| invite.created_by != id);
        for invite in self.invites.values_mut().filter(|i| i.used_by == Some(id)) {
            invite.used_by = None;
        }
        for other in acted_as {
            self.change_holder(other);
        }
        Some(self.change_other(id))
    }

    /// Brings the index of public ids up to date after keys were deleted.
    pub(super) fn forget_ended_keys(&mut self) {
        let keys = &self.keys;
        self.key_by_public_id.retain(|_, id| keys.contains_key(id));
    }
}
