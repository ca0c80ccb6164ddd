//! Invites. They are consumed by [`UserStore::insert_user`](super::UserStore::insert_user).

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::InviteId;
use crate::invite::Invite;
use crate::secret::StoredDigest;

/// What [`InviteStore::revoke_invite`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokeInvite {
    /// It is gone.
    Revoked,
    /// There is no such invite.
    NotFound,
    /// Somebody came in with it. Nothing was written.
    Used,
}

/// Invites.
#[async_trait]
pub trait InviteStore: Send + Sync {
    /// Stores a new invite.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn insert_invite(&self, invite: Invite) -> Result<(), StoreError>;

    /// The invite with one of these digests, used and expired ones too.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn find_invite(&self, digests: &[StoredDigest]) -> Result<Option<Invite>, StoreError>;

    /// All invites, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn list_invites(&self) -> Result<Vec<Invite>, StoreError>;

    /// Deletes an invite that nobody has used. Against a registration at the same time, one of both wins.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn revoke_invite(&self, id: InviteId) -> Result<RevokeInvite, StoreError>;
}
