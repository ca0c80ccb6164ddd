//! [`SharedKeyStore`]. It moves an epoch that [`changes_since`](localauth_core::UserStore::changes_since) must tell of:
//! this too belongs to the users.

use async_trait::async_trait;
use localauth_core::{Epoch, SharedKey, SharedKeyStore, StoreError};

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
}
