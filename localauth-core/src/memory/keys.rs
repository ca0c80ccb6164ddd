//! [`KeyStore`] in memory.

use std::cmp::Reverse;

use async_trait::async_trait;

use super::MemoryStore;
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{Epoch, KeyId, UserId};
use crate::key::{ApiKey, KeyUse, PreviousSecret, PublicId};
use crate::secret::StoredDigest;
use crate::store::{InsertKey, KeyStore};
use crate::user::User;

/// Notes a use unless a later one is known. `None` is before every time.
fn note(last_at: &mut Option<Timestamp>, last_ip: &mut String, one: &KeyUse) {
    if *last_at < Some(one.at) {
        *last_at = Some(one.at);
        last_ip.clone_from(&one.ip);
    }
}

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

    async fn find_key_by_id(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.open()?.keys.get(&id).cloned())
    }

    async fn list_keys(&self, user_id: Option<UserId>) -> Result<Vec<ApiKey>, StoreError> {
        let tables = self.open()?;
        let good = |key: &&ApiKey| user_id.is_none_or(|owner| owner == key.user_id) && key.revoked_at.is_none();
        let mut keys: Vec<ApiKey> = tables.keys.values().filter(good).cloned().collect();
        keys.sort_unstable_by_key(|key| Reverse((key.created_at, key.id)));
        Ok(keys)
    }

    async fn list_revoked_keys(&self, user_id: UserId) -> Result<Vec<ApiKey>, StoreError> {
        let tables = self.open()?;
        let revoked = |key: &&ApiKey| key.user_id == user_id && key.revoked_at.is_some();
        let mut keys: Vec<ApiKey> = tables.keys.values().filter(revoked).cloned().collect();
        keys.sort_unstable_by_key(|key| Reverse((key.created_at, key.id)));
        Ok(keys)
    }

    async fn rotate_key(
        &self,
        owner: Option<UserId>,
        id: KeyId,
        current: Option<&StoredDigest>,
        digest: StoredDigest,
        grace_until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<(UserId, Epoch)>, StoreError> {
        let mut tables = self.open()?;
        let good = |key: &&mut ApiKey| {
            owner.is_none_or(|owner| owner == key.user_id)
                && key.revoked_at.is_none()
                && !key.expires_at.is_some_and(|end| now.is_past(end))
                && current.is_none_or(|current| *current == key.digest)
        };
        let Some(key) = tables.keys.get_mut(&id).filter(good) else {
            return Ok(None);
        };
        key.previous = Some(PreviousSecret {
            digest: std::mem::replace(&mut key.digest, digest),
            until: grace_until,
            last_used_at: None,
            last_used_ip: String::new(),
        });
        let user_id = key.user_id;
        for session in tables.sessions.values_mut().filter(|s| s.key_id == Some(id)) {
            session.expires_at = session.expires_at.min(grace_until);
        }
        Ok(tables.change_user(user_id, |_, _| ()).map(|epoch| (user_id, epoch)))
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

    async fn touch_keys(&self, used: &[KeyUse]) -> Result<(), StoreError> {
        let mut tables = self.open()?;
        for one in used {
            let Some(key) = tables.keys.get_mut(&one.id) else {
                continue;
            };
            note(&mut key.last_used_at, &mut key.last_used_ip, one);
            if let Some(previous) = key.previous.as_mut().filter(|_| one.previous) {
                note(&mut previous.last_used_at, &mut previous.last_used_ip, one);
            }
        }
        Ok(())
    }

    async fn sweep_keys(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tables = self.open()?;
        let all = tables.keys.len();
        let ended = |end: Option<Timestamp>| end.is_some_and(|end| before.is_past(end));
        tables
            .keys
            .retain(|_, key| !ended(key.revoked_at) && !ended(key.expires_at));
        tables.forget_ended_keys();
        let keys: std::collections::HashSet<KeyId> = tables.keys.keys().copied().collect();
        tables
            .sessions
            .retain(|_, session| session.key_id.is_none_or(|key| keys.contains(&key)));
        Ok((all - tables.keys.len()) as u64)
    }
}
