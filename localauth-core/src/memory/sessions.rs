//! [`SessionStore`] in memory.

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::Tables;
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{Epoch, SessionId, UserId};
use crate::secret::StoredDigest;
use crate::session::Session;
use crate::store::SessionStore;
use crate::user::User;

fn found(tables: &Tables, digest: &StoredDigest) -> Option<(Session, User)> {
    let id = tables.session_by_digest.get(digest.digest.as_bytes())?;
    let session = tables.sessions.get(id).filter(|s| s.digest == *digest)?;
    Some((session.clone(), tables.users.get(&session.user_id)?.clone()))
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn insert_session(&self, session: Session) -> Result<(), StoreError> {
        let mut tables = self.open()?;
        let digest = *session.digest.digest.as_bytes();
        if !tables.users.contains_key(&session.user_id) {
            return Err(StoreError::inconsistent("the user of a new session does not exist"));
        }
        if tables.sessions.contains_key(&session.id) || tables.session_by_digest.contains_key(&digest) {
            return Err(StoreError::inconsistent("the id or digest of a new session is in use"));
        }
        tables.session_by_digest.insert(digest, session.id);
        tables.sessions.insert(session.id, session);
        Ok(())
    }

    async fn find_session(&self, digests: &[StoredDigest]) -> Result<Option<(Session, User)>, StoreError> {
        let tables = self.open_for_lookup().await?;
        Ok(digests.iter().find_map(|digest| found(&tables, digest)))
    }

    async fn end_session(&self, id: SessionId) -> Result<Option<(UserId, Epoch)>, StoreError> {
        let mut tables = self.open()?;
        let Some(session) = tables.sessions.remove(&id) else {
            return Ok(None);
        };
        tables.session_by_digest.remove(session.digest.digest.as_bytes());
        Ok(tables
            .change_user(session.user_id, |_, _| ())
            .map(|epoch| (session.user_id, epoch)))
    }

    async fn sweep_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut tables = self.open()?;
        let before = tables.sessions.len();
        tables.sessions.retain(|_, session| !now.is_past(session.expires_at));
        let swept = before - tables.sessions.len();
        let Tables {
            sessions,
            session_by_digest,
            ..
        } = &mut *tables;
        session_by_digest.retain(|_, id| sessions.contains_key(id));
        Ok(swept as u64)
    }
}
