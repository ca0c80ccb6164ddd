//! Injected randomness.

use std::fmt;
use std::sync::Mutex;

use sha2::{Digest as _, Sha256};

/// Where random bytes come from.
///
/// Production uses [`OsEntropy`]. Tests that need the same ids twice use [`SeededEntropy`].
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `buf` with random bytes fit for keys.
    ///
    /// # Errors
    ///
    /// [`EntropyError`] when the source cannot deliver; nothing is then to be made from `buf`.
    fn fill(&self, buf: &mut [u8]) -> Result<(), EntropyError>;
}

/// The source of randomness failed. No key, session or id can be made until it works again.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: check its random device")]
#[non_exhaustive]
pub struct EntropyError;

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system for random bytes"
    )]
    fn fill(&self, buf: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(buf).map_err(|_| EntropyError)
    }
}

/// The same bytes for the same seed. **Never for production**: whoever knows the seed knows every key.
pub struct SeededEntropy(Mutex<(u64, u64)>);

impl SeededEntropy {
    /// A generator that repeats itself for the same `seed`.
    pub const fn insecure(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }
}

impl fmt::Debug for SeededEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeededEntropy(..)")
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buf: &mut [u8]) -> Result<(), EntropyError> {
        let mut state = self.0.lock().map_err(|_| EntropyError)?;
        for chunk in buf.chunks_mut(32) {
            let mut block = Sha256::new();
            block.update(state.0.to_le_bytes());
            block.update(state.1.to_le_bytes());
            state.1 += 1;
            chunk.copy_from_slice(&block.finalize()[..chunk.len()]);
        }
        Ok(())
    }
}

impl<E: Entropy + ?Sized> Entropy for std::sync::Arc<E> {
    fn fill(&self, buf: &mut [u8]) -> Result<(), EntropyError> {
        (**self).fill(buf)
    }
}

/// `N` characters of `0-9A-Za-z`, each equally likely (5.95 bits a character).
pub(crate) fn base62<const N: usize>(entropy: &dyn Entropy) -> Result<zeroize::Zeroizing<[u8; N]>, EntropyError> {
    let mut out = zeroize::Zeroizing::new([0_u8; N]);
    let mut pool = zeroize::Zeroizing::new([0_u8; 64]);
    let mut filled = 0;
    while filled < N {
        entropy.fill(&mut *pool)?;
        for &byte in pool.iter() {
            // 248 = 4 × 62: a byte above it would make the first characters likelier.
            if byte < 248 && filled < N {
                out[filled] = BASE62[usize::from(byte % 62)];
                filled += 1;
            }
        }
    }
    Ok(out)
}

/// The alphabet of every token.
pub(crate) const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The low 35 bits or so of `value` as six base-62 characters, most significant first.
pub(crate) fn base62_check(value: u64) -> [u8; 6] {
    let mut rest = value % 62_u64.pow(6);
    let mut out = [0_u8; 6];
    for place in out.iter_mut().rev() {
        *place = BASE62[usize::try_from(rest % 62).unwrap_or(0)];
        rest /= 62;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base62_uses_the_whole_alphabet_and_nothing_else() {
        let entropy = SeededEntropy::insecure(1);
        let mut seen = [0_u32; 256];
        for _ in 0..2_000 {
            for &c in base62::<43>(&entropy).unwrap().iter() {
                seen[usize::from(c)] += 1;
            }
        }
        for c in 0..=255_u8 {
            assert_eq!(seen[usize::from(c)] > 0, BASE62.contains(&c), "character {c}");
        }
        // 86,000 draws over 62 characters: about 1,387 each; a modulo bias would show as 1.25 times that.
        assert!(
            BASE62.iter().all(|&c| (1_150..1_630).contains(&seen[usize::from(c)])),
            "{seen:?}"
        );
    }

    #[test]
    fn check_characters_differ_and_are_in_the_alphabet() {
        assert_eq!(&base62_check(0), b"000000");
        assert_eq!(&base62_check(61), b"00000z");
        assert_eq!(&base62_check(62), b"000010");
        assert!(base62_check(u64::MAX).iter().all(|c| BASE62.contains(c)));
    }
}
