//! [`SessionStore`] in memory.

use std::cmp::Reverse;

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::Tables;
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{Epoch, SessionId, UserId};
use crate::secret::StoredDigest;
use crate::session::{FoundSession, PreviousToken, Session};
use crate::store::SessionStore;

fn is_of(session: &Session, digest: &StoredDigest) -> bool {
    session.digest == *digest || session.previous.as_ref().is_some_and(|p| p.digest == *digest)
}

fn with_all(tables: &Tables, session: &Session) -> FoundSession {
    let by = session.impersonator.as_ref();
    FoundSession {
        session: session.clone(),
        user: tables.users.get(&session.user_id).cloned(),
        key: session.key_id.and_then(|id| tables.keys.get(&id)).cloned(),
        impersonator: by.and_then(|by| tables.users.get(&by.id)).cloned(),
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn insert_session(&self, session: Session) -> Result<(), StoreError> {
        let mut tables = self.open()?;
        let known = |id: UserId| id == UserId::SHARED || tables.users.contains_key(&id);
        if !known(session.user_id)
            || session.impersonator.as_ref().is_some_and(|by| !known(by.id))
            || session.key_id.is_some_and(|key| !tables.keys.contains_key(&key))
        {
            return Err(StoreError::inconsistent("what a new session depends on does not exist"));
        }
        let in_use = |other: &Session| is_of(other, &session.digest);
        if tables.sessions.contains_key(&session.id) || tables.sessions.values().any(in_use) {
            return Err(StoreError::inconsistent("the id or digest of a new session is in use"));
        }
        tables.sessions.insert(session.id, session);
        Ok(())
    }

    async fn find_session(&self, digests: &[StoredDigest]) -> Result<Option<FoundSession>, StoreError> {
        let tables = self.open_for_lookup().await?;
        let found = tables
            .sessions
            .values()
            .find(|session| digests.iter().any(|digest| is_of(session, digest)));
        Ok(found.map(|session| with_all(&tables, session)))
    }

    async fn list_sessions(&self, user_id: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let tables = self.open()?;
        let sign_in_epoch = tables.users.get(&user_id).map(|u| u.sign_in_epoch);
        let good = |s: &&Session| {
            s.user_id == user_id
                && !now.is_past(s.expires_at)
                && sign_in_epoch.is_none_or(|epoch| epoch == s.sign_in_epoch)
        };
        let mut sessions: Vec<Session> = tables.sessions.values().filter(good).cloned().collect();
        sessions.sort_unstable_by_key(|s| Reverse((s.created_at, s.id)));
        Ok(sessions)
    }

    async fn renew_session(
        &self,
        id: SessionId,
        current: &StoredDigest,
        new: StoredDigest,
        now: Timestamp,
        overlap_until: Timestamp,
    ) -> Result<Option<(UserId, Epoch)>, StoreError> {
        let mut tables = self.open()?;
        let Some(session) = tables.sessions.get_mut(&id).filter(|s| s.digest == *current) else {
            return Ok(None);
        };
        session.previous = Some(PreviousToken {
            digest: std::mem::replace(&mut session.digest, new),
            until: overlap_until,
        });
        session.renewed_at = now;
        let user_id = session.user_id;
        Ok(tables.change_holder(user_id).map(|epoch| (user_id, epoch)))
    }

    async fn end_session(&self, owner: Option<UserId>, id: SessionId) -> Result<Option<(UserId, Epoch)>, StoreError> {
        let mut tables = self.open()?;
        let theirs = |s: &Session| owner.is_none_or(|owner| owner == s.user_id);
        let Some(session) = tables.sessions.get(&id).filter(|s| theirs(s)) else {
            return Ok(None);
        };
        let user_id = session.user_id;
        tables.sessions.remove(&id);
        Ok(tables.change_holder(user_id).map(|epoch| (user_id, epoch)))
    }

    async fn end_sessions(&self, user_id: UserId, except: Option<SessionId>) -> Result<Option<Epoch>, StoreError> {
        let mut tables = self.open()?;
        tables
            .sessions
            .retain(|id, session| session.user_id != user_id || Some(*id) == except);
        Ok(tables.change_holder(user_id))
    }

    async fn touch_sessions(&self, used: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
        let mut tables = self.open()?;
        for (id, at) in used {
            if let Some(session) = tables.sessions.get_mut(id) {
                session.last_seen_at = session.last_seen_at.max(*at);
            }
        }
        Ok(())
    }

    async fn sweep_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut tables = self.open()?;
        let before = tables.sessions.len();
        tables.sessions.retain(|_, session| !now.is_past(session.expires_at));
        Ok((before - tables.sessions.len()) as u64)
    }
}
