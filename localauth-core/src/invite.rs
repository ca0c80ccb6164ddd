//! Invites: one person may come in, once, until then.
//!
//! A code is 43 random characters of base 62 (256 bits) and six that show that this server made it, so that a made-up
//! one costs no look-up. Only its digest is stored.

use std::fmt;

use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::entropy::{Entropy, EntropyError, base62};
use crate::id::{InviteId, UserId};
use crate::key::{SECRET_CHARS, TAIL_CHARS};
use crate::secret::{SecretRing, StoredDigest};

/// How long an invite is good when nobody says: 168 hours.
pub const DEFAULT_INVITE_HOURS: u32 = 168;
/// How long an invite may be good at most: 8,760 hours.
pub const MAX_INVITE_HOURS: u32 = 8_760;
/// Characters of a code that are kept and shown, to tell invites apart.
const PREFIX_CHARS: usize = 8;

/// An invite, as a store keeps it: without the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Names the invite for good.
    pub id: InviteId,
    /// The code's digest; unique in a store.
    pub digest: StoredDigest,
    /// The code's first characters, for people to tell invites apart.
    pub code_prefix: String,
    /// Who made it; [`UserId::SHARED`] behind a shared key.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
    /// By whom; `None` while unused, and when that user is gone.
    pub used_by: Option<UserId>,
}

impl Invite {
    /// Whether somebody may still come in with it.
    pub const fn is_open(&self, now: Timestamp) -> bool {
        self.used_at.is_none() && !now.is_past(self.expires_at)
    }
}

/// An invite's code, shown once. Wiped from memory when dropped; `Debug` shows nothing.
pub struct InviteCode(Zeroizing<String>);

impl InviteCode {
    /// A fresh code.
    pub(crate) fn generate(ring: &SecretRing, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let secret = base62::<SECRET_CHARS>(entropy)?;
        let tag = ring.tag(&*secret);
        let mut text = Zeroizing::new(String::with_capacity(TAIL_CHARS));
        text.extend(secret.iter().chain(&tag).map(|&b| char::from(b)));
        Ok(Self(text))
    }

    /// The code itself. Show it, and forget it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn prefix(&self) -> String {
        self.0[..PREFIX_CHARS].to_owned()
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(..)")
    }
}

/// The digests to look `code` up by, when it is one that this server may have made.
pub(crate) fn digests(code: &str, ring: &SecretRing) -> Option<Vec<StoredDigest>> {
    let code = code.trim().as_bytes();
    if code.len() != TAIL_CHARS || !code.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let (secret, tag) = code.split_at(SECRET_CHARS);
    ring.tag_matches(secret, tag).then(|| ring.all_digests(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::secret::ServerSecret;

    #[test]
    fn only_codes_of_this_server_are_worth_a_look_up() {
        let ring = SecretRing::new(&ServerSecret::new(&[7; 32]).unwrap(), &[]);
        let code = InviteCode::generate(&ring, &SeededEntropy::insecure(1)).unwrap();
        assert_eq!(
            digests(&format!(" {} ", code.expose()), &ring).unwrap(),
            [ring.stored_digest(code.expose().as_bytes())]
        );
        assert!(code.expose().starts_with(&code.prefix()));
        for wrong in ["", "x", &code.expose()[1..], &code.expose().to_lowercase()] {
            assert!(digests(wrong, &ring).is_none(), "{wrong}");
        }
        let other = SecretRing::new(&ServerSecret::new(&[8; 32]).unwrap(), &[]);
        assert!(digests(code.expose(), &other).is_none());
        assert_eq!(format!("{code:?}"), "InviteCode(..)");
    }
}
