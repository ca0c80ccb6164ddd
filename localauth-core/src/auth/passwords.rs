//! Changing passwords.

use zeroize::Zeroizing;

use super::Auth;
use super::attempts::AttemptError;
use super::registration::RegisterError;
use super::sign_in::{SessionMaking, SignedIn};
use super::users::ManageError;
use crate::audit::{AuditAction, Caller};
use crate::entropy::{EntropyError, base62};
use crate::error::{Denial, StoreError};
use crate::id::UserId;
use crate::identity::Source;
use crate::password::{Password, PasswordError, PasswordRejection, Verified};
use crate::user::{Email, Provider, User};

/// A password was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangePasswordError {
    /// Too many attempts.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// The account has no password of ours.
    #[error("this account signs in through a provider and has no password here")]
    NotLocal,
    /// The present password was wrong.
    #[error("current password is incorrect")]
    WrongPassword,
    /// The credential may not change it.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The new one is not accepted.
    #[error(transparent)]
    Rejected(#[from] PasswordRejection),
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// Changes the caller's own password. Ends all their sessions, and gives the caller a fresh one, unless they came
    /// with a key.
    ///
    /// # Errors
    ///
    /// [`ChangePasswordError`] when the present password is wrong, the new one not accepted, the account not local, the
    /// credential may not, or the store could not answer.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: Password,
        new: Password,
        acknowledge_weak: bool,
    ) -> Result<Option<SignedIn>, ChangePasswordError> {
        let identity = caller.identity().ok_or(Denial::MissingCredentials)?;
        identity.require_unbound_minting()?;
        self.attempt_sign_in(caller.address()).await?;
        let id = identity.user_id().to_string();
        let done = self.try_change_password(caller, current, new, acknowledge_weak).await;
        match &done {
            Ok(_) => self.audit_done(caller, AuditAction::PasswordChange, &id, "").await,
            Err(ChangePasswordError::Store(_)) => {}
            Err(error) => {
                self.audit_failed(caller, AuditAction::PasswordChange, &id, &error.to_string())
                    .await;
            }
        }
        done
    }

    async fn try_change_password(
        &self,
        caller: &Caller,
        current: Password,
        new: Password,
        acknowledge_weak: bool,
    ) -> Result<Option<SignedIn>, ChangePasswordError> {
        let inner = &self.0;
        let identity = caller.identity().ok_or(Denial::MissingCredentials)?;
        let user = inner.stores.users.find_user(identity.user_id()).await?;
        // The synthetic administrator has no account, and so no password.
        let mut user = user
            .filter(|user| user.provider == Provider::Local)
            .ok_or(ChangePasswordError::NotLocal)?;
        match inner.passwords.verify(current, user.password.as_ref()).await? {
            Verified::Wrong => return Err(ChangePasswordError::WrongPassword),
            Verified::Right | Verified::RightButOutdated(_) => {}
        }
        let known = [user.email.as_str().to_owned(), user.name.clone()];
        let new = inner.passwords.check_new(new, known, acknowledge_weak).await??;
        let hash = inner.passwords.hash(new).await?;
        let epoch = inner
            .stores
            .users
            .set_password(user.id, user.password.as_ref(), &hash)
            .await?;
        // Somebody else set another one meanwhile: what was proven is the present password no more.
        let epoch = epoch.ok_or(ChangePasswordError::WrongPassword)?;
        inner.changed(user.id, epoch);
        user.epoch = epoch;
        user.sign_in_epoch = epoch;
        if matches!(identity.source(), Source::Session { .. }) {
            let making = SessionMaking {
                key_id: identity.key().map(|(id, _)| id),
                ..SessionMaking::default()
            };
            Ok(Some(self.open_session(user, caller, making).await?))
        } else {
            Ok(None)
        }
    }

    /// Gives the user with this address a new password as an operator would, and ends all their sessions. Returns the
    /// user, or `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] when the password is not accepted or the store could not answer.
    pub async fn set_password(
        &self,
        email: &str,
        password: Password,
        acknowledge_weak: bool,
    ) -> Result<Option<User>, RegisterError> {
        let email: Email = email.parse()?;
        let Some(user) = self.0.stores.users.find_user_by_email(&email).await? else {
            return Ok(None);
        };
        let hash = self.hash_new(password, &email, &user.name, acknowledge_weak).await?;
        let Some(epoch) = self.0.stores.users.set_password(user.id, None, &hash).await? else {
            return Ok(None);
        };
        self.0.changed(user.id, epoch);
        self.audit_done(
            &Caller::operator(),
            AuditAction::PasswordChange,
            &user.id.to_string(),
            "",
        )
        .await;
        Ok(Some(user))
    }

    /// Gives somebody else a new password, and ends all their sessions. An administrator may set a weak one.
    ///
    /// # Errors
    ///
    /// [`ManageError`] when there is no such local user, it is the caller, the password is impossible, the caller may
    /// not hand out credentials, or the store could not answer.
    pub async fn reset_password(&self, caller: &Caller, id: UserId, password: Password) -> Result<(), ManageError> {
        Self::may_manage_other(caller, id)?;
        if let Some(identity) = caller.identity() {
            identity.require_unbound_minting()?;
        }
        let user = self.0.stores.users.find_user(id).await?.ok_or(ManageError::NotFound)?;
        if user.provider != Provider::Local {
            return Err(ManageError::NotLocal);
        }
        let hash = match self.hash_new(password, &user.email, &user.name, true).await {
            Ok(hash) => hash,
            Err(RegisterError::Password(reason)) => return Err(reason.into()),
            Err(RegisterError::Store(error)) => return Err(error.into()),
            Err(error) => return Err(ManageError::Internal(error.to_string())),
        };
        let epoch = self.0.stores.users.set_password(id, None, &hash).await?;
        self.0.changed(id, epoch.ok_or(ManageError::NotFound)?);
        self.audit_done(
            caller,
            AuditAction::PasswordChange,
            &id.to_string(),
            "by an administrator",
        )
        .await;
        Ok(())
    }

    /// A fresh password, for somebody who is to be given one: 20 characters, 119 bits.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when there is no randomness.
    pub fn generate_password(&self) -> Result<Zeroizing<String>, EntropyError> {
        let random = base62::<20>(&*self.0.entropy)?;
        Ok(Zeroizing::new(random.iter().map(|&b| char::from(b)).collect()))
    }
}
