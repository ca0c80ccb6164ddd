//! [`SessionStore`].
//!
//! Why is this here, and not left to a [`MemoryStore`](localauth_core::MemoryStore)? That one would look for a session's
//! user among its own users, who are nobody. To copy ours over to it would make it store the session, but give each user
//! two epochs: ending a session would move one, and [`UserStore::changes_since`](localauth_core::UserStore::changes_since)
//! show the other. Whoever keeps the users keeps their sessions; it is four short methods.

use async_trait::async_trait;
use localauth_core::{Epoch, Session, SessionId, SessionStore, StoreError, StoredDigest, Timestamp, User, UserId};

use crate::store::FileStore;

#[async_trait]
impl SessionStore for FileStore {
    async fn insert_session(&self, session: Session) -> Result<(), StoreError> {
        self.change(move |tables| {
            if tables.user(session.user_id).is_none() {
                return Err(StoreError::inconsistent("the user of a new session does not exist"));
            }
            // Digests are unique without their version: a row is found by its bytes.
            let clashes = |other: &Session| other.id == session.id || other.digest.digest == session.digest.digest;
            if tables.sessions.iter().any(clashes) {
                return Err(StoreError::inconsistent("the id or digest of a new session is in use"));
            }
            tables.sessions.push(session);
            Ok(())
        })
        .await
    }

    /// Session and user from one read, for the reason that [`find_key`](localauth_core::KeyStore::find_key) has.
    async fn find_session(&self, digests: &[StoredDigest]) -> Result<Option<(Session, User)>, StoreError> {
        let tables = self.read();
        let session = tables.sessions.iter().find(|s| digests.contains(&s.digest));
        Ok(session.and_then(|s| Some((s.clone(), tables.user(s.user_id)?.clone()))))
    }

    async fn end_session(&self, id: SessionId) -> Result<Option<(UserId, Epoch)>, StoreError> {
        self.change(move |tables| {
            let Some(at) = tables.sessions.iter().position(|session| session.id == id) else {
                return Ok(None);
            };
            let user_id = tables.sessions.remove(at).user_id;
            Ok(tables.change_user(user_id, |_, _| ()).map(|epoch| (user_id, epoch)))
        })
        .await
    }

    /// Comes once a minute. What is over counts no more anyway: no epoch.
    async fn sweep_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.change(move |tables| {
            let before = tables.sessions.len();
            tables.sessions.retain(|session| !now.is_past(session.expires_at));
            Ok((before - tables.sessions.len()) as u64)
        })
        .await
    }
}
