//! Sessions.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{Epoch, SessionId, UserId};
use crate::secret::StoredDigest;
use crate::session::{FoundSession, Session};

/// Sessions. Those of [`UserId::SHARED`] have no user in the store, and move that id's epoch.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Stores a new session.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer, the user, key or impersonator does not exist, or the id or
    /// digest is in use.
    async fn insert_session(&self, session: Session) -> Result<(), StoreError>;

    /// The session with one of these digests, as its present token's or the previous one's, and everything it depends
    /// on, all as it was at one moment.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn find_session(&self, digests: &[StoredDigest]) -> Result<Option<FoundSession>, StoreError>;

    /// The user's sessions that are not over at `now`, newest first. Those of an earlier
    /// [`User::sign_in_epoch`](crate::User::sign_in_epoch) are over.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn list_sessions(&self, user_id: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError>;

    /// Gives a session the token with digest `new`, if `current` is its present one, and moves its user's epoch. The old
    /// token becomes [`Session::previous`], good until `overlap_until`. Of many at once, one wins; the others get
    /// `None`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn renew_session(
        &self,
        id: SessionId,
        current: &StoredDigest,
        new: StoredDigest,
        now: Timestamp,
        overlap_until: Timestamp,
    ) -> Result<Option<(UserId, Epoch)>, StoreError>;

    /// Ends a session, and moves its user's epoch. With `owner`, only one of theirs. `None` when there is no such
    /// session.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn end_session(&self, owner: Option<UserId>, id: SessionId) -> Result<Option<(UserId, Epoch)>, StoreError>;

    /// Ends all sessions of a user but `except`, and moves their epoch. `None` when there is no such user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn end_sessions(&self, user_id: UserId, except: Option<SessionId>) -> Result<Option<Epoch>, StoreError>;

    /// Notes when sessions were last used. Never moves a time back; unknown sessions are passed over.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn touch_sessions(&self, used: &[(SessionId, Timestamp)]) -> Result<(), StoreError>;

    /// Deletes the sessions that are over at `now`. Returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn sweep_sessions(&self, now: Timestamp) -> Result<u64, StoreError>;
}
