//! [`KeyStore`].

use std::cmp::Reverse;

use async_trait::async_trait;
use localauth_core::{
    ApiKey, Epoch, InsertKey, KeyId, KeyStore, KeyUse, PreviousSecret, PublicId, StoreError, StoredDigest, Timestamp,
    User, UserId,
};

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

    async fn find_key_by_id(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.read().keys.iter().find(|key| key.id == id).cloned())
    }

    async fn list_keys(&self, user_id: Option<UserId>) -> Result<Vec<ApiKey>, StoreError> {
        let tables = self.read();
        let good = |key: &&ApiKey| user_id.is_none_or(|id| key.user_id == id) && key.revoked_at.is_none();
        let mut keys: Vec<ApiKey> = tables.keys.iter().filter(good).cloned().collect();
        keys.sort_unstable_by_key(|key| Reverse((key.created_at, key.id)));
        Ok(keys)
    }

    async fn list_revoked_keys(&self, user_id: UserId) -> Result<Vec<ApiKey>, StoreError> {
        let tables = self.read();
        let revoked = |key: &&ApiKey| key.user_id == user_id && key.revoked_at.is_some();
        let mut keys: Vec<ApiKey> = tables.keys.iter().filter(revoked).cloned().collect();
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
        let current = current.copied();
        self.change(move |tables| {
            let is_it = |key: &&mut ApiKey| {
                key.id == id
                    && key.revoked_at.is_none()
                    && !key.expires_at.is_some_and(|end| now.is_past(end))
                    && owner.is_none_or(|owner| key.user_id == owner)
                    && current.is_none_or(|current| current == key.digest)
            };
            let Some(key) = tables.keys.iter_mut().find(is_it) else {
                return Ok(None);
            };
            key.previous = Some(PreviousSecret {
                digest: std::mem::replace(&mut key.digest, digest),
                until: grace_until,
                last_used_at: None,
                last_used_ip: String::new(),
            });
            let user_id = key.user_id;
            for session in tables.sessions.iter_mut().filter(|s| s.key_id == Some(id)) {
                session.expires_at = session.expires_at.min(grace_until);
            }
            Ok(tables.change_user(user_id, |_, _| ()).map(|epoch| (user_id, epoch)))
        })
        .await
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
    async fn touch_keys(&self, used: &[KeyUse]) -> Result<(), StoreError> {
        // In the order of keys, so that going through both is quick; and of times, so that the last one stays.
        let mut used = used.to_vec();
        used.sort_unstable_by_key(|one| (one.id, one.at));
        self.change(move |tables| {
            for key in &mut tables.keys {
                let first = used.partition_point(|one| one.id < key.id);
                for one in used[first..].iter().take_while(|one| one.id == key.id) {
                    note(&mut key.last_used_at, &mut key.last_used_ip, one);
                    if let Some(old) = key.previous.as_mut().filter(|_| one.previous) {
                        note(&mut old.last_used_at, &mut old.last_used_ip, one);
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// What has ended takes nothing more from anybody: no epoch. The sessions made from such keys go with them.
    async fn sweep_keys(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.change(move |tables| {
            let all = tables.keys.len();
            let ended = |end: Option<Timestamp>| end.is_some_and(|end| before.is_past(end));
            tables
                .keys
                .retain(|key| !ended(key.revoked_at) && !ended(key.expires_at));
            tables.end_sessions_without_key();
            Ok((all - tables.keys.len()) as u64)
        })
        .await
    }
}

/// Notes a use unless a later one is known. `None` is before every time.
fn note(last_at: &mut Option<Timestamp>, last_ip: &mut String, one: &KeyUse) {
    if *last_at < Some(one.at) {
        *last_at = Some(one.at);
        last_ip.clone_from(&one.ip);
    }
}
