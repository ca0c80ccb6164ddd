//! Over which stretch of time a limit counts.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::auth::parse_duration;
use crate::clock::Timestamp;

/// Over which stretch of time a limit counts.
///
/// A rolling window is kept in [`SLOTS`] parts: what was used counts for the whole window, and for at most one part (a
/// sixtieth) longer. It never counts for less, so that a limit holds in every stretch of that length.
///
/// ```
/// use localauth_core::Window;
/// use std::time::Duration;
///
/// assert_eq!("1h".parse::<Window>()?, Window::Rolling(Duration::from_secs(3600)));
/// assert_eq!("60m".parse::<Window>()?.to_string(), "1h");
/// assert_eq!("month".parse::<Window>()?, Window::Month);
/// assert!("0s".parse::<Window>().is_err());
/// assert!("31d".parse::<Window>().is_err());
/// # Ok::<(), localauth_core::InvalidWindow>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Window {
    /// The last so many milliseconds, at any time.
    Rolling(Duration),
    /// The present day in UTC.
    Day,
    /// The present month in UTC.
    Month,
}

/// How many parts a rolling window is kept in.
pub const SLOTS: i64 = 60;

/// The shortest and the longest rolling window.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(30 * 24);

/// A text that is no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a window: expected `1m`, `5m`, `1h`, `6h`, `1d`, `7d`, `30d` or another duration up to 30d, `day` or `month`"
)]
#[non_exhaustive]
pub struct InvalidWindow;

impl FromStr for Window {
    type Err = InvalidWindow;

    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        match text {
            "day" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            _ => parse_duration(text)
                .ok()
                .filter(|length| (SHORTEST..=LONGEST).contains(length))
                .map(Self::Rolling)
                .ok_or(InvalidWindow),
        }
    }
}

impl fmt::Display for Window {
    /// In the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = match self {
            Self::Day => return f.write_str("day"),
            Self::Month => return f.write_str("month"),
            Self::Rolling(length) => length.as_secs(),
        };
        let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
        let fits = units.iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
        let (unit, letter) = fits.copied().unwrap_or((1, 's'));
        write!(f, "{}{letter}", seconds / unit)
    }
}

impl Serialize for Window {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A part of a window, by number. What falls into it leaves the window at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub i64);

impl Window {
    /// Its length, for a calendar window at most.
    pub const fn length(self) -> Duration {
        match self {
            Self::Rolling(length) => length,
            Self::Day => Duration::from_hours(24),
            Self::Month => Duration::from_hours(31 * 24),
        }
    }

    /// The part that `at` falls into.
    pub fn slot(self, at: Timestamp) -> Slot {
        match self {
            Self::Rolling(length) => Slot(at.as_millis().div_euclid(width(length))),
            Self::Day => Slot(at.as_millis().div_euclid(DAY)),
            Self::Month => Slot(months(at)),
        }
    }

    /// When what falls into `slot` does not count any more.
    pub fn end(self, slot: Slot) -> Timestamp {
        let next = slot.0.saturating_add(1);
        match self {
            Self::Rolling(length) => Timestamp::from_millis(next.saturating_mul(width(length))) + length,
            Self::Day => Timestamp::from_millis(next.saturating_mul(DAY)),
            Self::Month => month_start(next),
        }
    }

    /// The first part that still counts at `now`.
    pub fn first(self, now: Timestamp) -> Slot {
        match self {
            Self::Rolling(length) => {
                // `end(slot) > now`, solved for the slot.
                let over = (now - length).as_millis();
                Slot(over.div_euclid(width(length)))
            }
            Self::Day | Self::Month => self.slot(now),
        }
    }

    /// From when on what was used may still count at `now`.
    pub fn since(self, now: Timestamp) -> Timestamp {
        let first = self.first(now);
        match self {
            Self::Rolling(length) => Timestamp::from_millis(first.0.saturating_mul(width(length))),
            Self::Day => Timestamp::from_millis(first.0.saturating_mul(DAY)),
            Self::Month => month_start(first.0),
        }
    }
}

const DAY: i64 = 86_400_000;

/// How long a part of a rolling window is, in milliseconds.
fn width(length: Duration) -> i64 {
    let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    (millis / SLOTS).max(1)
}

/// Months since the year 0.
fn months(at: Timestamp) -> i64 {
    let date = time::OffsetDateTime::from_unix_timestamp(at.as_millis().div_euclid(1000));
    date.map_or(i64::MAX / 2, |date| {
        i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1
    })
}

fn month_start(months: i64) -> Timestamp {
    let date = || {
        let year = i32::try_from(months.div_euclid(12)).ok()?;
        let month = u8::try_from(months.rem_euclid(12)).ok()? + 1;
        let first = time::Date::from_calendar_date(year, time::Month::try_from(month).ok()?, 1).ok()?;
        Some(Timestamp::from_millis(
            first.midnight().assume_utc().unix_timestamp() * 1000,
        ))
    };
    date().unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn months_are_the_calendars() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        for (now, end) in [
            ("2026-02-28T23:59:59Z", "2026-03-01T00:00:00Z"),
            ("2024-02-29T12:00:00Z", "2024-03-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
            ("2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            let slot = Window::Month.slot(at(now));
            assert_eq!(Window::Month.end(slot), at(end), "{now}");
            assert_eq!(Window::Month.slot(at(end)).0, slot.0 + 1);
        }
        let slot = Window::Day.slot(at("2026-02-28T23:59:59Z"));
        assert_eq!(Window::Day.end(slot), at("2026-03-01T00:00:00Z"));
    }

    #[test]
    fn names_are_short_and_round_trip() {
        for text in ["1s", "1m", "5m", "1h", "6h", "1d", "7d", "30d", "90s", "day", "month"] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), text);
        }
        for text in ["", "0s", "-1h", "1x", "31d", "1y", "5", "h", "Day"] {
            assert!(text.parse::<Window>().is_err(), "{text}");
        }
    }

    proptest! {
        /// Counted for the whole window, and for at most a sixtieth longer.
        #[test]
        fn a_slot_counts_as_long_as_it_should(seconds in 1_u64..2_592_000, at in 0_i64..4_000_000_000_000) {
            let window = Window::Rolling(Duration::from_secs(seconds));
            let at = Timestamp::from_millis(at);
            let (slot, millis) = (window.slot(at), i64::try_from(seconds * 1000).unwrap());
            let counted = window.end(slot).as_millis() - at.as_millis();
            prop_assert!(counted >= millis && counted <= millis + millis / SLOTS + 1, "{counted}");
            // Both ways to ask agree.
            let end = window.end(slot);
            prop_assert!(window.first(end) > slot);
            prop_assert!(window.first(end - Duration::from_millis(1)) <= slot);
            prop_assert!(window.since(end - Duration::from_millis(1)) <= at);
        }
    }
}
