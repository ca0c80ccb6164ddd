//! How often something may be tried: asked before anything is looked up, and for all nodes that share a store.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::Auth;
use super::vitals::Count;
use crate::attempt::{Attempt, AttemptLimit};
use crate::error::StoreError;
use crate::secret::hex;

/// Registration, sign-in and password change together, for each address. Successes count.
const SIGN_IN: AttemptLimit = per(5, Duration::from_mins(1));
/// Guesses at one account from one address.
const ACCOUNT_HERE: AttemptLimit = per(60, Duration::from_hours(1));
/// Guesses at one account from wherever. Far above what people need, so that no single address can use it up and shut
/// the owner out, and far below what guessing needs.
const ACCOUNT: AttemptLimit = per(600, Duration::from_hours(1));
/// Returns from a provider.
const CALLBACK: AttemptLimit = per(60, Duration::from_mins(1));
/// Questions whether an invite is good.
const INVITE_CHECK: AttemptLimit = per(30, Duration::from_mins(1));
/// The longest of their windows.
pub(super) const LONGEST: Duration = ACCOUNT.window;

const fn per(count: usize, window: Duration) -> AttemptLimit {
    AttemptLimit { count, window }
}

/// An attempt may not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// Too many lately.
    #[error("too many attempts: wait a little, then try again")]
    Limited {
        /// How long until the next one is possible.
        retry_after: Duration,
    },
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// Counts an attempt to register, sign in or change a password from `address`: 5 a minute. Without an address
    /// everybody shares one bucket: better too strict than none. The use cases themselves ask; this is for those of an
    /// embedding program.
    ///
    /// # Errors
    ///
    /// [`AttemptError`] when it was too many, or the store could not answer.
    pub async fn attempt_sign_in(&self, address: Option<IpAddr>) -> Result<(), AttemptError> {
        self.attempt(&by_address("sign-in", address), SIGN_IN).await
    }

    /// Counts an attempt at the account of `name`, whether there is one or not: 60 an hour from `address`, 600 from
    /// everywhere.
    pub(super) async fn attempt_account(&self, name: &str, address: Option<IpAddr>) -> Result<(), AttemptError> {
        // In the one normal form: every spelling that leads to the account counts for it.
        let name = match name.parse::<crate::Email>() {
            Ok(email) => email.to_string(),
            Err(_) => name.trim().to_lowercase(),
        };
        // Not the address itself: what strangers type is nothing to keep.
        let digest = self.0.ring.digest(name.as_bytes());
        let named = format!("account:{}", hex(&digest.as_bytes()[..16]));
        self.attempt(&by_address(&named, address), ACCOUNT_HERE).await?;
        self.attempt(&named, ACCOUNT).await
    }

    /// Counts a return from a provider to `address`: 60 a minute.
    ///
    /// # Errors
    ///
    /// [`AttemptError`] when it was too many, or the store could not answer.
    pub async fn attempt_callback(&self, address: Option<IpAddr>) -> Result<(), AttemptError> {
        self.attempt(&by_address("callback", address), CALLBACK).await
    }

    /// Counts a question from `address` whether an invite is good: 30 a minute.
    ///
    /// # Errors
    ///
    /// [`AttemptError`] when it was too many, or the store could not answer.
    pub async fn attempt_invite_check(&self, address: Option<IpAddr>) -> Result<(), AttemptError> {
        self.attempt(&by_address("invite", address), INVITE_CHECK).await
    }

    async fn attempt(&self, bucket: &str, limit: AttemptLimit) -> Result<(), AttemptError> {
        if !self.0.attempt_limits {
            return Ok(());
        }
        let now = self.now();
        match self.0.stores.attempts.attempt(bucket, limit, now).await? {
            Attempt::Allowed => Ok(()),
            Attempt::Limited { until } => {
                self.0.counters.count(Count::AttemptLimited);
                Err(AttemptError::Limited {
                    retry_after: until.since(now),
                })
            }
        }
    }
}

/// Whoever has an IPv6 address has at least 2^64 of them: a /64 is one.
fn by_address(what: &str, address: Option<IpAddr>) -> String {
    match address.map(|ip| ip.to_canonical()) {
        None => format!("{what}:unknown"),
        Some(IpAddr::V4(v4)) => format!("{what}:{v4}"),
        Some(IpAddr::V6(v6)) => format!("{what}:{}/64", Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_holder_share_a_bucket() {
        let bucket = |ip: &str| by_address("x", ip.parse().ok());
        assert_eq!(bucket("192.0.2.1"), bucket("::ffff:192.0.2.1"));
        assert_eq!(bucket("2001:db8::1"), bucket("2001:db8::ffff:1"));
        assert_ne!(bucket("2001:db8::1"), bucket("2001:db8:0:1::1"));
        assert_ne!(bucket("192.0.2.1"), bucket("192.0.2.2"));
        assert_eq!(bucket("?"), "x:unknown");
    }
}
