//! Passwords: argon2id on the blocking pool, a few at a time.
//!
//! The parameters are those of the [OWASP password storage cheat sheet][owasp]: argon2id with 19 MiB of memory, two
//! iterations and one lane. A hash made with other parameters is replaced at the next sign-in.
//!
//! [owasp]: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::entropy::Entropy;

/// The shortest password accepted without [`acknowledging`](check_new) that it is weak, in characters.
pub const MIN_PASSWORD_CHARS: usize = 12;
/// The longest password, in characters.
pub const MAX_PASSWORD_CHARS: usize = 128;
/// How much of a password its strength is estimated from: what comes later can only make it stronger.
const ESTIMATED_CHARS: usize = 48;
/// The [`strength`] that a new password needs.
const STRONG_ENOUGH: u8 = 3;

/// A password in plain text, on its way to be hashed. Wiped when dropped; `Debug` shows nothing.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes `text` as it is: passwords are neither trimmed nor otherwise changed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl<'de> serde::Deserialize<'de> for Password {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// A password's hash in the PHC string format. `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

impl PasswordHash {
    /// From a text that a store kept.
    pub fn from_stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, to be stored.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Why a new password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordRejection {
    /// No password at all.
    #[error("password is required")]
    Empty,
    /// Under [`MIN_PASSWORD_CHARS`].
    #[error("password must have at least 12 characters")]
    TooShort,
    /// Over [`MAX_PASSWORD_CHARS`].
    #[error("password must have at most 128 characters")]
    TooLong,
    /// Holds a null byte, at which some systems would cut it.
    #[error("password must not contain null bytes")]
    NullByte,
    /// Easy to guess, by zxcvbn's estimate.
    #[error("password is too easy to guess: use a longer or less common one")]
    TooWeak,
}

impl PasswordRejection {
    /// The machine-readable code, as in the wire contract.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "password_empty",
            Self::TooShort => "password_too_short",
            Self::TooLong => "password_too_long",
            Self::NullByte => "password_null_byte",
            Self::TooWeak => "password_too_weak",
        }
    }

    /// Whether somebody who says that they know may use it nevertheless.
    pub const fn overridable(self) -> bool {
        matches!(self, Self::TooShort | Self::TooWeak)
    }
}

/// Checks a new password; `known` are words an attacker would try first, such as the user's name and address.
/// `acknowledge_weak` passes over what is [`overridable`](PasswordRejection::overridable).
///
/// # Errors
///
/// The first reason found, hard ones first.
///
/// ```
/// use localauth_core::{Password, PasswordRejection, check_new_password};
///
/// let good = Password::new("correct-horse-battery-staple");
/// assert!(check_new_password(&good, &[], false).is_ok());
///
/// let short = Password::new("hunter2");
/// assert_eq!(check_new_password(&short, &[], false), Err(PasswordRejection::TooShort));
/// assert!(check_new_password(&short, &[], true).is_ok());
/// assert_eq!(check_new_password(&Password::new(""), &[], true), Err(PasswordRejection::Empty));
/// ```
pub fn check_new(password: &Password, known: &[&str], acknowledge_weak: bool) -> Result<(), PasswordRejection> {
    let text = password.0.as_str();
    let chars = text.chars().count();
    if text.is_empty() {
        return Err(PasswordRejection::Empty);
    }
    if text.contains('\0') {
        return Err(PasswordRejection::NullByte);
    }
    if chars > MAX_PASSWORD_CHARS {
        return Err(PasswordRejection::TooLong);
    }
    if acknowledge_weak {
        return Ok(());
    }
    if chars < MIN_PASSWORD_CHARS {
        return Err(PasswordRejection::TooShort);
    }
    if strength(password, known) < STRONG_ENOUGH {
        return Err(PasswordRejection::TooWeak);
    }
    Ok(())
}

/// How hard `password` is to guess by zxcvbn's estimate: from 0, among the first guesses, to 4, beyond reach. `known` are
/// words an attacker would try first. [`check_new`] wants 3.
///
/// Takes time of the processor, a few milliseconds at most: not for the threads that answer requests.
///
/// ```
/// use localauth_core::{Password, password_strength};
///
/// assert_eq!(password_strength(&Password::new("password"), &[]), 0);
/// assert_eq!(password_strength(&Password::new("correct-horse-battery-staple"), &[]), 4);
/// assert!(password_strength(&Password::new("ada.lovelace"), &["ada.lovelace"]) < 3);
/// ```
pub fn strength(password: &Password, known: &[&str]) -> u8 {
    let text = password.0.as_str();
    // The estimate takes time that grows with the square of the length, and more for texts made for it.
    let end = text
        .char_indices()
        .nth(ESTIMATED_CHARS)
        .map_or(text.len(), |(at, _)| at);
    zxcvbn::zxcvbn(&text[..end], known).score().into()
}

/// Cost parameters of argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

impl PasswordCost {
    /// OWASP's: 19 MiB, two iterations, one lane.
    pub const OWASP: Self = Self {
        memory_kib: 19 * 1024,
        iterations: 2,
        parallelism: 1,
    };

    /// The least that argon2 takes. **For tests only.**
    pub const INSECURE: Self = Self {
        memory_kib: 8,
        iterations: 1,
        parallelism: 1,
    };
}

impl Default for PasswordCost {
    fn default() -> Self {
        Self::OWASP
    }
}

/// A password could not be hashed or checked, because the machinery failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// The cost parameters are out of argon2's range.
    #[error("these argon2 parameters are not possible: memory at least 8 KiB a lane, one iteration, one lane")]
    Cost,
    /// No randomness for the salt.
    #[error(transparent)]
    Entropy(#[from] crate::entropy::EntropyError),
    /// A stored hash is not one.
    #[error("a stored password hash is damaged: set a new password for this user")]
    Damaged,
    /// The hashing task ended early; the process is stopping or out of memory.
    #[error("the password could not be checked: try again")]
    Interrupted,
}

/// Hashes and checks passwords on the blocking pool, at most a few at once: each takes 19 MiB and some 20 ms of a core,
/// and a flood of sign-ins must not take the machine.
pub struct Passwords {
    argon2: Argon2<'static>,
    cost: PasswordCost,
    places: Arc<Semaphore>,
    entropy: Arc<dyn Entropy>,
    /// What is checked for an unknown address, so that it takes as long as a known one.
    dummy: PasswordHash,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

impl Passwords {
    /// Hashes with `cost`, at most `at_once` passwords at a time.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Cost`] when argon2 cannot work with `cost`.
    pub fn new(cost: PasswordCost, at_once: usize, entropy: Arc<dyn Entropy>) -> Result<Self, PasswordError> {
        let params =
            Params::new(cost.memory_kib, cost.iterations, cost.parallelism, None).map_err(|_| PasswordError::Cost)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash_now(&argon2, b"", &[0; 16])?;
        Ok(Self {
            argon2,
            cost,
            places: Arc::new(Semaphore::new(at_once.max(1))),
            entropy,
            dummy,
        })
    }

    /// Hashes `password` with a fresh salt.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] when there is no randomness or the runtime is stopping.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, PasswordError> {
        let mut salt = [0_u8; 16];
        self.entropy.fill(&mut salt)?;
        let argon2 = self.argon2.clone();
        self.blocking(move || hash_now(&argon2, password.bytes(), &salt)).await
    }

    /// Checks a new password as [`check_new_password`](crate::check_new_password) does, beside the hashing: the estimate
    /// of a password's strength can take long, too. Gives the password back.
    ///
    /// # Errors
    ///
    /// The rejection inside; [`PasswordError`] when the runtime is stopping.
    pub async fn check_new(
        &self,
        password: Password,
        known: [String; 2],
        acknowledge_weak: bool,
    ) -> Result<Result<Password, PasswordRejection>, PasswordError> {
        self.blocking(move || {
            let checked = check_new(&password, &[&known[0], &known[1]], acknowledge_weak);
            Ok(checked.map(|()| password))
        })
        .await
    }

    /// Checks `password` against `stored`, or against a dummy when there is none, in the same time.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] when the stored hash is damaged or the runtime is stopping.
    pub async fn verify(&self, password: Password, stored: Option<&PasswordHash>) -> Result<Verified, PasswordError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.dummy).clone();
        let argon2 = self.argon2.clone();
        let cost = self.cost;
        self.blocking(move || {
            let hash = phc::PasswordHash::new(stored.expose()).map_err(|_| PasswordError::Damaged)?;
            // The parameters used are those in the hash, not those of `argon2`.
            let right = argon2.verify_password(password.bytes(), &hash).is_ok();
            Ok(match (known && right, same_cost(&hash, cost)) {
                (false, _) => Verified::Wrong,
                (true, true) => Verified::Right,
                (true, false) => Verified::RightButOutdated(password),
            })
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| PasswordError::Interrupted)?;
        tokio::task::spawn_blocking(move || {
            // Held until the work is done, also when whoever waits for it has gone.
            let _place = place;
            work()
        })
        .await
        .map_err(|_| PasswordError::Interrupted)?
    }
}

/// What [`Passwords::verify`] found.
#[derive(Debug)]
pub enum Verified {
    /// Not the password.
    Wrong,
    /// The password.
    Right,
    /// The password, hashed with other parameters than today's: hash it anew.
    RightButOutdated(Password),
}

fn hash_now(argon2: &Argon2<'_>, password: &[u8], salt: &[u8]) -> Result<PasswordHash, PasswordError> {
    let hash: phc::PasswordHash = argon2
        .hash_password_with_salt(password, salt)
        .map_err(|_| PasswordError::Cost)?;
    Ok(PasswordHash(hash.to_string().into()))
}

fn same_cost(hash: &phc::PasswordHash, cost: PasswordCost) -> bool {
    hash.algorithm.as_str() == "argon2id"
        && Params::try_from(hash)
            .is_ok_and(|p| (p.m_cost(), p.t_cost(), p.p_cost()) == (cost.memory_kib, cost.iterations, cost.parallelism))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    fn passwords(cost: PasswordCost) -> Passwords {
        Passwords::new(cost, 2, Arc::new(SeededEntropy::insecure(1))).unwrap()
    }

    #[tokio::test]
    async fn owasp_parameters_are_written_into_the_hash() {
        let hash = passwords(PasswordCost::OWASP).hash(Password::new("x")).await.unwrap();
        assert!(
            hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            hash.expose()
        );
    }

    #[tokio::test]
    async fn other_parameters_are_noticed_only_with_the_right_password() {
        let old = passwords(PasswordCost::INSECURE)
            .hash(Password::new("secret"))
            .await
            .unwrap();
        let now = passwords(PasswordCost {
            iterations: 2,
            ..PasswordCost::INSECURE
        });
        assert!(matches!(
            now.verify(Password::new("secret"), Some(&old)).await.unwrap(),
            Verified::RightButOutdated(_)
        ));
        assert!(matches!(
            now.verify(Password::new("wrong"), Some(&old)).await.unwrap(),
            Verified::Wrong
        ));
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let p = passwords(PasswordCost::INSECURE);
        assert!(matches!(
            p.verify(Password::new(""), None).await.unwrap(),
            Verified::Wrong
        ));
        let damaged = PasswordHash::from_stored("nonsense");
        assert!(matches!(
            p.verify(Password::new(""), Some(&damaged)).await,
            Err(PasswordError::Damaged)
        ));
    }

    /// A text made to take the estimate long is cut before; and what is cut off cannot make a weak beginning strong.
    #[test]
    fn only_the_beginning_is_estimated() {
        let weak = format!("{}correct horse battery staple", "a".repeat(ESTIMATED_CHARS));
        assert_eq!(
            check_new(&Password::new(weak), &[], false),
            Err(PasswordRejection::TooWeak)
        );
        let umlauts = "ä".repeat(MAX_PASSWORD_CHARS);
        assert_eq!(
            check_new(&Password::new(umlauts), &[], false),
            Err(PasswordRejection::TooWeak)
        );
    }

    #[test]
    fn the_policy_knows_hard_and_soft_reasons() {
        let check = |text: &str, ack| check_new(&Password::new(text), &["ada@example.org"], ack);
        assert_eq!(check("", true), Err(PasswordRejection::Empty));
        assert_eq!(check("abc\0defghijklmnop", true), Err(PasswordRejection::NullByte));
        assert_eq!(check(&"ä".repeat(129), true), Err(PasswordRejection::TooLong));
        assert_eq!(check("elevenchars", false), Err(PasswordRejection::TooShort));
        assert_eq!(check("password1234", false), Err(PasswordRejection::TooWeak));
        assert_eq!(check("ada@example.org", false), Err(PasswordRejection::TooWeak));
        assert_eq!(check("password1234", true), Ok(()));
        assert_eq!(check("vulgar umbrella onto 7 tables", false), Ok(()));
    }
}
