//! Making, listing and revoking invites.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Auth;
use super::sessions::signed_in;
use super::users::ManageError;
use crate::audit::{AuditAction, AuditActor, Caller};
use crate::entropy::EntropyError;
use crate::error::{Denial, StoreError};
use crate::id::{InviteId, UserId};
use crate::invite::{self, DEFAULT_INVITE_HOURS, Invite, InviteCode, MAX_INVITE_HOURS};
use crate::store::RevokeInvite;

/// An invite that was made: what is stored, and the code, which nobody sees again.
#[derive(Debug)]
#[non_exhaustive]
pub struct CreatedInvite {
    /// What is stored.
    pub invite: Invite,
    /// The code.
    pub code: InviteCode,
}

/// An invite, with the names of those it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InviteInfo {
    /// The invite.
    pub invite: Invite,
    /// Who made it.
    pub created_by: Option<AuditActor>,
    /// Who came in with it; `None` while unused, and when that user is gone.
    pub used_by: Option<AuditActor>,
}

/// An invite was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateInviteError {
    /// Too long.
    #[error("expiresInHours can be at most {MAX_INVITE_HOURS}")]
    TooLong,
    /// The caller may not.
    #[error(transparent)]
    Manage(#[from] ManageError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// Makes an invite that is good for so many hours; nothing, zero and less mean [`DEFAULT_INVITE_HOURS`].
    ///
    /// # Errors
    ///
    /// [`CreateInviteError`] when that is too long, or the store could not answer.
    pub async fn create_invite(&self, caller: &Caller, hours: Option<i64>) -> Result<CreatedInvite, CreateInviteError> {
        let inner = &self.0;
        let identity = signed_in(caller)?;
        // An invite is a way in: nobody hands it out in somebody else's name.
        if identity.impersonator().is_some() {
            return Err(ManageError::from(Denial::Impersonating).into());
        }
        identity.require_admin().map_err(ManageError::from)?;
        let hours = match hours {
            Some(hours) if hours > i64::from(MAX_INVITE_HOURS) => return Err(CreateInviteError::TooLong),
            Some(hours) if hours > 0 => u32::try_from(hours).unwrap_or(DEFAULT_INVITE_HOURS),
            _ => DEFAULT_INVITE_HOURS,
        };
        let now = self.now();
        let code = InviteCode::generate(&inner.ring, &*inner.entropy)?;
        let invite = Invite {
            id: InviteId::generate(now, &*inner.entropy)?,
            digest: inner.ring.stored_digest(code.expose().as_bytes()),
            code_prefix: code.prefix(),
            created_by: identity.user_id(),
            created_at: now,
            expires_at: now + Duration::from_hours(u64::from(hours)),
            used_at: None,
            used_by: None,
        };
        inner.stores.invites.insert_invite(invite.clone()).await?;
        self.audit_done(caller, AuditAction::InviteCreate, &invite.id.to_string(), "")
            .await;
        Ok(CreatedInvite { invite, code })
    }

    /// All invites, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn list_invites(&self) -> Result<Vec<InviteInfo>, StoreError> {
        let invites = self.0.stores.invites.list_invites().await?;
        let ids: BTreeSet<UserId> = invites
            .iter()
            .flat_map(|invite| [Some(invite.created_by), invite.used_by])
            .flatten()
            .collect();
        let names = self.names_of(&ids).await?;
        let actor = |id: UserId| {
            let name = names.get(&id)?.clone();
            Some(AuditActor { id, name })
        };
        Ok(invites
            .into_iter()
            .map(|invite| InviteInfo {
                created_by: actor(invite.created_by),
                used_by: invite.used_by.and_then(actor),
                invite,
            })
            .collect())
    }

    /// Revokes an invite that nobody has used.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when the caller may not, or the store could not answer.
    pub async fn revoke_invite(&self, caller: &Caller, id: InviteId) -> Result<RevokeInvite, ManageError> {
        caller.require_admin()?;
        let done = self.0.stores.invites.revoke_invite(id).await?;
        if done == RevokeInvite::Revoked {
            self.audit_done(caller, AuditAction::InviteRevoke, &id.to_string(), "")
                .await;
        }
        Ok(done)
    }

    /// Whether somebody could come in with this code now.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn is_invite_open(&self, code: &str) -> Result<bool, StoreError> {
        let Some(digests) = invite::digests(code, &self.0.ring) else {
            return Ok(false);
        };
        let found = self.0.stores.invites.find_invite(&digests).await?;
        Ok(found.is_some_and(|invite| invite.is_open(self.now())))
    }
}
