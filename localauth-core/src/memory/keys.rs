//! [`KeyStore`] in memory.

use std::cmp::Reverse;

use async_trait::async_trait;

use super::MemoryStore;
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{Epoch, KeyId, UserId};
use crate::key::{ApiKey, PublicId};
use crate::store::{InsertKey, KeyStore};
use crate::user::User;

#[async_trait]
impl KeyStore for MemoryStore {
    async fn insert_key(&self, key: ApiKey) -> Result<InsertKey, StoreError> {
        let mut tables = self.open()?;
        if !tables.users.contains_key(&key.user_id) {
            return Ok(InsertKey::NoSuchUser);
        }
        if tables.keys.contains_key(&key.id) || tables.key_by_public_id.contains_key(&key.public_id) {
            return Ok(InsertKey::Duplicate);
        }
        tables.key_by_public_id.insert(key.public_id, key.id);
        tables.keys.insert(key.id, key);
        Ok(InsertKey::Inserted)
    }

    async fn find_key(&self, public_id: &PublicId) -> Result<Option<(ApiKey, User)>, StoreError> {
        let tables = self.open_for_lookup().await?;
        let key = tables
            .key_by_public_id
            .get(public_id)
            .and_then(|id| tables.keys.get(id));
        Ok(key.and_then(|key| Some((key.clone(), tables.users.get(&key.user_id)?.clone()))))
    }

    async fn list_keys(&self, user_id: UserId) -> Result<Vec<ApiKey>, StoreError> {
        let tables = self.open()?;
        let good = |key: &&ApiKey| key.user_id == user_id && key.revoked_at.is_none();
        let mut keys: Vec<ApiKey> = tables.keys.values().filter(good).cloned().collect();
        keys.sort_unstable_by_key(|key| Reverse((key.created_at, key.id)));
        Ok(keys)
    }

    async fn revoke_key(
        &self,
        owner: Option<UserId>,
        id: KeyId,
        at: Timestamp,
    ) -> Result<Option<(UserId, Epoch)>, StoreError> {
        let mut tables = self.open()?;
        let theirs = |key: &&mut ApiKey| owner.is_none_or(|owner| owner == key.user_id) && key.revoked_at.is_none();
        let Some(key) = tables.keys.get_mut(&id).filter(theirs) else {
            return Ok(None);
        };
        key.revoked_at = Some(at);
        let user_id = key.user_id;
        Ok(tables.change_user(user_id, |_, _| ()).map(|epoch| (user_id, epoch)))
    }

    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        let mut tables = self.open()?;
        for &(id, at) in used {
            if let Some(key) = tables.keys.get_mut(&id) {
                // `None` is before every time.
                key.last_used_at = key.last_used_at.max(Some(at));
            }
        }
        Ok(())
    }
}
