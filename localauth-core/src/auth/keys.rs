//! Making, listing, rotating and revoking keys.

use std::time::Duration;

use super::{Auth, NewKey};
use crate::audit::{AuditAction, Caller};
use crate::clock::Timestamp;
use crate::entropy::EntropyError;
use crate::error::{Denial, StoreError};
use crate::id::{KeyId, UserId};
use crate::identity::Identity;
use crate::key::{ApiKey, PlainKey, PublicId};
use crate::scope::{KeyScope, ScopeExceeded};
use crate::store::InsertKey;
use crate::user::clean_name;

/// The most entries in one list of a scope.
const MAX_LIST: usize = 200;
/// The most keys of one user that are not revoked.
const MAX_KEYS: usize = 1_000;

/// A key that was made: what is stored, and the key itself, which nobody sees again.
#[derive(Debug)]
#[non_exhaustive]
pub struct CreatedKey {
    /// What is stored.
    pub key: ApiKey,
    /// The key.
    pub plain: PlainKey,
}

/// A key that was given a new secret.
#[derive(Debug)]
#[non_exhaustive]
pub struct RotatedKey {
    /// The key, with its new secret.
    pub plain: PlainKey,
    /// Until when the old secret is good.
    pub grace_until: Timestamp,
}

/// A key was not made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a name.
    #[error("a key needs a name of at most 128 characters, without control characters")]
    Name,
    /// Would be over before it begins.
    #[error("the expiry must lie in the future")]
    Expired,
    /// A feature that does not exist.
    #[error("unknown feature `{0}`")]
    UnknownFeature(String),
    /// A list that cannot be.
    #[error("each list of a scope has at most {MAX_LIST} entries of 1 to 256 bytes")]
    Scope,
    /// Too many.
    #[error("at most {MAX_KEYS} keys: revoke some first")]
    TooMany,
    /// More than the maker has.
    #[error(transparent)]
    Exceeds(#[from] ScopeExceeded),
    /// The credential may not.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// There is no such key.
    #[error("API key not found")]
    NotFound,
    /// The key was given another secret meanwhile.
    #[error("the key has got another new secret meanwhile: look at it again")]
    Outdated,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is no such tier.
    #[error("there is no such tier")]
    NoSuchTier,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// Makes a key for a user, as an operator would.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the key is not possible or the store could not answer.
    pub async fn create_key(&self, user_id: UserId, new: NewKey) -> Result<CreatedKey, KeyError> {
        self.mint(&Caller::operator(), user_id, new, None).await
    }

    /// Makes a key for the caller. It never has more than the credential they came with.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the key is not possible, the credential may not, or the store could not answer.
    pub async fn create_own_key(&self, caller: &Caller, mut new: NewKey) -> Result<CreatedKey, KeyError> {
        let identity = caller.identity().ok_or(Denial::MissingCredentials)?;
        identity.require_minting()?;
        self.scope_exactly(caller, &mut new.scope);
        new.scope = new.scope.within(&identity.minting_scope())?;
        self.mint(caller, identity.user_id(), new, identity.key()).await
    }

    /// Makes a key for anybody, as an administrator.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the key is not possible, the caller may not, or the store could not answer.
    pub async fn create_key_for(&self, caller: &Caller, user_id: UserId, new: NewKey) -> Result<CreatedKey, KeyError> {
        let identity = caller.identity().ok_or(Denial::MissingCredentials)?;
        identity.require_admin()?;
        if identity.user_id() == user_id {
            return self.create_own_key(caller, new).await;
        }
        identity.require_unbound_minting()?;
        self.mint(caller, user_id, new, None).await
    }

    async fn mint(
        &self,
        caller: &Caller,
        user_id: UserId,
        mut new: NewKey,
        maker: Option<(KeyId, Option<Timestamp>)>,
    ) -> Result<CreatedKey, KeyError> {
        let inner = &self.0;
        let now = self.now();
        let name = clean_name(&new.name).filter(|n| !n.is_empty()).ok_or(KeyError::Name)?;
        self.scope_exactly(caller, &mut new.scope);
        self.check_scope(&new.scope)?;
        if let Some(tier) = &new.scope.tier {
            let house = inner.house().await?;
            if house.rules().is_none_or(|rules| !rules.tiers.contains_key(&tier.name)) {
                return Err(KeyError::NoSuchTier);
            }
        }
        let default = inner.default_key_expiry.map(|life| now + life);
        let expires_at = new.expires_at.or(default);
        let makers_end = maker.and_then(|(_, end)| end);
        let expires_at = match (expires_at, makers_end) {
            (Some(end), Some(makers)) if new.expires_at.is_some() && end > makers => {
                return Err(ScopeExceeded { field: "expiresAt" }.into());
            }
            (Some(end), Some(makers)) => Some(end.min(makers)),
            (end, makers) => end.or(makers),
        };
        if expires_at.is_some_and(|end| now.is_past(end)) {
            return Err(KeyError::Expired);
        }
        if inner.stores.keys.list_keys(Some(user_id)).await?.len() >= MAX_KEYS {
            return Err(KeyError::TooMany);
        }
        let plain = PlainKey::generate(&inner.ring, &*inner.entropy)?;
        let id = KeyId::generate(now, &*inner.entropy)?;
        let key = ApiKey {
            id,
            public_id: plain.public_id(),
            user_id,
            name,
            digest: inner.ring.stored_digest(plain.tail()),
            created_at: now,
            expires_at,
            revoked_at: None,
            last_used_at: None,
            last_used_ip: String::new(),
            scope: new.scope.held_by(id),
            parent_id: maker.map(|(id, _)| id),
            previous: None,
        };
        match inner.stores.keys.insert_key(key.clone()).await? {
            InsertKey::Inserted => {
                let detail = format!("{} for {user_id}", key.public_id.key_prefix());
                self.audit_done(caller, AuditAction::KeyCreate, &key.id.to_string(), &detail)
                    .await;
                Ok(CreatedKey { key, plain })
            }
            InsertKey::NoSuchUser => Err(KeyError::NoSuchUser),
            // 71 random bits collided: the generator is broken, and no key of it is any good.
            InsertKey::Duplicate => Err(EntropyError.into()),
        }
    }

    fn check_scope(&self, scope: &KeyScope) -> Result<(), KeyError> {
        let features = scope.features.iter().flatten();
        if let Some(unknown) = features.clone().find(|key| self.features().get(key).is_none()) {
            return Err(KeyError::UnknownFeature(unknown.chars().take(64).collect()));
        }
        let good = |name: &String| (1..=256).contains(&name.len()) && !name.chars().any(char::is_control);
        let fits = scope.models.iter().flatten().all(good)
            && scope.models.as_ref().is_none_or(|list| list.len() <= MAX_LIST)
            && scope.routes.as_ref().is_none_or(|list| list.len() <= MAX_LIST)
            && scope.ips.as_ref().is_none_or(|list| list.len() <= MAX_LIST);
        let limited =
            scope.limits.len() <= MAX_LIST && scope.limits.iter().all(|limit| limit.limit.rule.check().is_ok());
        if fits && limited { Ok(()) } else { Err(KeyError::Scope) }
    }

    /// The user's keys that are not revoked, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn list_keys(&self, user_id: UserId) -> Result<Vec<ApiKey>, StoreError> {
        self.0.stores.keys.list_keys(Some(user_id)).await
    }

    /// Everybody's keys that are not revoked, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn list_all_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.0.stores.keys.list_keys(None).await
    }

    /// The key with this public id, revoked or not.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn find_key(&self, public_id: &PublicId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.0.stores.keys.find_key(public_id).await?.map(|(key, _)| key))
    }

    /// Gives one of the caller's keys a new secret under the same id. The old one is good for `grace` more.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when there is no such key that is still good, the credential has less than the key or may not, or
    /// the store could not answer.
    pub async fn rotate_key(&self, caller: &Caller, id: KeyId, grace: Duration) -> Result<RotatedKey, KeyError> {
        self.rotate(caller, id, None, grace).await
    }

    /// The same, if the secret that the caller looked at is still the key's: `seen` is its [`ApiKey::secret_mark`]. A
    /// form that is sent twice makes one new secret.
    ///
    /// # Errors
    ///
    /// As [`rotate_key`](Self::rotate_key), and [`KeyError::Outdated`] when the key has another secret by now.
    pub async fn rotate_seen_key(
        &self,
        caller: &Caller,
        id: KeyId,
        seen: &str,
        grace: Duration,
    ) -> Result<RotatedKey, KeyError> {
        self.rotate(caller, id, Some(seen), grace).await
    }

    async fn rotate(
        &self,
        caller: &Caller,
        id: KeyId,
        seen: Option<&str>,
        grace: Duration,
    ) -> Result<RotatedKey, KeyError> {
        let inner = &self.0;
        let identity = caller.identity().ok_or(Denial::MissingCredentials)?;
        let key = self.reachable_key(identity, id).await?;
        if seen.is_some_and(|seen| seen != key.secret_mark()) {
            return Err(KeyError::Outdated);
        }
        let now = self.now();
        let plain = PlainKey::with_public_id(key.public_id, &*inner.entropy)?;
        let digest = inner.ring.stored_digest(plain.tail());
        let grace_until = now + grace;
        let owner = Some(identity.user_id());
        let current = seen.map(|_| &key.digest);
        let rotated = inner
            .stores
            .keys
            .rotate_key(owner, id, current, digest, grace_until, now)
            .await?;
        let Some((user, epoch)) = rotated else {
            let now = inner.stores.keys.find_key_by_id(id).await?;
            return Err(match now {
                Some(now) if seen.is_some() && now.digest != key.digest => KeyError::Outdated,
                _ => KeyError::NotFound,
            });
        };
        inner.changed(user, epoch);
        let detail = format!(
            "{}, the old secret until {}",
            key.public_id.key_prefix(),
            grace_until.to_rfc3339()
        );
        self.audit_done(caller, AuditAction::KeyRotate, &id.to_string(), &detail)
            .await;
        Ok(RotatedKey { plain, grace_until })
    }

    /// Revokes one of the caller's keys. Dead for the next request.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when there is no such key, the credential may not, or the store could not answer.
    pub async fn revoke_own_key(&self, caller: &Caller, id: KeyId) -> Result<(), KeyError> {
        let identity = caller.identity().ok_or(Denial::MissingCredentials)?;
        // To take away is nothing to hand out: whoever acts as the user may.
        if identity.impersonator().is_none() {
            identity.require_minting()?;
        }
        if self.revoke(caller, Some(identity.user_id()), id).await? {
            Ok(())
        } else {
            Err(KeyError::NotFound)
        }
    }

    /// Revokes anybody's key, as an administrator or operator. `false` when there is no such key.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the caller may not, or the store could not answer.
    pub async fn revoke_key(&self, caller: &Caller, id: KeyId) -> Result<bool, KeyError> {
        caller.require_admin()?;
        if let Some(identity) = caller.identity() {
            let key = self.0.stores.keys.find_key_by_id(id).await?;
            // The way around must not be wider: of their own keys they need what `revoke_own_key` asks for.
            if key.is_some_and(|key| key.user_id == identity.user_id()) {
                return match self.revoke_own_key(caller, id).await {
                    Ok(()) => Ok(true),
                    Err(KeyError::NotFound) => Ok(false),
                    Err(error) => Err(error),
                };
            }
        }
        Ok(self.revoke(caller, None, id).await?)
    }

    async fn revoke(&self, caller: &Caller, owner: Option<UserId>, id: KeyId) -> Result<bool, StoreError> {
        let revoked = self.0.stores.keys.revoke_key(owner, id, self.now()).await?;
        let Some((user, epoch)) = revoked else { return Ok(false) };
        self.0.changed(user, epoch);
        self.audit_done(caller, AuditAction::KeyRevoke, &id.to_string(), "")
            .await;
        Ok(true)
    }

    /// A key of the caller's own that has no more than the credential they came with: its secret may be theirs.
    async fn reachable_key(&self, identity: &Identity, id: KeyId) -> Result<ApiKey, KeyError> {
        identity.require_minting()?;
        let key = self.0.stores.keys.find_key_by_id(id).await?;
        let key = key
            .filter(|key| key.user_id == identity.user_id())
            .ok_or(KeyError::NotFound)?;
        let scope = key.scope.clone().held_by(key.id);
        let within = scope.clone().within(&identity.minting_scope())?;
        let outlives = match identity.key() {
            Some((_, Some(makers))) => key.expires_at.is_none_or(|end| end > makers),
            _ => false,
        };
        // Narrowed to fit is not within: the stored scope is what the new secret would have.
        if within != scope {
            return Err(ScopeExceeded { field: "scope" }.into());
        }
        if outlives {
            return Err(ScopeExceeded { field: "expiresAt" }.into());
        }
        Ok(key)
    }
}
