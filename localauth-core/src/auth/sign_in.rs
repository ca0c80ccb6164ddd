//! Signing in and out.

use std::time::Duration;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};

use super::Auth;
use super::attempts::AttemptError;
use super::registration::{RegisterError, audited};
use crate::audit::{AuditAction, AuditActor, Caller};
use crate::entropy::EntropyError;
use crate::error::{Denial, StoreError};
use crate::id::{Epoch, KeyId, SessionId, UserId};
use crate::identity::{Identity, Source};
use crate::password::{Password, PasswordError, Verified};
use crate::secret::StoredDigest;
use crate::session::{self, SESSION_LIFETIME, Session, SessionToken};
use crate::user::{Email, Status, User};

/// A user, and the session they were given.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// Who. The synthetic administrator is in no store: see [`Auth::sign_in_with_token`].
    pub user: User,
    /// The token for the cookie.
    pub token: SessionToken,
    /// How long it lasts.
    pub lifetime: Duration,
}

/// A session made from a key or a shared key.
#[derive(Debug)]
#[non_exhaustive]
pub struct TokenSignedIn {
    /// Who: what the new session will be resolved to.
    pub identity: std::sync::Arc<Identity>,
    /// The token for the cookie.
    pub token: SessionToken,
    /// How long it lasts.
    pub lifetime: Duration,
}

/// A sign-in failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// Sign-in by address and password is off.
    #[error("sign-in with a password is switched off on this server")]
    LocalAuthDisabled,
    /// Too many attempts.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// Unknown address or wrong password: not told apart, and taking the same time.
    #[error("invalid email or password")]
    WrongCredentials,
    /// The token is no good.
    #[error(transparent)]
    Denied(Denial),
    /// The password is right; an administrator has not yet let them in.
    #[error("account pending admin approval")]
    Pending,
    /// The password is right; an administrator shut them out.
    #[error("account is disabled")]
    Disabled,
    /// The password could not be checked.
    #[error(transparent)]
    Hash(#[from] PasswordError),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// No session could be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

macro_rules! from_open {
    ($($error:ty),+) => {$(
        impl From<OpenError> for $error {
            fn from(error: OpenError) -> Self {
                match error {
                    OpenError::Entropy(error) => error.into(),
                    OpenError::Store(error) => error.into(),
                }
            }
        }
    )+};
}
from_open!(
    SignInError,
    RegisterError,
    super::external::ExternalSignInError,
    super::passwords::ChangePasswordError,
    super::sessions::ImpersonateError
);

/// What a session is made from, when it is not a plain sign-in.
#[derive(Default)]
pub(super) struct SessionMaking {
    pub(super) key_id: Option<KeyId>,
    pub(super) shared_key: Option<StoredDigest>,
    pub(super) impersonator: Option<AuditActor>,
    pub(super) impersonator_epoch: Epoch,
    pub(super) lifetime: Option<Duration>,
}

impl Auth {
    /// Signs a user in with address and password. Takes the same time whether the address is known or not. Always makes
    /// a new session.
    ///
    /// # Errors
    ///
    /// [`SignInError`] when the credentials are wrong, the user may not come in, or the store could not answer.
    pub async fn sign_in(&self, email: &str, password: Password, caller: &Caller) -> Result<SignedIn, SignInError> {
        if !self.0.local_auth {
            return Err(SignInError::LocalAuthDisabled);
        }
        self.attempt_sign_in(caller.address()).await?;
        self.attempt_account(email, caller.address()).await?;
        let (done, user) = match self.verify_password(email, password).await {
            Ok((user, status)) => (status, Some(user)),
            Err(error) => (Err(error), None),
        };
        let done = match (done, user) {
            (Ok(()), Some(user)) => self
                .open_session(user, caller, SessionMaking::default())
                .await
                .map_err(SignInError::from),
            (Err(error), _) => Err(error),
            (Ok(()), None) => Err(SignInError::WrongCredentials),
        };
        match &done {
            Ok(signed_in) => {
                let id = signed_in.user.id.to_string();
                let caller = caller.known_as(signed_in.user.id, &signed_in.user.name);
                self.audit_done(&caller, AuditAction::SignIn, &id, "password").await;
            }
            Err(SignInError::Store(_)) => {}
            Err(error) => {
                let target = audited(email);
                self.audit_failed(&caller.unknown(), AuditAction::SignIn, &target, &error.to_string())
                    .await;
            }
        }
        done
    }

    /// The user whose password it is, and whether they may come in.
    async fn verify_password(
        &self,
        email: &str,
        password: Password,
    ) -> Result<(User, Result<(), SignInError>), SignInError> {
        let inner = &self.0;
        let user = match email.parse::<Email>() {
            Ok(email) => inner.stores.users.find_user_by_email(&email).await?,
            Err(_) => None,
        };
        let stored = user.as_ref().and_then(|u| u.password.as_ref());
        let verified = inner.passwords.verify(password, stored).await?;
        let Some(user) = user else {
            return Err(SignInError::WrongCredentials);
        };
        let outdated = match verified {
            Verified::Wrong => return Err(SignInError::WrongCredentials),
            Verified::Right => None,
            Verified::RightButOutdated(password) => Some(password),
        };
        match user.status {
            Status::Active => {}
            Status::Pending => return Ok((user, Err(SignInError::Pending))),
            Status::Disabled => return Ok((user, Err(SignInError::Disabled))),
        }
        if let (Some(password), Some(old)) = (outdated, &user.password) {
            let new = inner.passwords.hash(password).await?;
            inner.stores.users.rehash_password(user.id, old, &new).await?;
        }
        Ok((user, Ok(())))
    }

    /// Makes a session out of an API key or a shared key. It has the key's scope and ends with the key; the one of a
    /// shared key is the synthetic administrator's.
    ///
    /// # Errors
    ///
    /// [`SignInError`] when the key is no good, or the store could not answer.
    pub async fn sign_in_with_token(&self, token: Password, caller: &Caller) -> Result<TokenSignedIn, SignInError> {
        self.attempt_sign_in(caller.address()).await?;
        let done = self.try_sign_in_with_token(&token, caller).await;
        match &done {
            Ok(signed_in) => {
                let id = signed_in.identity.public_user_id();
                let caller = caller.known_as(signed_in.identity.user_id(), signed_in.identity.name());
                self.audit_done(&caller, AuditAction::SignIn, &id, "API key").await;
            }
            Err(SignInError::Store(_) | SignInError::Denied(Denial::StoreUnavailable)) => {}
            Err(error) => {
                self.audit_failed(&caller.unknown(), AuditAction::SignIn, "API key", &error.to_string())
                    .await;
            }
        }
        done
    }

    async fn try_sign_in_with_token(&self, token: &Password, caller: &Caller) -> Result<TokenSignedIn, SignInError> {
        // The one path that every credential takes, so that no check is left out here.
        let mut headers = HeaderMap::new();
        let bearer = zeroize::Zeroizing::new([b"Bearer ", token.bytes().trim_ascii()].concat());
        let mut value = HeaderValue::from_bytes(&bearer).map_err(|_| SignInError::Denied(Denial::InvalidApiKey))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
        let identity = self
            .authenticate_from(&headers, caller.address())
            .await
            .map_err(SignInError::Denied)?;
        let scope = identity.scope();
        if scope.is_some_and(|scope| !scope.allows_address(caller.address())) {
            return Err(SignInError::Denied(Denial::KeyScope));
        }
        // Not past the key's end, nor past that of an old secret.
        let lifetime = Some(SESSION_LIFETIME.min(identity.expires_at().since(self.now())));
        let (making, sign_in_epoch) = match identity.source() {
            Source::ApiKey { id, .. } => {
                let user = self.0.stores.users.find_user(identity.user_id()).await?;
                let user = user.ok_or(SignInError::Denied(Denial::InvalidApiKey))?;
                let making = SessionMaking {
                    key_id: Some(*id),
                    lifetime,
                    ..SessionMaking::default()
                };
                (making, user.sign_in_epoch)
            }
            Source::SharedKey => {
                let making = SessionMaking {
                    shared_key: identity.shared_key().copied(),
                    ..SessionMaking::default()
                };
                (making, Epoch::default())
            }
            // A session is no key: whoever has one is signed in.
            Source::Session { .. } => return Err(SignInError::Denied(Denial::InvalidApiKey)),
        };
        let (token, lifetime) = self
            .insert_session(identity.user_id(), sign_in_epoch, caller, making)
            .await?;
        Ok(TokenSignedIn {
            identity,
            token,
            lifetime,
        })
    }

    pub(super) async fn open_session(
        &self,
        user: User,
        caller: &Caller,
        making: SessionMaking,
    ) -> Result<SignedIn, OpenError> {
        let (token, lifetime) = self.insert_session(user.id, user.sign_in_epoch, caller, making).await?;
        Ok(SignedIn { user, token, lifetime })
    }

    async fn insert_session(
        &self,
        user_id: UserId,
        sign_in_epoch: Epoch,
        caller: &Caller,
        making: SessionMaking,
    ) -> Result<(SessionToken, Duration), OpenError> {
        let inner = &self.0;
        let now = self.now();
        let lifetime = making.lifetime.unwrap_or(SESSION_LIFETIME);
        let token = SessionToken::generate(&inner.ring, &*inner.entropy)?;
        let session = Session {
            id: SessionId::generate(now, &*inner.entropy)?,
            user_id,
            digest: inner.ring.stored_digest(token.tail()),
            previous: None,
            renewed_at: now,
            sign_in_epoch,
            created_at: now,
            expires_at: now + lifetime,
            last_seen_at: now,
            ip: caller.address_text(),
            user_agent: caller.user_agent(),
            key_id: making.key_id,
            shared_key: making.shared_key,
            impersonator: making.impersonator,
            impersonator_epoch: making.impersonator_epoch,
        };
        inner.stores.sessions.insert_session(session).await?;
        Ok((token, lifetime))
    }

    /// Ends the session an identity came with. Nothing happens to one that came with a key.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), StoreError> {
        let Some(identity) = caller.identity() else {
            return Ok(());
        };
        if let Source::Session { id } = identity.source()
            && let Some((user, epoch)) = self.0.stores.sessions.end_session(None, *id).await?
        {
            self.0.changed(user, epoch);
            self.audit_done(caller, AuditAction::SignOut, &identity.public_user_id(), "")
                .await;
        }
        Ok(())
    }

    /// Ends the session that `token` belongs to, whoever else the request might come from: who has a session's token may
    /// end it from anywhere, also where the session may nothing else. `false` when there is no such session.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn sign_out_token(&self, caller: &Caller, token: &[u8]) -> Result<bool, StoreError> {
        let inner = &self.0;
        let Some(tail) = session::parse(token, &inner.ring) else {
            return Ok(false);
        };
        let digests = inner.ring.all_digests(tail);
        let Some(found) = inner.stores.sessions.find_session(&digests).await? else {
            return Ok(false);
        };
        let Some((user, epoch)) = inner.stores.sessions.end_session(None, found.session.id).await? else {
            return Ok(false);
        };
        inner.changed(user, epoch);
        let (caller, target) = match &found.user {
            Some(user) => (caller.known_as(user.id, &user.name), user.id.to_string()),
            None => (caller.unknown(), "legacy-api-key".to_owned()),
        };
        self.audit_done(&caller, AuditAction::SignOut, &target, "").await;
        Ok(true)
    }
}
