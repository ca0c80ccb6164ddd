//! Shared keys that were set at run time.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::Epoch;
use crate::shared_key::SharedKey;

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
}
