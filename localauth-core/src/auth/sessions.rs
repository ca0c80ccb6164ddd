//! Sessions that are open: listing, ending, renewing, acting as somebody.

use super::Auth;
use super::sign_in::{SessionMaking, SignedIn};
use super::users::ManageError;
use crate::audit::{AuditAction, Caller};
use crate::clock::Timestamp;
use crate::entropy::EntropyError;
use crate::error::{Denial, StoreError};
use crate::id::{SessionId, UserId};
use crate::identity::{Identity, Source};
use crate::session::{self, IMPERSONATION_LIFETIME, RENEWAL_OVERLAP, Session, SessionToken};
use crate::user::Status;

/// An administrator could not begin to act as somebody.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImpersonateError {
    /// Not as oneself, not as nobody, not as somebody who may not come in.
    #[error(transparent)]
    Manage(#[from] ManageError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A session in which an administrator acts as somebody.
#[derive(Debug)]
#[non_exhaustive]
pub struct Impersonation {
    /// As whom, and the session.
    pub signed_in: SignedIn,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Auth {
    /// The user's open sessions, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn list_sessions(&self, user_id: UserId) -> Result<Vec<Session>, StoreError> {
        self.0.stores.sessions.list_sessions(user_id, self.now()).await
    }

    /// Ends one of the caller's own sessions. Over for the next request. `false` when there is no such session.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when the credential may not, or the store could not answer.
    pub async fn end_session(&self, caller: &Caller, id: SessionId) -> Result<bool, ManageError> {
        let identity = signed_in(caller)?;
        let is_own = matches!(identity.source(), Source::Session { id: own } if *own == id);
        if !is_own {
            identity.require_minting()?;
        }
        let ended = self.0.stores.sessions.end_session(Some(identity.user_id()), id).await?;
        let Some((user, epoch)) = ended else { return Ok(false) };
        self.0.changed(user, epoch);
        self.audit_done(caller, AuditAction::SessionEnd, &id.to_string(), "")
            .await;
        Ok(true)
    }

    /// Ends all of the caller's sessions but the one they came with.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when the credential may not, or the store could not answer.
    pub async fn end_other_sessions(&self, caller: &Caller) -> Result<(), ManageError> {
        let identity = signed_in(caller)?;
        identity.require_minting()?;
        let except = match identity.source() {
            Source::Session { id } => Some(*id),
            _ => None,
        };
        let user_id = identity.user_id();
        if let Some(epoch) = self.0.stores.sessions.end_sessions(user_id, except).await? {
            self.0.changed(user_id, epoch);
        }
        self.audit_done(
            caller,
            AuditAction::SessionEnd,
            &identity.public_user_id(),
            "all others",
        )
        .await;
        Ok(())
    }

    /// A new token for the session that `token` belongs to, if it is due for one and nobody else gets it: the browser
    /// then holds that, and the old one is good for [`RENEWAL_OVERLAP`] more. Also how long the session still lasts.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer; the old token stays good then.
    pub async fn renew_session(
        &self,
        identity: &Identity,
        token: &[u8],
    ) -> Result<Option<(SessionToken, std::time::Duration)>, StoreError> {
        let inner = &self.0;
        let now = self.now();
        let Source::Session { id } = identity.source() else {
            return Ok(None);
        };
        if identity.renew_at().is_none_or(|due| !now.is_past(due)) {
            return Ok(None);
        }
        let Some(tail) = session::parse(token, &inner.ring) else {
            return Ok(None);
        };
        let Ok(new) = SessionToken::generate(&inner.ring, &*inner.entropy) else {
            // It is renewed at the next request, if there is randomness then.
            return Ok(None);
        };
        let digest = inner.ring.stored_digest(new.tail());
        for current in inner.ring.all_digests(tail) {
            let renewed = inner
                .stores
                .sessions
                .renew_session(*id, &current, digest, now, now + RENEWAL_OVERLAP)
                .await?;
            if let Some((user, epoch)) = renewed {
                inner.changed(user, epoch);
                return Ok(Some((new, identity.expires_at().since(now))));
            }
        }
        Ok(None)
    }

    /// Gives an administrator a session as somebody else, for [`IMPERSONATION_LIFETIME`]. Each line of the audit log
    /// then has both names.
    ///
    /// # Errors
    ///
    /// [`ImpersonateError`] when the caller may not, the user cannot come in, or the store could not answer.
    pub async fn impersonate(&self, caller: &Caller, id: UserId) -> Result<Impersonation, ImpersonateError> {
        let identity = signed_in(caller)?;
        identity.require_admin().map_err(ManageError::from)?;
        identity.require_unbound_minting().map_err(ManageError::from)?;
        Self::may_manage_other(caller, id)?;
        let user = self.0.stores.users.find_user(id).await?.ok_or(ManageError::NotFound)?;
        if user.status != Status::Active {
            return Err(ManageError::NotActive.into());
        }
        // What ends the administrator's own sessions later ends this one; the synthetic one has none but by shared key.
        let admin = self.0.stores.users.find_user(identity.user_id()).await?;
        let making = SessionMaking {
            key_id: identity.key().map(|(id, _)| id),
            shared_key: identity.shared_key().copied(),
            impersonator: Some(identity.actor()),
            impersonator_epoch: admin.map(|admin| admin.sign_in_epoch).unwrap_or_default(),
            lifetime: Some(IMPERSONATION_LIFETIME),
        };
        let expires_at = self.now() + IMPERSONATION_LIFETIME;
        let signed_in = self.open_session(user, caller, making).await?;
        self.audit_done(caller, AuditAction::Impersonate, &id.to_string(), "")
            .await;
        Ok(Impersonation { signed_in, expires_at })
    }
}

pub(super) fn signed_in(caller: &Caller) -> Result<&std::sync::Arc<Identity>, ManageError> {
    Ok(caller.identity().ok_or(Denial::MissingCredentials)?)
}
