//! [`KeyStore`].

use std::cmp::Reverse;
use std::collections::HashMap;

use async_trait::async_trait;
use localauth_core::{ApiKey, Epoch, InsertKey, KeyId, KeyStore, PublicId, StoreError, Timestamp, User, UserId};

use crate::store::FileStore;

#[async_trait]
impl KeyStore for FileStore {
    async fn insert_key(&self, key: ApiKey) -> Result<InsertKey, StoreError> {
        self.change(move |tables| {
            if tables.user(key.user_id).is_none() {
                return Ok(InsertKey::NoSuchUser);
            }
            let clashes = |other: &ApiKey| other.id == key.id || other.public_id == key.public_id;
            if tables.keys.iter().any(clashes) {
                return Ok(InsertKey::Duplicate);
            }
            // A new key takes nothing away from anybody: no epoch.
            tables.keys.push(key);
            Ok(InsertKey::Inserted)
        })
        .await
    }

    /// Key and owner from one read, never from two: between two a revocation could happen, and the key from before it,
    /// together with the epoch from after it, would count as good for ever. With a database: one statement with a join.
    async fn find_key(&self, public_id: &PublicId) -> Result<Option<(ApiKey, User)>, StoreError> {
        let tables = self.read();
        let key = tables.keys.iter().find(|key| key.public_id == *public_id);
        // Revoked and expired ones too: `Auth` judges, and tells the caller which it was.
        Ok(key.and_then(|key| Some((key.clone(), tables.user(key.user_id)?.clone()))))
    }

    async fn list_keys(&self, user_id: UserId) -> Result<Vec<ApiKey>, StoreError> {
        let tables = self.read();
        let good = |key: &&ApiKey| key.user_id == user_id && key.revoked_at.is_none();
        let mut keys: Vec<ApiKey> = tables.keys.iter().filter(good).cloned().collect();
        keys.sort_unstable_by_key(|key| Reverse((key.created_at, key.id)));
        Ok(keys)
    }

    async fn revoke_key(
        &self,
        owner: Option<UserId>,
        id: KeyId,
        at: Timestamp,
    ) -> Result<Option<(UserId, Epoch)>, StoreError> {
        self.change(move |tables| {
            let is_it = |key: &&mut ApiKey| {
                key.id == id && key.revoked_at.is_none() && owner.is_none_or(|owner| key.user_id == owner)
            };
            let Some(key) = tables.keys.iter_mut().find(is_it) else {
                return Ok(None);
            };
            key.revoked_at = Some(at);
            let user_id = key.user_id;
            // Nothing of the user changes but the epoch, and that is what makes the key dead everywhere.
            Ok(tables.change_user(user_id, |_, _| ()).map(|epoch| (user_id, epoch)))
        })
        .await
    }

    /// Comes in batches, about once a minute for each key in use, never on the path of a request. No epoch: when a key
    /// was last used is for people to read.
    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        let mut latest: HashMap<KeyId, Timestamp> = HashMap::new();
        for &(id, at) in used {
            latest.entry(id).and_modify(|time| *time = at.max(*time)).or_insert(at);
        }
        self.change(move |tables| {
            for key in &mut tables.keys {
                // `None` is before every time.
                key.last_used_at = key.last_used_at.max(latest.get(&key.id).copied());
            }
            Ok(())
        })
        .await
    }
}
