//! Identifiers: a type for each, so that a key's id is never taken for a user's.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::entropy::{Entropy, EntropyError};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// A UUID of version 7 (RFC 9562): newer ones sort later. Not a secret.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id.
            ///
            /// # Errors
            ///
            /// [`EntropyError`] when there is no randomness.
            pub fn generate(now: Timestamp, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
                let mut random = [0_u8; 10];
                entropy.fill(&mut random)?;
                let millis = u64::try_from(now.as_millis()).unwrap_or(0);
                Ok(Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()))
            }

            /// The id as a UUID.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// From a UUID that a store kept.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(s: &str) -> Result<Self, ParseIdError> {
                Uuid::try_parse(s).map(Self).map_err(|_| ParseIdError)
            }
        }
    };
}

id!(
    /// Names a user.
    UserId
);
id!(
    /// Names an API key. Not the public id, which is part of the key's text: this one stays when a key is rotated.
    KeyId
);
id!(
    /// Names a session. Not the token that the browser holds.
    SessionId
);
id!(
    /// Names an invite. Not its code.
    InviteId
);
id!(
    /// Names a line of the audit log.
    AuditId
);
id!(
    /// Names a shared key that was set at run time. Not the key.
    SharedKeyId
);
id!(
    /// Names a limit.
    LimitId
);
id!(
    /// Names one request, so that its usage counts once.
    RequestId
);

macro_rules! serde_as_text {
    ($($name:ident),+) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

serde_as_text!(LimitId, KeyId);

/// From the time, which process, and how many before: the 74 bits that are random in other ids.
fn counted(now: Timestamp, process: u16, count: u64) -> Uuid {
    let mut rest = [0_u8; 10];
    // Version and variant take the first four bits and two further on: of the count, the two that never change.
    rest[..2].copy_from_slice(&process.to_be_bytes());
    rest[2..].copy_from_slice(&count.to_be_bytes());
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
}

impl RequestId {
    /// When the id was made, to the millisecond.
    pub fn made_at(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.0.as_u128() >> 80).unwrap_or(i64::MAX))
    }

    pub(crate) fn from_parts(now: Timestamp, process: u16, count: u64) -> Self {
        Self(counted(now, process, count))
    }
}

impl AuditId {
    /// Counted, so that the lines of one millisecond stay in their order.
    pub(crate) fn from_parts(now: Timestamp, process: u16, count: u64) -> Self {
        Self(counted(now, process, count))
    }
}

impl UserId {
    /// The synthetic administrator behind the shared (legacy) keys. Never in a store.
    pub const SHARED: Self = Self(Uuid::nil());

    /// Nobody: stands for the house rules where changes are told. Never in a store.
    pub const HOUSE: Self = Self(Uuid::from_u128(1));
}

/// A text that is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: expected 32 hexadecimal digits in five groups")]
#[non_exhaustive]
pub struct ParseIdError;

/// A point in the history of the store: every change to what somebody may do gets the next one.
///
/// One counter for the whole store, so that "what changed since" is one indexed look-up. Zero is before everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);
