//! [`SessionStore`].
//!
//! Why is this here, and not left to a [`MemoryStore`](localauth_core::MemoryStore)? That one would look for a session's
//! user among its own users, who are nobody. To copy ours over to it would make it store the session, but give each user
//! two epochs: ending a session would move one, and [`UserStore::changes_since`](localauth_core::UserStore::changes_since)
//! show the other. Whoever keeps the users keeps their sessions; the methods are short.

use std::cmp::Reverse;

use async_trait::async_trait;
use localauth_core::{
    Epoch, FoundSession, PreviousToken, Session, SessionId, SessionStore, StoreError, StoredDigest, Timestamp, UserId,
};

use crate::store::FileStore;

/// Whether the digest is of the session's token, the present one or the one before.
fn is_of(session: &Session, digest: &StoredDigest) -> bool {
    session.digest == *digest || session.previous.as_ref().is_some_and(|old| old.digest == *digest)
}

#[async_trait]
impl SessionStore for FileStore {
    async fn insert_session(&self, session: Session) -> Result<(), StoreError> {
        self.change(move |tables| {
            // The synthetic administrator is no user. With a database: no foreign key, or a row without rights.
            let known = |id: UserId| id == UserId::SHARED || tables.user(id).is_some();
            if !known(session.user_id)
                || session.impersonator.as_ref().is_some_and(|by| !known(by.id))
                || session
                    .key_id
                    .is_some_and(|id| tables.keys.iter().all(|key| key.id != id))
            {
                return Err(StoreError::inconsistent("what a new session depends on does not exist"));
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

    /// Session, user, key and impersonator from one read, for the reason that
    /// [`find_key`](localauth_core::KeyStore::find_key) has.
    async fn find_session(&self, digests: &[StoredDigest]) -> Result<Option<FoundSession>, StoreError> {
        let tables = self.read();
        let session = tables
            .sessions
            .iter()
            .find(|session| digests.iter().any(|digest| is_of(session, digest)));
        Ok(session.map(|session| FoundSession {
            session: session.clone(),
            user: tables.user(session.user_id).cloned(),
            key: tables.keys.iter().find(|key| Some(key.id) == session.key_id).cloned(),
            impersonator: session.impersonator.as_ref().and_then(|by| tables.user(by.id)).cloned(),
        }))
    }

    async fn list_sessions(&self, user_id: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let tables = self.read();
        let user = tables.user(user_id);
        let good = |session: &&Session| {
            session.user_id == user_id
                && !now.is_past(session.expires_at)
                && user.is_none_or(|user| user.sign_in_epoch == session.sign_in_epoch)
        };
        let mut sessions: Vec<Session> = tables.sessions.iter().filter(good).cloned().collect();
        sessions.sort_unstable_by_key(|session| Reverse((session.created_at, session.id)));
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
        let current = *current;
        self.change(move |tables| {
            // Compared and replaced in one change: of two requests with the same token, one gets the new one.
            let is_it = |session: &&mut Session| session.id == id && session.digest == current;
            let Some(session) = tables.sessions.iter_mut().find(is_it) else {
                return Ok(None);
            };
            session.previous = Some(PreviousToken {
                digest: std::mem::replace(&mut session.digest, new),
                until: overlap_until,
            });
            session.renewed_at = now;
            let user_id = session.user_id;
            Ok(tables.change_holder(user_id).map(|epoch| (user_id, epoch)))
        })
        .await
    }

    async fn end_session(&self, owner: Option<UserId>, id: SessionId) -> Result<Option<(UserId, Epoch)>, StoreError> {
        self.change(move |tables| {
            let is_it = |session: &Session| session.id == id && owner.is_none_or(|owner| session.user_id == owner);
            let Some(at) = tables.sessions.iter().position(is_it) else {
                return Ok(None);
            };
            let user_id = tables.sessions.remove(at).user_id;
            Ok(tables.change_holder(user_id).map(|epoch| (user_id, epoch)))
        })
        .await
    }

    async fn end_sessions(&self, user_id: UserId, except: Option<SessionId>) -> Result<Option<Epoch>, StoreError> {
        self.change(move |tables| {
            tables
                .sessions
                .retain(|session| session.user_id != user_id || Some(session.id) == except);
            Ok(tables.change_holder(user_id))
        })
        .await
    }

    /// Comes in batches, like [`touch_keys`](localauth_core::KeyStore::touch_keys).
    async fn touch_sessions(&self, used: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
        let used = used.to_vec();
        self.change(move |tables| {
            for session in &mut tables.sessions {
                let times = used.iter().filter(|(id, _)| *id == session.id).map(|&(_, at)| at);
                session.last_seen_at = times.fold(session.last_seen_at, Timestamp::max);
            }
            Ok(())
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
