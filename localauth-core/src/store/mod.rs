//! What a store must be able to do.
//!
//! Every trait is object-safe and small. The rules that hold for all of them:
//!
//! - **Absence is not failure.** "There is none" is `Ok(None)`; `Err` means that the store could not answer.
//! - **Check and act are one.** What a method promises holds when many call it at once: uniqueness, the first
//!   administrator, the last one, a revocation that happens once. One statement or one locked transaction, correct on the
//!   database's default isolation.
//! - **One epoch.** A method that changes what a user may do takes the next [`Epoch`] of the store, writes it to that user
//!   in the same transaction and returns it. Epochs become visible in their order: whoever sees one sees every change
//!   that has a smaller one.
//! - **No clock, no randomness.** Times and ids are given.
//!
//! The suite in `localauth_core::contract` (feature `contract`) tries each of these sentences on a store.

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{Epoch, KeyId, SessionId, UserId};
use crate::key::{ApiKey, PublicId};
use crate::password::PasswordHash;
use crate::secret::{ServerSecret, StoredDigest};
use crate::session::Session;
use crate::usage::{UsageEvent, UsageQuery, UsageRow};
use crate::user::{Email, NewUser, Role, Status, User};

/// What becomes of a new user in a store that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstUser {
    /// The first user is an active administrator, whatever was asked for. Among many at once, exactly one.
    BecomesAdmin,
    /// Stored as given.
    AsGiven,
}

/// What [`UserStore::insert_user`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertUser {
    /// The user as stored.
    Inserted(User),
    /// The address belongs to somebody already. Nothing was written.
    EmailTaken,
}

/// What a change to a user that may concern the last administrator did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeUser {
    /// Done, at this epoch.
    Changed(Epoch),
    /// There is no such user.
    NotFound,
    /// It would have left no active administrator. Nothing was written.
    LastAdmin,
}

/// What [`KeyStore::insert_key`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertKey {
    /// Stored.
    Inserted,
    /// There is no such user.
    NoSuchUser,
    /// The id or public id is in use. Nothing was written.
    Duplicate,
}

/// Users.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Stores a new user at the store's next epoch. Addresses are unique.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn insert_user(&self, user: NewUser, first: FirstUser) -> Result<InsertUser, StoreError>;

    /// The user with this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// The user with this address.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn find_user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError>;

    /// Whether there is any user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn has_users(&self) -> Result<bool, StoreError>;

    /// All users, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn list_users(&self) -> Result<Vec<User>, StoreError>;

    /// Gives the user a new password, and moves [`User::epoch`] and [`User::sign_in_epoch`] to the store's next epoch,
    /// which ends all their sessions. `None` when there is no such user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn set_password(&self, id: UserId, hash: &PasswordHash) -> Result<Option<Epoch>, StoreError>;

    /// Replaces the hash `old` by `new` for the same password, if it still is `old`. Changes no epoch.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn rehash_password(&self, id: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StoreError>;

    /// Gives the user a role. The last active administrator stays one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn set_role(&self, id: UserId, role: Role) -> Result<ChangeUser, StoreError>;

    /// Lets the user in, or shuts them out. The last active administrator stays active.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn set_status(&self, id: UserId, status: Status) -> Result<ChangeUser, StoreError>;

    /// The users whose epoch is greater than `after`, each with it, in the order of epochs.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn changes_since(&self, after: Epoch) -> Result<Vec<(UserId, Epoch)>, StoreError>;

    /// The greatest epoch given out; [`Epoch::default`] for a fresh store.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn latest_epoch(&self) -> Result<Epoch, StoreError>;
}

/// API keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Stores a new key. Ids and public ids are unique; the user must exist.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn insert_key(&self, key: ApiKey) -> Result<InsertKey, StoreError>;

    /// The key with this public id and its owner, both **as they were at one moment**: an owner with an epoch from
    /// before a revocation never comes with the key from before it and a later epoch. Revoked and expired keys are
    /// found too, as long as they are kept.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn find_key(&self, public_id: &PublicId) -> Result<Option<(ApiKey, User)>, StoreError>;

    /// The user's keys that are not revoked, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn list_keys(&self, user_id: UserId) -> Result<Vec<ApiKey>, StoreError>;

    /// Revokes a key, and moves its owner's epoch. With `owner`, only a key of theirs. `None` when there is no such key,
    /// it is somebody else's, or it is revoked already: of many at once, exactly one gets the epoch.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn revoke_key(
        &self,
        owner: Option<UserId>,
        id: KeyId,
        at: Timestamp,
    ) -> Result<Option<(UserId, Epoch)>, StoreError>;

    /// Notes when keys were last used. Never moves a key's time back; unknown keys are passed over.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError>;
}

/// Sessions.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Stores a new session.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn insert_session(&self, session: Session) -> Result<(), StoreError>;

    /// The session with one of these digests and its user, both as they were at one moment.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn find_session(&self, digests: &[StoredDigest]) -> Result<Option<(Session, User)>, StoreError>;

    /// Ends a session, and moves its user's epoch. `None` when there is no such session.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn end_session(&self, id: SessionId) -> Result<Option<(UserId, Epoch)>, StoreError>;

    /// Deletes the sessions that are over at `now`. Returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn sweep_sessions(&self, now: Timestamp) -> Result<u64, StoreError>;
}

/// Where usage is written.
#[async_trait]
pub trait UsageSink: Send + Sync {
    /// Writes a batch together with its roll-ups, all or nothing. An event whose request id is known counts no second
    /// time, within the batch as well.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer; nothing of the batch is then written, and it may be tried again.
    async fn record_usage(&self, events: &[UsageEvent]) -> Result<(), StoreError>;
}

/// Where usage is read.
#[async_trait]
pub trait UsageReader: Send + Sync {
    /// The roll-ups that `query` asks for, oldest first, then by user and model.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageRow>, StoreError>;
}

/// Small facts about the store itself, such as which secret its digests were made with.
#[async_trait]
pub trait SettingStore: Send + Sync {
    /// Writes `value` under `name` unless something is there, and returns what is there then. Of many at once, one wins,
    /// and all get its value.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn setting_or_insert(&self, name: &str, value: &str) -> Result<String, StoreError>;

    /// Writes `value` under `name`, whatever was there.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError>;

    /// The server secret that this store keeps for itself, where nobody else reads it and it stays the same: beside a
    /// SQLite file, or in the memory of a memory store. `None`, the default, when it has no such place.
    fn own_secret(&self) -> Option<ServerSecret> {
        None
    }
}

/// Everything at once, as one database gives it.
pub trait Store: UserStore + KeyStore + SessionStore + UsageSink + UsageReader + SettingStore {}

impl<T: UserStore + KeyStore + SessionStore + UsageSink + UsageReader + SettingStore> Store for T {}

/// The stores that [`Auth`](crate::Auth) works with: each may be another one.
///
/// [`UserStore`], [`KeyStore`] and [`SessionStore`] must speak of the same users, so that a key's owner is found with
/// the key; the others are independent.
#[derive(Clone)]
pub struct Stores {
    /// Users.
    pub users: Arc<dyn UserStore>,
    /// API keys.
    pub keys: Arc<dyn KeyStore>,
    /// Sessions.
    pub sessions: Arc<dyn SessionStore>,
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
