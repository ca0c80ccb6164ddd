//! Column values that must not be printed.
//!
//! sea-orm wants `Debug` of every row; these types make that harmless.

use std::fmt;

use localauth_core::{Digest, SecretVersion, StoredDigest};
use sea_orm::DeriveValueType;

use crate::error::BadRow;

/// A password's hash.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub(crate) struct PasswordText(pub(crate) String);

impl fmt::Debug for PasswordText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordText(..)")
    }
}

/// The digest of a key or session token: 32 bytes, which the table checks.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub(crate) struct DigestBytes(pub(crate) Vec<u8>);

impl From<&Digest> for DigestBytes {
    fn from(digest: &Digest) -> Self {
        Self(digest.as_bytes().to_vec())
    }
}

impl TryFrom<DigestBytes> for Digest {
    type Error = BadRow;

    fn try_from(bytes: DigestBytes) -> Result<Self, BadRow> {
        <[u8; 32]>::try_from(bytes.0)
            .map(Self::from_bytes)
            .map_err(|_| BadRow("digest"))
    }
}

impl fmt::Debug for DigestBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestBytes(..)")
    }
}

/// The digest that a row has in two columns.
pub(crate) fn stored_digest(digest: DigestBytes, version: i64) -> Result<StoredDigest, BadRow> {
    let version = u32::try_from(version).map_err(|_| BadRow("secret_version"))?;
    Ok(StoredDigest {
        version: SecretVersion(version),
        digest: digest.try_into()?,
    })
}

/// The digest that a row may have in two columns: both, or neither.
pub(crate) fn stored_digest_or_none(
    digest: Option<DigestBytes>,
    version: Option<i64>,
) -> Result<Option<StoredDigest>, BadRow> {
    match (digest, version) {
        (None, None) => Ok(None),
        (Some(digest), Some(version)) => stored_digest(digest, version).map(Some),
        _ => Err(BadRow("secret_version")),
    }
}

/// The two columns of a digest that may be missing.
pub(crate) fn digest_columns(digest: Option<&StoredDigest>) -> (Option<DigestBytes>, Option<i64>) {
    (
        digest.map(|d| DigestBytes::from(&d.digest)),
        digest.map(|d| i64::from(d.version.0)),
    )
}
