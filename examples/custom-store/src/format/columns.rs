//! Single values as JSON, for serde's `with`.

use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that may be missing, written as the row `R` or null.
pub(super) struct Optional<R>(PhantomData<R>);

impl<R> Optional<R> {
    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<T, S>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error>
    where
        T: Clone,
        R: From<T> + Serialize,
        S: Serializer,
    {
        value.clone().map(R::from).serialize(to)
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
    where
        R: Deserialize<'de> + Into<T>,
        D: Deserializer<'de>,
    {
        Ok(Option::<R>::deserialize(from)?.map(R::into))
    }
}

/// What has a text of its own: ids, addresses, roles and the like. Read as strictly as if it came from outside.
pub(super) mod text {
    use std::borrow::Cow;
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        Cow::<'_, str>::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// A password's hash as its text, or null.
pub(super) mod password {
    use localauth_core::PasswordHash;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(crate) fn serialize<S: Serializer>(hash: &Option<PasswordHash>, to: S) -> Result<S::Ok, S::Error> {
        hash.as_ref().map(PasswordHash::expose).serialize(to)
    }

    pub(crate) fn deserialize<'de, D>(from: D) -> Result<Option<PasswordHash>, D::Error>
    where
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(from)?;
        Ok(text.map(PasswordHash::from_stored))
    }
}

/// A digest as base 64, with the version of the secret that made it.
pub(super) mod digest {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use localauth_core::{Digest, SecretVersion, StoredDigest};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Columns {
        version: u32,
        digest: String,
    }

    pub(crate) fn serialize<S: Serializer>(stored: &StoredDigest, to: S) -> Result<S::Ok, S::Error> {
        let columns = Columns {
            version: stored.version.0,
            digest: STANDARD.encode(stored.digest.as_bytes()),
        };
        columns.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<StoredDigest, D::Error> {
        let columns = Columns::deserialize(from)?;
        let bytes = STANDARD.decode(columns.digest).map_err(de::Error::custom)?;
        let bytes = bytes
            .try_into()
            .map_err(|_| de::Error::custom("a digest has 32 bytes"))?;
        Ok(StoredDigest {
            version: SecretVersion(columns.version),
            digest: Digest::from_bytes(bytes),
        })
    }
}
