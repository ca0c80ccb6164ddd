//! API keys.
//!
//! A key is `sk-local-<public id>-<secret>`:
//!
//! | part | characters | what it is |
//! |---|---|---|
//! | `sk-local-` | 9 | lets people and secret scanners recognise a leaked key |
//! | public id | 18 | 12 random ones, and 6 that show that this server made it; safe to log, the name to look up |
//! | `-` | 1 | |
//! | secret | 49 | 43 random ones of base 62 (256.03 bits), and 6 of checksum (CRC-32 over everything before) |
//!
//! A key with a typing error fails the checksum; a made-up one fails the public id's tag. Neither costs a look-up.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::entropy::{Entropy, EntropyError, base62, base62_check};
use crate::id::{KeyId, UserId};
use crate::scope::KeyScope;
use crate::secret::{SecretRing, StoredDigest};

/// What every key begins with.
pub const KEY_PREFIX: &str = "sk-local-";

const ID_RANDOM_CHARS: usize = 12;
const CHECK_CHARS: usize = 6;
const ID_CHARS: usize = ID_RANDOM_CHARS + CHECK_CHARS;
/// Random characters in a secret: 62^43 > 2^256.
pub(crate) const SECRET_CHARS: usize = 43;
/// Secret and check characters together: the end of every token, and what is digested.
pub(crate) const TAIL_CHARS: usize = SECRET_CHARS + CHECK_CHARS;
const KEY_CHARS: usize = KEY_PREFIX.len() + ID_CHARS + 1 + TAIL_CHARS;

/// The public half of a key: its name in look-ups, logs and metrics. Not a secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicId([u8; ID_CHARS]);

impl PublicId {
    /// The id's text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// What `keyPrefix` is in the API: `sk-local-<public id>`.
    pub fn key_prefix(&self) -> String {
        format!("{KEY_PREFIX}{self}")
    }
}

impl FromStr for PublicId {
    type Err = MalformedKey;

    fn from_str(s: &str) -> Result<Self, MalformedKey> {
        let bytes: [u8; ID_CHARS] = s.as_bytes().try_into().map_err(|_| MalformedKey)?;
        if bytes.iter().all(u8::is_ascii_alphanumeric) {
            Ok(Self(bytes))
        } else {
            Err(MalformedKey)
        }
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicId({})", self.as_str())
    }
}

/// A text that is not a key of ours. Says nothing about what was given or expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key of this server: copy it again, whole")]
#[non_exhaustive]
pub struct MalformedKey;

/// A whole key in plain text, shown once to whoever asked for it.
///
/// No `Clone`, no `Serialize`, nothing in `Debug`; wiped from memory when dropped. What is stored is an [`ApiKey`], and
/// there is no way back from it.
pub struct PlainKey {
    public_id: PublicId,
    text: Zeroizing<String>,
}

impl PlainKey {
    /// A fresh key.
    pub(crate) fn generate(ring: &SecretRing, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let random = base62::<ID_RANDOM_CHARS>(entropy)?;
        let mut id = [0_u8; ID_CHARS];
        id[..ID_RANDOM_CHARS].copy_from_slice(&*random);
        id[ID_RANDOM_CHARS..].copy_from_slice(&ring.tag(&*random));
        Self::with_public_id(PublicId(id), entropy)
    }

    /// A fresh secret under a public id that exists.
    pub(crate) fn with_public_id(public_id: PublicId, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let secret = base62::<SECRET_CHARS>(entropy)?;
        let mut text = Zeroizing::new(String::with_capacity(KEY_CHARS));
        text.push_str(KEY_PREFIX);
        text.push_str(public_id.as_str());
        text.push('-');
        text.extend(secret.iter().map(|&b| char::from(b)));
        let check = checksum(text.as_bytes());
        text.extend(check.iter().map(|&b| char::from(b)));
        Ok(Self { public_id, text })
    }

    /// The key itself. Show it, and forget it.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The public half.
    pub const fn public_id(&self) -> PublicId {
        self.public_id
    }

    /// What is digested and compared: the part that is secret.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.text.as_bytes()[KEY_CHARS - TAIL_CHARS..]
    }
}

impl fmt::Debug for PlainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlainKey({}-..)", self.public_id.key_prefix())
    }
}

fn checksum(data: &[u8]) -> [u8; CHECK_CHARS] {
    base62_check(u64::from(crc32fast::hash(data)))
}

/// The public id of `token`, strictly: form, alphabet, checksum, and the tag that shows that this server made it.
pub(crate) fn parse(token: &[u8], ring: &SecretRing) -> Result<PublicId, MalformedKey> {
    if token.len() != KEY_CHARS {
        return Err(MalformedKey);
    }
    let rest = token.strip_prefix(KEY_PREFIX.as_bytes()).ok_or(MalformedKey)?;
    let (id, rest) = rest.split_at(ID_CHARS);
    let tail = rest.strip_prefix(b"-").ok_or(MalformedKey)?;
    if !id.iter().chain(tail).all(u8::is_ascii_alphanumeric) {
        return Err(MalformedKey);
    }
    let (body, check) = token.split_at(KEY_CHARS - CHECK_CHARS);
    let (random, tag) = id.split_at(ID_RANDOM_CHARS);
    if checksum(body) != check || !ring.tag_matches(random, tag) {
        return Err(MalformedKey);
    }
    Ok(PublicId(id.try_into().map_err(|_| MalformedKey)?))
}

/// A key, as a store keeps it: without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Names the key for good.
    pub id: KeyId,
    /// The public half; unique in a store.
    pub public_id: PublicId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// The digest of its secret half.
    pub digest: StoredDigest,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked; `None` while it is good.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// From where it was last used, or empty.
    pub last_used_ip: String,
    /// What it is narrowed to.
    pub scope: KeyScope,
    /// The key it was made with, if any.
    pub parent_id: Option<KeyId>,
    /// Its secret before the last rotation.
    pub previous: Option<PreviousSecret>,
}

impl ApiKey {
    /// Names its present secret, and tells nothing of it: another after each rotation.
    pub fn secret_mark(&self) -> String {
        let hash = Sha256::new()
            .chain_update(self.digest.version.0.to_be_bytes())
            .chain_update(self.digest.digest.as_bytes())
            .finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        format!("{:016x}", u64::from_be_bytes(first))
    }
}

/// A key's secret from before its last rotation. Kept after its end, to tell who still uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSecret {
    /// Its digest.
    pub digest: StoredDigest,
    /// Until when it is good.
    pub until: Timestamp,
    /// When it was last used since the rotation, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// From where it was last used, or empty.
    pub last_used_ip: String,
}

/// How long a key's old secret is good after a rotation when nobody says: 7 days.
pub const DEFAULT_ROTATION_GRACE: std::time::Duration = std::time::Duration::from_hours(7 * 24);

/// How long an expired or revoked key is kept, to say that it is: 30 days.
pub const KEEP_ENDED_KEYS: std::time::Duration = std::time::Duration::from_hours(30 * 24);

/// One use of a key, for a store to note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// Which key.
    pub id: KeyId,
    /// When.
    pub at: Timestamp,
    /// From where, or empty.
    pub ip: String,
    /// Whether it was the secret from before the last rotation.
    pub previous: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::secret::ServerSecret;

    fn ring(fill: u8) -> SecretRing {
        SecretRing::new(&ServerSecret::new(&[fill; 32]).unwrap(), &[])
    }

    #[test]
    fn a_key_is_as_documented() {
        let key = PlainKey::generate(&ring(1), &SeededEntropy::insecure(1)).unwrap();
        let text = key.expose();
        assert_eq!(text.len(), 77);
        let parts: Vec<&str> = text.split('-').collect();
        assert_eq!(
            (parts.len(), parts[0], parts[1], parts[2].len(), parts[3].len()),
            (4, "sk", "local", 18, 49)
        );
        assert_eq!(key.public_id().key_prefix(), text[..27]);
        assert!(!format!("{key:?}").contains(parts[3]));
    }

    #[test]
    fn every_single_wrong_character_is_noticed() {
        let ring = ring(1);
        let key = PlainKey::generate(&ring, &SeededEntropy::insecure(2)).unwrap();
        assert_eq!(parse(key.expose().as_bytes(), &ring).unwrap(), key.public_id());
        for i in 0..KEY_CHARS {
            for c in [b'a', b'Z', b'0', b'-', b' ', 0, 0xff] {
                let mut broken = key.expose().as_bytes().to_vec();
                if broken[i] != c {
                    broken[i] = c;
                    assert!(parse(&broken, &ring).is_err(), "{c} at {i}");
                }
            }
        }
        for end in 0..KEY_CHARS {
            assert!(parse(&key.expose().as_bytes()[..end], &ring).is_err());
        }
    }

    #[test]
    fn a_key_of_another_server_is_not_ours() {
        let key = PlainKey::generate(&ring(1), &SeededEntropy::insecure(3)).unwrap();
        assert!(parse(key.expose().as_bytes(), &ring(2)).is_err());
    }
}
