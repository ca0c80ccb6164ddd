//! Injected time.
//!
//! Nothing in localauth reads the machine's clock by itself: every rule that depends on time is asked with a
//! [`Timestamp`], and the one place that makes them is a [`Clock`]. Tests use [`ManualClock`] and never sleep.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// ```
/// use localauth_core::Timestamp;
/// use std::time::Duration;
///
/// let t = Timestamp::from_millis(1_700_000_000_000);
/// assert_eq!(t.to_rfc3339(), "2023-11-14T22:13:20Z");
/// assert_eq!((t + Duration::from_secs(1)).as_millis(), 1_700_000_001_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest representable time: "never", where something must be written.
    pub const MAX: Self = Self(i64::MAX);

    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whether something that expires at `expires_at` is over at this time.
    ///
    /// The one expiry rule of the whole project: at the very instant it is already over (`now >= expires_at`).
    ///
    /// ```
    /// use localauth_core::Timestamp;
    /// let end = Timestamp::from_millis(10);
    /// assert!(!Timestamp::from_millis(9).is_past(end));
    /// assert!(Timestamp::from_millis(10).is_past(end));
    /// ```
    pub const fn is_past(self, expires_at: Self) -> bool {
        self.0 >= expires_at.0
    }

    /// How long from `earlier` until this time; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The time written as RFC 3339 in UTC, to the second, as the wire contract has it.
    pub fn to_rfc3339(self) -> String {
        use time::format_description::well_known::Rfc3339;
        time::OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1000))
            .ok()
            .and_then(|t| t.format(&Rfc3339).ok())
            // Outside the years RFC 3339 can write (0000 to 9999): the far end stands for it.
            .unwrap_or_else(|| "9999-12-31T23:59:59Z".to_owned())
    }

    /// Reads an RFC 3339 time; `None` when it is not one.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        use time::format_description::well_known::Rfc3339;
        let t = time::OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(t.unix_timestamp_nanos().div_euclid(1_000_000))
            .ok()
            .map(Self)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    /// Later by `rhs`, to the millisecond; stays at [`Timestamp::MAX`] rather than overflow.
    fn add(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    /// Earlier by `rhs`, to the millisecond, saturating.
    fn sub(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present time.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is moved: for tests.
///
/// ```
/// use localauth_core::{Clock, ManualClock, Timestamp};
/// use std::time::Duration;
///
/// let clock = ManualClock::new(Timestamp::from_millis(0));
/// clock.advance(Duration::from_secs(3));
/// assert_eq!(clock.now(), Timestamp::from_millis(3_000));
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    pub const fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.0))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}
