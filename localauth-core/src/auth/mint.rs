//! What a key is to be, before it is made.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::scope::KeyScope;

/// A key about to be made.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct NewKey {
    /// What its owner calls it.
    pub name: String,
    /// When it ends; without it the server's default counts.
    pub expires_at: Option<Timestamp>,
    /// What it is narrowed to.
    pub scope: KeyScope,
}

impl NewKey {
    /// A key called `name`, with the server's default expiry.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// The same, ending at `expires_at`.
    #[must_use]
    pub const fn expiring(mut self, expires_at: Timestamp) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// The same, narrowed to `scope`.
    #[must_use]
    pub fn scoped(mut self, scope: KeyScope) -> Self {
        self.scope = scope;
        self
    }
}

/// A text that is not a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a length of time above zero such as 24h, 30d or 1y")]
#[non_exhaustive]
pub struct ParseExpiryError;

/// Reads a length of time: a whole number and `s`, `m`, `h`, `d`, `w` or `y` (365 days). Zero and negative are refused.
///
/// # Errors
///
/// [`ParseExpiryError`] when `text` is anything else.
///
/// ```
/// use localauth_core::parse_duration;
/// use std::time::Duration;
///
/// assert_eq!(parse_duration("24h")?, Duration::from_secs(86_400));
/// assert_eq!(parse_duration("1y")?, Duration::from_secs(365 * 86_400));
/// for wrong in ["0d", "-1d", "1", "d", "1.5h", "99999999999999999999y", ""] {
///     assert!(parse_duration(wrong).is_err(), "{wrong}");
/// }
/// # Ok::<(), localauth_core::ParseExpiryError>(())
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, ParseExpiryError> {
    let unit = text.chars().last().ok_or(ParseExpiryError)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        'y' => 365 * 86_400,
        _ => return Err(ParseExpiryError),
    };
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseExpiryError);
    }
    let count: u64 = digits.parse().map_err(|_| ParseExpiryError)?;
    let total = count
        .checked_mul(seconds)
        .filter(|&s| s > 0 && s <= 1_000 * 365 * 86_400)
        .ok_or(ParseExpiryError)?;
    Ok(Duration::from_secs(total))
}
