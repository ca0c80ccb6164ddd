//! What the store holds, and the few steps that several traits share.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::clock::Timestamp;
use crate::id::{Epoch, KeyId, RequestId, SessionId, UserId};
use crate::key::{ApiKey, PublicId};
use crate::session::Session;
use crate::usage::UsageTotals;
use crate::user::{Email, Role, Status, User};

#[derive(Default)]
pub(super) struct Tables {
    /// The greatest epoch given out.
    pub(super) epoch: Epoch,
    pub(super) users: HashMap<UserId, User>,
    pub(super) user_by_email: HashMap<Email, UserId>,
    /// Each user under their present epoch, so that "what changed since" is a range.
    pub(super) user_by_epoch: BTreeMap<Epoch, UserId>,
    pub(super) keys: HashMap<KeyId, ApiKey>,
    pub(super) key_by_public_id: HashMap<PublicId, KeyId>,
    pub(super) sessions: HashMap<SessionId, Session>,
    pub(super) session_by_digest: HashMap<[u8; 32], SessionId>,
    pub(super) requests: HashSet<RequestId>,
    /// By hour, user and model, in the order of reports.
    pub(super) usage: BTreeMap<(Timestamp, UserId, String), UsageTotals>,
    /// What a user was called, and when that was.
    pub(super) usage_names: HashMap<UserId, (Timestamp, String)>,
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

    /// Whether this user is the only administrator who can come in.
    pub(super) fn is_last_admin(&self, id: UserId) -> bool {
        let active = |u: &User| u.role == Role::Admin && u.status == Status::Active;
        self.users.get(&id).is_some_and(active) && self.users.values().filter(|u| active(u)).count() == 1
    }
}
