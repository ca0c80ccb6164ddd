//! The setup code: whoever takes the house first must have seen it start.

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, EntropyError, base62};

const CHARS: usize = 20;

/// A one-time code that the first registration has to show, when the server can be reached by strangers before its owner
/// has registered. Of no use once there is a user.
pub struct SetupCode(Zeroizing<String>);

impl SetupCode {
    /// A fresh code: 20 characters, 119 bits.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when there is no randomness.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let random = base62::<CHARS>(entropy)?;
        Ok(Self(Zeroizing::new(random.iter().map(|&b| char::from(b)).collect())))
    }

    /// The code, to be shown to whoever started the server.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// In constant time.
    pub(super) fn matches(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.trim().as_bytes()).into()
    }
}

impl fmt::Debug for SetupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetupCode(..)")
    }
}
