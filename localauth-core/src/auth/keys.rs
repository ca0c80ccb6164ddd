//! Making, listing and revoking keys.

use std::time::Duration;

use super::Auth;
use crate::clock::Timestamp;
use crate::entropy::EntropyError;
use crate::error::StoreError;
use crate::id::{KeyId, UserId};
use crate::key::{ApiKey, PlainKey, PublicId};
use crate::store::InsertKey;
use crate::user::clean_name;

/// A key about to be made.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct NewKey {
    /// What its owner calls it.
    pub name: String,
    /// When it ends; without it the server's default counts.
    pub expires_at: Option<Timestamp>,
}

impl NewKey {
    /// A key called `name`, with the server's default expiry.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// The same, ending at `expires_at`.
    #[must_use]
    pub const fn expiring(mut self, expires_at: Timestamp) -> Self {
        self.expires_at = Some(expires_at);
        self
    }
}

/// A key that was made: what is stored, and the key itself, which nobody sees again.
#[derive(Debug)]
#[non_exhaustive]
pub struct CreatedKey {
    /// What is stored.
    pub key: ApiKey,
    /// The key.
    pub plain: PlainKey,
}

/// A key was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateKeyError {
    /// Not a name.
    #[error("a key needs a name of at most 128 characters, without control characters")]
    Name,
    /// Would be over before it begins.
    #[error("the expiry must lie in the future")]
    Expired,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A text that is not a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a length of time above zero such as 24h, 30d or 1y")]
#[non_exhaustive]
pub struct ParseExpiryError;

/// Reads a length of time: a whole number and `s`, `m`, `h`, `d`, `w` or `y` (365 days). Zero and negative are refused.
///
/// # Errors
///
/// [`ParseExpiryError`] when `text` is anything else.
///
/// ```
/// use localauth_core::parse_duration;
/// use std::time::Duration;
///
/// assert_eq!(parse_duration("24h")?, Duration::from_secs(86_400));
/// assert_eq!(parse_duration("1y")?, Duration::from_secs(365 * 86_400));
/// for wrong in ["0d", "-1d", "1", "d", "1.5h", "99999999999999999999y", ""] {
///     assert!(parse_duration(wrong).is_err(), "{wrong}");
/// }
/// # Ok::<(), localauth_core::ParseExpiryError>(())
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, ParseExpiryError> {
    let unit = text.chars().last().ok_or(ParseExpiryError)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        'y' => 365 * 86_400,
        _ => return Err(ParseExpiryError),
    };
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseExpiryError);
    }
    let count: u64 = digits.parse().map_err(|_| ParseExpiryError)?;
    let total = count
        .checked_mul(seconds)
        .filter(|&s| s > 0 && s <= 1_000 * 365 * 86_400)
        .ok_or(ParseExpiryError)?;
    Ok(Duration::from_secs(total))
}

impl Auth {
    /// Makes a key for a user.
    ///
    /// # Errors
    ///
    /// [`CreateKeyError`] when the key is not possible or the store could not answer.
    pub async fn create_key(&self, user_id: UserId, new: NewKey) -> Result<CreatedKey, CreateKeyError> {
        let inner = &self.0;
        let now = self.now();
        let name = clean_name(&new.name)
            .filter(|n| !n.is_empty())
            .ok_or(CreateKeyError::Name)?;
        let expires_at = new
            .expires_at
            .or_else(|| inner.default_key_expiry.map(|life| now + life));
        if expires_at.is_some_and(|end| now.is_past(end)) {
            return Err(CreateKeyError::Expired);
        }
        let plain = PlainKey::generate(&inner.ring, &*inner.entropy)?;
        let key = ApiKey {
            id: KeyId::generate(now, &*inner.entropy)?,
            public_id: plain.public_id(),
            user_id,
            name,
            digest: inner.ring.stored_digest(plain.tail()),
            created_at: now,
            expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        match inner.stores.keys.insert_key(key.clone()).await? {
            InsertKey::Inserted => Ok(CreatedKey { key, plain }),
            InsertKey::NoSuchUser => Err(CreateKeyError::NoSuchUser),
            // 71 random bits collided: the generator is broken, and no key of it is any good.
            InsertKey::Duplicate => Err(EntropyError.into()),
        }
    }

    /// The user's keys that are not revoked, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn list_keys(&self, user_id: UserId) -> Result<Vec<ApiKey>, StoreError> {
        self.0.stores.keys.list_keys(user_id).await
    }

    /// The key with this public id, revoked or not.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn find_key(&self, public_id: &PublicId) -> Result<Option<ApiKey>, StoreError> {
        Ok(self.0.stores.keys.find_key(public_id).await?.map(|(key, _)| key))
    }

    /// Revokes a key; with `owner`, only one of theirs. Dead for the next request. `false` when there is no such key.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn revoke_key(&self, owner: Option<UserId>, id: KeyId) -> Result<bool, StoreError> {
        match self.0.stores.keys.revoke_key(owner, id, self.now()).await? {
            Some((user, epoch)) => {
                self.0.changed(user, epoch);
                Ok(true)
            }
            None => Ok(false),
        }
    }
}
