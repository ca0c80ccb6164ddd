//! Attempts: how often something may be tried.

use std::time::Duration;

use crate::clock::Timestamp;

/// So many attempts within so long a time, counted back from each attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimit {
    /// Attempts.
    pub count: usize,
    /// Within this time.
    pub window: Duration,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attempt {
    /// It may go on, and is counted.
    Allowed,
    /// Too many lately. Not counted; the next one is possible at this time.
    Limited {
        /// When the oldest counted attempt leaves the window.
        until: Timestamp,
    },
}

impl AttemptLimit {
    /// Decides about an attempt at `now` after those in `earlier`, which is sorted and brought up to date: the one rule
    /// for every store.
    ///
    /// ```
    /// use std::time::Duration;
    /// use localauth_core::{Attempt, AttemptLimit, Timestamp};
    ///
    /// let limit = AttemptLimit { count: 2, window: Duration::from_secs(60) };
    /// let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
    /// let mut earlier = Vec::new();
    /// assert_eq!(limit.decide(&mut earlier, at(0)), Attempt::Allowed);
    /// assert_eq!(limit.decide(&mut earlier, at(30)), Attempt::Allowed);
    /// assert_eq!(limit.decide(&mut earlier, at(59)), Attempt::Limited { until: at(60) });
    /// assert_eq!(limit.decide(&mut earlier, at(60)), Attempt::Allowed);
    /// assert_eq!(limit.decide(&mut earlier, at(61)), Attempt::Limited { until: at(90) });
    /// ```
    pub fn decide(&self, earlier: &mut Vec<Timestamp>, now: Timestamp) -> Attempt {
        earlier.retain(|&at| !now.is_past(at + self.window));
        match earlier.len().checked_sub(self.count) {
            None => {
                earlier.push(now);
                earlier.sort_unstable();
                Attempt::Allowed
            }
            Some(over) => Attempt::Limited {
                until: earlier.get(over).map_or(now + self.window, |&at| at + self.window),
            },
        }
    }
}
