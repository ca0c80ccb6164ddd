//! [`SharedKeyStore`] in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::error::StoreError;
use crate::id::{Epoch, UserId};
use crate::shared_key::SharedKey;
use crate::store::SharedKeyStore;

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
}
