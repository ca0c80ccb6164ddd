//! Shared keys: whoever has one is the synthetic administrator.

use crate::clock::Timestamp;
use crate::id::SharedKeyId;
use crate::secret::StoredDigest;

/// A shared key that was set at run time, as a store keeps it: without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedKey {
    /// Names it.
    pub id: SharedKeyId,
    /// The key's digest; unique in a store.
    pub digest: StoredDigest,
    /// What is shown of it.
    pub masked: String,
    /// When it was set.
    pub created_at: Timestamp,
}

/// What is shown of a key: enough to tell keys apart, and of short ones nothing.
pub(crate) fn mask(key: &str) -> String {
    let chars: Vec<char> = key.chars().collect();
    if chars.len() < 16 {
        return "••••".to_owned();
    }
    let tail: String = chars[chars.len() - 4..].iter().collect();
    let head: String = chars[..3].iter().collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_key_is_not_half_told() {
        assert_eq!(mask("secret-key-15ch"), "••••");
        assert_eq!(mask("sk-0123456789abcdef"), "sk-…cdef");
    }
}
