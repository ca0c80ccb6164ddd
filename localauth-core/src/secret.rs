//! The server's secret, and what is derived from it.
//!
//! Keys and sessions are stored as HMAC-SHA256 digests (RFC 2104) under a subkey of the server's secret. Whoever steals
//! the database alone can neither use nor guess-and-check what is in it. Each digest carries the version of the secret
//! that made it, so that the secret can be replaced while the old one is still known.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, EntropyError};

type HmacSha256 = Hmac<Sha256>;

/// The shortest secret that is accepted, in bytes.
pub const MIN_SECRET_BYTES: usize = 32;

/// The server's secret: at least [`MIN_SECRET_BYTES`] bytes that nobody else knows.
///
/// No `Debug` content, no `Display`, no `Clone`; wiped from memory when dropped.
///
/// ```
/// use localauth_core::ServerSecret;
///
/// assert!(ServerSecret::new(b"0123456789abcdef0123456789abcdef").is_ok());
/// assert!(ServerSecret::new(b"too short").is_err());
/// assert!(ServerSecret::new(b"").is_err());
/// ```
pub struct ServerSecret(Zeroizing<Vec<u8>>);

impl ServerSecret {
    /// Takes `bytes` as the secret.
    ///
    /// # Errors
    ///
    /// [`SecretError`] when there are fewer than [`MIN_SECRET_BYTES`].
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        if bytes.len() < MIN_SECRET_BYTES {
            return Err(SecretError { length: bytes.len() });
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// A fresh random secret of 64 hexadecimal characters, as the reference server writes into its data directory.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when there is no randomness.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut raw = Zeroizing::new([0_u8; 32]);
        entropy.fill(&mut *raw)?;
        let mut text = Zeroizing::new(Vec::with_capacity(64));
        for byte in raw.iter() {
            text.push(b"0123456789abcdef"[usize::from(byte >> 4)]);
            text.push(b"0123456789abcdef"[usize::from(byte & 15)]);
        }
        Ok(Self(text))
    }

    /// The bytes, to be written to where only the server can read them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecret(..)")
    }
}

/// The server's secret is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server's secret has {length} bytes and needs at least {MIN_SECRET_BYTES}: make one with `openssl rand -hex 32`"
)]
#[non_exhaustive]
pub struct SecretError {
    length: usize,
}

/// Which secret made a digest: four bytes derived from the secret itself, so that no numbering has to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretVersion(pub u32);

/// A keyed digest of a key or session token.
///
/// Compared in constant time; `Debug` shows nothing.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// From bytes that a store kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// A digest as a store keeps it: with the version of the secret that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredDigest {
    /// Which secret made it.
    pub version: SecretVersion,
    /// The digest.
    pub digest: Digest,
}

/// One secret, ready for use: the HMAC states are kept, so that a digest costs two blocks of SHA-256.
struct Keyed {
    version: SecretVersion,
    token: HmacSha256,
    tag: HmacSha256,
    derived: HmacSha256,
    fingerprint: [u8; 32],
}

impl Keyed {
    fn new(secret: &ServerSecret) -> Self {
        let root = mac(secret.expose());
        let fingerprint = derive(&root, b"localauth v1 fingerprint");
        Self {
            version: SecretVersion(u32::from_be_bytes([
                fingerprint[0],
                fingerprint[1],
                fingerprint[2],
                fingerprint[3],
            ])),
            token: mac(&*derive(&root, b"localauth v1 token digest")),
            tag: mac(&*derive(&root, b"localauth v1 public tag")),
            derived: mac(&*derive(&root, b"localauth v1 derived keys")),
            fingerprint: *fingerprint,
        }
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 3)")]
fn mac(key: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn derive(root: &HmacSha256, label: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(run(root, label))
}

fn run(state: &HmacSha256, data: &[u8]) -> [u8; 32] {
    let mut mac = state.clone();
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// The present secret and those before it that are still accepted.
pub struct SecretRing {
    current: Keyed,
    previous: Vec<Keyed>,
}

impl SecretRing {
    /// A ring with `current` for everything new, and `previous` for what was made earlier.
    pub fn new(current: &ServerSecret, previous: &[ServerSecret]) -> Self {
        Self {
            current: Keyed::new(current),
            previous: previous.iter().map(Keyed::new).collect(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Keyed> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// The digest of `token` under the present secret.
    pub fn digest(&self, token: &[u8]) -> Digest {
        Digest(run(&self.current.token, token))
    }

    /// The digest of `token` under the present secret, to be stored.
    pub fn stored_digest(&self, token: &[u8]) -> StoredDigest {
        StoredDigest {
            version: self.current.version,
            digest: self.digest(token),
        }
    }

    /// The digests of `token` under every known secret, the present one first.
    pub fn all_digests(&self, token: &[u8]) -> Vec<StoredDigest> {
        self.all()
            .map(|k| StoredDigest {
                version: k.version,
                digest: Digest(run(&k.token, token)),
            })
            .collect()
    }

    /// Whether `stored` is the digest of `token`, in constant time; `None` when its secret is not known any more.
    pub fn verify(&self, token: &[u8], stored: &StoredDigest) -> Option<bool> {
        let keyed = self.all().find(|k| k.version == stored.version)?;
        Some(Digest(run(&keyed.token, token)) == stored.digest)
    }

    /// A short keyed tag over `data`, which shows that this server made it. Not a secret, and no proof to others.
    pub(crate) fn tag(&self, data: &[u8]) -> [u8; 6] {
        tag(&self.current, data)
    }

    /// Whether `expected` is the tag of `data` under any known secret.
    pub(crate) fn tag_matches(&self, data: &[u8], expected: &[u8]) -> bool {
        self.all().any(|k| tag(k, data).ct_eq(expected).into())
    }

    /// A key of its own for `label`, from the present secret.
    pub(crate) fn derive_key(&self, label: &[u8]) -> Zeroizing<[u8; 32]> {
        // A prefix of its own: no label leads to a key that is used for something else.
        Zeroizing::new(run(&self.current.derived, label))
    }

    /// Names the present secret without giving it away: 64 hexadecimal characters to keep beside the data.
    pub fn fingerprint(&self) -> String {
        hex(&self.current.fingerprint)
    }

    /// Whether `fingerprint` names one of the known secrets.
    pub fn knows(&self, fingerprint: &str) -> bool {
        self.all().any(|k| hex(&k.fingerprint) == fingerprint)
    }
}

fn tag(keyed: &Keyed, data: &[u8]) -> [u8; 6] {
    let mac = run(&keyed.tag, data);
    let mut first = [0_u8; 8];
    first.copy_from_slice(&mac[..8]);
    crate::entropy::base62_check(u64::from_be_bytes(first))
}

/// Bytes as lower-case hexadecimal characters.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

impl fmt::Debug for SecretRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRing")
            .field("current", &self.current.version)
            .field("previous", &self.previous.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(fill: u8) -> ServerSecret {
        ServerSecret::new(&[fill; 32]).unwrap()
    }

    #[test]
    fn a_rotated_secret_still_verifies_what_the_old_one_made() {
        let old = SecretRing::new(&secret(1), &[]);
        let stored = old.stored_digest(b"token");
        let new = SecretRing::new(&secret(2), &[secret(1)]);
        assert_eq!(new.verify(b"token", &stored), Some(true));
        assert_eq!(new.verify(b"tokem", &stored), Some(false));
        assert!(new.tag_matches(b"id", &old.tag(b"id")));
        let forgotten = SecretRing::new(&secret(2), &[]);
        assert_eq!(forgotten.verify(b"token", &stored), None);
        assert!(!forgotten.tag_matches(b"id", &old.tag(b"id")));
        assert!(new.knows(&old.fingerprint()) && !forgotten.knows(&old.fingerprint()));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let ring = SecretRing::new(&secret(b'x'), &[]);
        let shown = format!("{:?} {ring:?} {:?}", secret(b'x'), ring.stored_digest(b"t"));
        assert!(!shown.contains("xxx") && !shown.contains("120"), "{shown}");
    }
}
