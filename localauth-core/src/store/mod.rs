//! What a store must be able to do.
//!
//! Every trait is object-safe and small. The rules that hold for all of them:
//!
//! - **Absence is not failure.** "There is none" is `Ok(None)`; `Err` means that the store could not answer.
//! - **Check and act are one.** What a method promises holds when many call it at once: uniqueness, the first
//!   administrator, the last one, a revocation that happens once. One statement or one locked transaction, correct on the
//!   database's default isolation.
//! - **One epoch.** A method that changes what a user may do takes the next [`Epoch`](crate::Epoch) of the store, writes
//!   it to that user in the same transaction and returns it. Epochs become visible in their order: whoever sees one sees
//!   every change that has a smaller one.
//! - **No clock, no randomness.** Times and ids are given.
//!
//! The suite in `localauth_core::contract` (feature `contract`) tries each of these sentences on a store.

mod attempts;
mod audit;
mod invites;
mod keys;
mod limits;
mod sessions;
mod settings;
mod shared_keys;
mod spool;
mod usage;
mod users;

use std::sync::Arc;

pub use attempts::AttemptStore;
pub use audit::AuditLog;
pub use invites::{InviteStore, RevokeInvite};
pub use keys::{InsertKey, KeyStore};
pub use limits::{LimitStore, PutLimit, ReplaceHouseRules, UserLimits};
pub use sessions::SessionStore;
pub use settings::SettingStore;
pub use shared_keys::{InsertSharedKey, SharedKeyStore};
pub use spool::{SpoolBatch, SpoolDepth, SpoolError, SpoolPosition, UsageSpool};
pub use usage::{UsageReader, UsageSink};
pub use users::{Admission, ChangeUser, FirstUser, InsertUser, InviteClaim, LinkIdentity, UserQuery, UserStore};

/// Everything at once, as one database gives it.
pub trait Store:
    UserStore
    + KeyStore
    + SessionStore
    + InviteStore
    + SharedKeyStore
    + LimitStore
    + AuditLog
    + AttemptStore
    + UsageSink
    + UsageReader
    + SettingStore
{
}

impl<T> Store for T where
    T: UserStore
        + KeyStore
        + SessionStore
        + InviteStore
        + SharedKeyStore
        + LimitStore
        + AuditLog
        + AttemptStore
        + UsageSink
        + UsageReader
        + SettingStore
{
}

/// The stores that [`Auth`](crate::Auth) works with: each may be another one.
///
/// [`UserStore`], [`KeyStore`], [`SessionStore`], [`InviteStore`] and [`LimitStore`] must speak of the same users, so that a key's owner
/// is found with the key, an invite is consumed with the registration, a limit moves its user's epoch, and all go when the
/// user does. The others are
/// independent; [`SharedKeyStore`] may be too, but then gives out epochs of its own only when [`UserStore`] tells of
/// them.
#[derive(Clone)]
pub struct Stores {
    /// Users.
    pub users: Arc<dyn UserStore>,
    /// API keys.
    pub keys: Arc<dyn KeyStore>,
    /// Sessions.
    pub sessions: Arc<dyn SessionStore>,
    /// Invites.
    pub invites: Arc<dyn InviteStore>,
    /// Shared keys of the run time.
    pub shared_keys: Arc<dyn SharedKeyStore>,
    /// Limits of users, and the house rules.
    pub limits: Arc<dyn LimitStore>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// Attempts to sign in.
    pub attempts: Arc<dyn AttemptStore>,
    /// Where usage is written.
    pub usage_sink: Arc<dyn UsageSink>,
    /// Where usage is read.
    pub usage_reader: Arc<dyn UsageReader>,
    /// Facts about the store.
    pub settings: Arc<dyn SettingStore>,
}

impl Stores {
    /// One store for everything.
    pub fn from_one<S: Store + 'static>(store: S) -> Self {
        let store = Arc::new(store);
        Self {
            users: store.clone(),
            keys: store.clone(),
            sessions: store.clone(),
            invites: store.clone(),
            shared_keys: store.clone(),
            limits: store.clone(),
            audit: store.clone(),
            attempts: store.clone(),
            usage_sink: store.clone(),
            usage_reader: store.clone(),
            settings: store,
        }
    }
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}
