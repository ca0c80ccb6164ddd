//! [`InviteStore`]. Invites are consumed in [`insert_user`](localauth_core::UserStore::insert_user): one change must see
//! both, so whoever keeps the users keeps the invites.

use std::cmp::Reverse;

use async_trait::async_trait;
use localauth_core::{Invite, InviteId, InviteStore, RevokeInvite, StoreError, StoredDigest};

use crate::store::FileStore;

#[async_trait]
impl InviteStore for FileStore {
    async fn insert_invite(&self, invite: Invite) -> Result<(), StoreError> {
        self.change(move |tables| {
            let clashes = |other: &Invite| other.id == invite.id || other.digest.digest == invite.digest.digest;
            if tables.invites.iter().any(clashes) {
                return Err(StoreError::inconsistent("the id or digest of a new invite is in use"));
            }
            tables.invites.push(invite);
            Ok(())
        })
        .await
    }

    async fn find_invite(&self, digests: &[StoredDigest]) -> Result<Option<Invite>, StoreError> {
        let tables = self.read();
        let invite = tables.invites.iter().find(|invite| digests.contains(&invite.digest));
        Ok(invite.cloned())
    }

    async fn list_invites(&self) -> Result<Vec<Invite>, StoreError> {
        let mut invites = self.read().invites.clone();
        invites.sort_unstable_by_key(|invite| Reverse((invite.created_at, invite.id)));
        Ok(invites)
    }

    async fn revoke_invite(&self, id: InviteId) -> Result<RevokeInvite, StoreError> {
        self.change(move |tables| {
            let Some(at) = tables.invites.iter().position(|invite| invite.id == id) else {
                return Ok(RevokeInvite::NotFound);
            };
            if tables.invites[at].used_at.is_some() {
                return Ok(RevokeInvite::Used);
            }
            tables.invites.remove(at);
            Ok(RevokeInvite::Revoked)
        })
        .await
    }
}
