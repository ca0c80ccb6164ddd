//! [`InviteStore`] in memory.

use std::cmp::Reverse;

use async_trait::async_trait;

use super::MemoryStore;
use crate::error::StoreError;
use crate::id::InviteId;
use crate::invite::Invite;
use crate::secret::StoredDigest;
use crate::store::{InviteStore, RevokeInvite};

#[async_trait]
impl InviteStore for MemoryStore {
    async fn insert_invite(&self, invite: Invite) -> Result<(), StoreError> {
        let mut tables = self.open()?;
        if tables.invites.contains_key(&invite.id) || tables.invites.values().any(|i| i.digest == invite.digest) {
            return Err(StoreError::inconsistent("the id or digest of a new invite is in use"));
        }
        tables.invites.insert(invite.id, invite);
        Ok(())
    }

    async fn find_invite(&self, digests: &[StoredDigest]) -> Result<Option<Invite>, StoreError> {
        let tables = self.open()?;
        let found = tables.invites.values().find(|i| digests.contains(&i.digest));
        Ok(found.cloned())
    }

    async fn list_invites(&self) -> Result<Vec<Invite>, StoreError> {
        let mut invites: Vec<Invite> = self.open()?.invites.values().cloned().collect();
        invites.sort_unstable_by_key(|i| Reverse((i.created_at, i.id)));
        Ok(invites)
    }

    async fn revoke_invite(&self, id: InviteId) -> Result<RevokeInvite, StoreError> {
        let mut tables = self.open()?;
        match tables.invites.get(&id) {
            None => Ok(RevokeInvite::NotFound),
            Some(invite) if invite.used_at.is_some() => Ok(RevokeInvite::Used),
            Some(_) => {
                tables.invites.remove(&id);
                Ok(RevokeInvite::Revoked)
            }
        }
    }
}
