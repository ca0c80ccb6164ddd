//! Small facts about the store itself.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::secret::ServerSecret;

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
