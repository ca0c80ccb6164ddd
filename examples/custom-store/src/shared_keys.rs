//! [`SharedKeyStore`]. It moves an epoch that [`changes_since`](localauth_core::UserStore::changes_since) must tell of:
//! this too belongs to the users.

use async_trait::async_trait;
use localauth_core::{Epoch, InsertSharedKey, SharedKey, SharedKeyId, SharedKeyStore, StoreError, StoredDigest};

use crate::store::FileStore;

#[async_trait]
impl SharedKeyStore for FileStore {
    async fn shared_keys(&self) -> Result<Vec<SharedKey>, StoreError> {
        let mut keys = self.read().shared_keys.clone();
        keys.sort_unstable_by_key(|key| (key.created_at, key.id));
        Ok(keys)
    }

    async fn replace_shared_keys(&self, keys: &[SharedKey]) -> Result<Epoch, StoreError> {
        let keys = keys.to_vec();
        self.change(move |tables| {
            tables.shared_keys = keys;
            tables.shared_epoch = tables.next_epoch();
            Ok(tables.shared_epoch)
        })
        .await
    }

    async fn insert_shared_key(
        &self,
        key: &SharedKey,
        older: &[StoredDigest],
        most: usize,
    ) -> Result<InsertSharedKey, StoreError> {
        let (key, older) = (key.clone(), older.to_vec());
        self.change(move |tables| {
            let is_same = |known: &SharedKey| known.digest == key.digest || older.contains(&known.digest);
            if tables.shared_keys.iter().any(is_same) {
                return Ok(InsertSharedKey::Present);
            }
            if tables.shared_keys.len() >= most {
                return Ok(InsertSharedKey::TooMany);
            }
            tables.shared_keys.push(key);
            tables.shared_epoch = tables.next_epoch();
            Ok(InsertSharedKey::Inserted(tables.shared_epoch))
        })
        .await
    }

    async fn delete_shared_key(&self, id: SharedKeyId) -> Result<Option<(SharedKey, Epoch)>, StoreError> {
        self.change(move |tables| {
            let Some(at) = tables.shared_keys.iter().position(|key| key.id == id) else {
                return Ok(None);
            };
            let gone = tables.shared_keys.remove(at);
            tables.shared_epoch = tables.next_epoch();
            Ok(Some((gone, tables.shared_epoch)))
        })
        .await
    }
}
