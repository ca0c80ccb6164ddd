//! API keys.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{Epoch, KeyId, UserId};
use crate::key::{ApiKey, KeyUse, PublicId};
use crate::secret::StoredDigest;
use crate::user::User;

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

    /// The key with this id, revoked and expired ones too.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn find_key_by_id(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError>;

    /// The keys of one user, or of all, that are not revoked, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn list_keys(&self, user_id: Option<UserId>) -> Result<Vec<ApiKey>, StoreError>;

    /// The keys of one user that are revoked and not yet swept, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn list_revoked_keys(&self, user_id: UserId) -> Result<Vec<ApiKey>, StoreError>;

    /// Gives a key the secret with `digest` and moves its owner's epoch. What was its secret becomes
    /// [`ApiKey::previous`], good until `grace_until`; a still older one is forgotten. Sessions made from the key so far
    /// end then too, if not before: who made them may have had nothing but the old secret. With `owner`, only a key of
    /// theirs; with `current`, only while that is its secret's digest: of many that saw the same secret, one wins. `None`
    /// when there is no such key, it is somebody else's, revoked, or over at `now`, or has another secret.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn rotate_key(
        &self,
        owner: Option<UserId>,
        id: KeyId,
        current: Option<&StoredDigest>,
        digest: StoredDigest,
        grace_until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<(UserId, Epoch)>, StoreError>;

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

    /// Notes when keys and their old secrets were last used, and from where. Never moves a time back; unknown keys are
    /// passed over.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn touch_keys(&self, used: &[KeyUse]) -> Result<(), StoreError>;

    /// Deletes the keys that were revoked or expired at or before `before`. Returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn sweep_keys(&self, before: Timestamp) -> Result<u64, StoreError>;
}
