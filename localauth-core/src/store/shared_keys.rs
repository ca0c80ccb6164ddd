//! Shared keys that were set at run time.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::{Epoch, SharedKeyId};
use crate::secret::StoredDigest;
use crate::shared_key::SharedKey;

/// What [`SharedKeyStore::insert_shared_key`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertSharedKey {
    /// Stored, at this epoch.
    Inserted(Epoch),
    /// The key is there already, under this digest or an older one. Nothing was written.
    Present,
    /// There are as many as may be. Nothing was written.
    TooMany,
}

/// Shared keys that were set at run time.
#[async_trait]
pub trait SharedKeyStore: Send + Sync {
    /// All of them, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn shared_keys(&self) -> Result<Vec<SharedKey>, StoreError>;

    /// Replaces all of them, and moves the epoch of [`UserId::SHARED`](crate::UserId::SHARED).
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn replace_shared_keys(&self, keys: &[SharedKey]) -> Result<Epoch, StoreError>;

    /// Adds one to those that are there, unless there are `most` already, and moves the epoch of
    /// [`UserId::SHARED`](crate::UserId::SHARED). Of many at once none takes the place of another. `older` are the digests
    /// that the same key has under earlier secrets of the server: one that is there under such a digest is there already.
    /// Otherwise it would be good twice, and still good once the one that is listed first is removed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn insert_shared_key(
        &self,
        key: &SharedKey,
        older: &[StoredDigest],
        most: usize,
    ) -> Result<InsertSharedKey, StoreError>;

    /// Takes one away, and moves the epoch of [`UserId::SHARED`](crate::UserId::SHARED): what went and the new epoch, or
    /// `None` when there is no such key and nothing was written.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn delete_shared_key(&self, id: SharedKeyId) -> Result<Option<(SharedKey, Epoch)>, StoreError>;
}
