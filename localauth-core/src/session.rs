//! Sessions: what a browser holds after signing in.
//!
//! A session token is `ss-local-<secret>`: 43 random characters of base 62 (256 bits) and six that show that this
//! server made it. A made-up token therefore costs no look-up.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::audit::AuditActor;
use crate::clock::Timestamp;
use crate::entropy::{Entropy, EntropyError, base62};
use crate::id::{Epoch, KeyId, SessionId, UserId};
use crate::key::{ApiKey, SECRET_CHARS, TAIL_CHARS};
use crate::secret::{SecretRing, StoredDigest};
use crate::user::User;

/// What every session token begins with.
pub const SESSION_PREFIX: &str = "ss-local-";

/// How long a session lasts from sign-in: 30 days.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// How long an administrator may act as somebody: 15 minutes.
pub const IMPERSONATION_LIFETIME: Duration = Duration::from_mins(15);

/// How old a token gets before a browser is given a new one: an hour.
pub const RENEW_AFTER: Duration = Duration::from_hours(1);

/// How long the old token is good after that: 60 seconds.
pub const RENEWAL_OVERLAP: Duration = Duration::from_mins(1);

/// A session, as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names the session for good.
    pub id: SessionId,
    /// Whose it is; [`UserId::SHARED`] for the synthetic administrator.
    pub user_id: UserId,
    /// The token's digest; unique in a store.
    pub digest: StoredDigest,
    /// The token before the last renewal, while it is still good.
    pub previous: Option<PreviousToken>,
    /// When the present token was made.
    pub renewed_at: Timestamp,
    /// Its user's [`User::sign_in_epoch`](crate::User::sign_in_epoch) when it was made.
    pub sign_in_epoch: Epoch,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends. Renewal does not move it.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// The address it was made from, or empty.
    pub ip: String,
    /// The browser it was made from, or empty.
    pub user_agent: String,
    /// The key it was made from: it has that key's scope, and ends with it.
    pub key_id: Option<KeyId>,
    /// The shared key it was made from, by digest: it ends when that key is taken away.
    pub shared_key: Option<StoredDigest>,
    /// The administrator who acts as the user. It ends with their role, status or account.
    pub impersonator: Option<AuditActor>,
    /// That administrator's [`User::sign_in_epoch`](crate::User::sign_in_epoch) when it was made: what ends their own
    /// sessions ends this one. Nothing without one.
    pub impersonator_epoch: Epoch,
}

/// A session's token from before its last renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousToken {
    /// Its digest.
    pub digest: StoredDigest,
    /// Until when it is good, for requests that were on their way.
    pub until: Timestamp,
}

/// A session as a store finds it: with everything it depends on, as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSession {
    /// The session.
    pub session: Session,
    /// Its user; `None` for the synthetic administrator, who is in no store.
    pub user: Option<User>,
    /// The key it was made from, revoked or not.
    pub key: Option<ApiKey>,
    /// The administrator who acts as the user; `None` too when that is the synthetic one.
    pub impersonator: Option<User>,
}

/// A session's token, shown once. Wiped from memory when dropped; `Debug` shows nothing.
pub struct SessionToken(Zeroizing<String>);

impl SessionToken {
    /// A fresh token.
    pub(crate) fn generate(ring: &SecretRing, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let secret = base62::<SECRET_CHARS>(entropy)?;
        let tag = ring.tag(&*secret);
        let mut text = Zeroizing::new(String::with_capacity(SESSION_PREFIX.len() + TAIL_CHARS));
        text.push_str(SESSION_PREFIX);
        text.extend(secret.iter().chain(&tag).map(|&b| char::from(b)));
        Ok(Self(text))
    }

    /// What is digested and looked up.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.0.as_bytes()[SESSION_PREFIX.len()..]
    }

    /// The token itself, for the cookie.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

/// The part of a session token that is digested, when `token` is one that this server may have made.
pub(crate) fn parse<'t>(token: &'t [u8], ring: &SecretRing) -> Option<&'t [u8]> {
    let tail = token.strip_prefix(SESSION_PREFIX.as_bytes())?;
    if tail.len() != TAIL_CHARS || !tail.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let (secret, tag) = tail.split_at(SECRET_CHARS);
    ring.tag_matches(secret, tag).then_some(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::secret::ServerSecret;

    #[test]
    fn only_tokens_of_this_server_are_worth_a_look_up() {
        let ring = SecretRing::new(&ServerSecret::new(&[7; 32]).unwrap(), &[]);
        let other = SecretRing::new(&ServerSecret::new(&[8; 32]).unwrap(), &[]);
        let token = SessionToken::generate(&ring, &SeededEntropy::insecure(1)).unwrap();
        let text = token.expose();
        assert!(parse(text.as_bytes(), &ring).is_some());
        assert!(parse(text.as_bytes(), &other).is_none());
        assert!(parse(&text.as_bytes()[..text.len() - 1], &ring).is_none());
        assert!(parse(text.replace("ss-", "SS-").as_bytes(), &ring).is_none());
        for i in SESSION_PREFIX.len()..text.len() {
            let mut broken = text.as_bytes().to_vec();
            broken[i] = if broken[i] == b'a' { b'b' } else { b'a' };
            assert!(parse(&broken, &ring).is_none(), "changed at {i}");
        }
        assert_eq!(format!("{token:?}"), "SessionToken(..)");
    }
}
