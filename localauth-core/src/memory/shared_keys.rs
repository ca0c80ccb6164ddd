//! [`SharedKeyStore`] in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::error::StoreError;
use crate::id::{Epoch, SharedKeyId, UserId};
use crate::secret::StoredDigest;
use crate::shared_key::SharedKey;
use crate::store::{InsertSharedKey, SharedKeyStore};

#[async_trait]
impl SharedKeyStore for MemoryStore {
    async fn shared_keys(&self) -> Result<Vec<SharedKey>, StoreError> {
        Ok(self.open()?.shared_keys.clone())
    }

    async fn replace_shared_keys(&self, keys: &[SharedKey]) -> Result<Epoch, StoreError> {
        let mut tables = self.open()?;
        tables.shared_keys = keys.to_vec();
        tables.shared_keys.sort_by_key(|key| (key.created_at, key.id));
        Ok(tables.change_other(UserId::SHARED))
    }

    async fn insert_shared_key(
        &self,
        key: &SharedKey,
        older: &[StoredDigest],
        most: usize,
    ) -> Result<InsertSharedKey, StoreError> {
        let mut tables = self.open()?;
        let is_same = |known: &SharedKey| known.digest == key.digest || older.contains(&known.digest);
        if tables.shared_keys.iter().any(is_same) {
            return Ok(InsertSharedKey::Present);
        }
        if tables.shared_keys.len() >= most {
            return Ok(InsertSharedKey::TooMany);
        }
        tables.shared_keys.push(key.clone());
        tables.shared_keys.sort_by_key(|key| (key.created_at, key.id));
        Ok(InsertSharedKey::Inserted(tables.change_other(UserId::SHARED)))
    }

    async fn delete_shared_key(&self, id: SharedKeyId) -> Result<Option<(SharedKey, Epoch)>, StoreError> {
        let mut tables = self.open()?;
        let Some(at) = tables.shared_keys.iter().position(|key| key.id == id) else {
            return Ok(None);
        };
        let gone = tables.shared_keys.remove(at);
        Ok(Some((gone, tables.change_other(UserId::SHARED))))
    }
}
