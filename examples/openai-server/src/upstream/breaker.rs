//! Whether an upstream is worth asking. Pure: time is handed in.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// So many failures in a row open it.
const FAILURES: u32 = 3;
/// For how long at first; twice as long after each trial that fails.
const FIRST: Duration = Duration::from_secs(1);
/// And at most.
const LONGEST: Duration = Duration::from_secs(30);

/// A circuit breaker: after some failures in a row nobody is sent to that upstream for a while, then one for a trial.
///
/// A failure is a connection that cannot be made. One that breaks shows that somebody is there, and may be the doing of
/// whoever asked: nobody is to shut others out by requests that an upstream breaks on.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Closed,
    Failing(u32),
    Open {
        until: Instant,
        wait: Duration,
    },
    /// Somebody tries, and has until then.
    Trial {
        until: Instant,
        wait: Duration,
    },
}

impl Breaker {
    /// Whether a request may be sent. Where this is the trial, its outcome has to be told; a trial of which nothing is
    /// heard for as long as it was closed is followed by another.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut state = self.lock();
        match *state {
            State::Closed | State::Failing(_) => true,
            State::Open { until, wait } | State::Trial { until, wait } => {
                let is_over = now >= until;
                if is_over {
                    *state = State::Trial {
                        until: now + wait,
                        wait,
                    };
                }
                is_over
            }
        }
    }

    /// It answered.
    pub(super) fn succeeded(&self) {
        *self.lock() = State::Closed;
    }

    /// It could not be reached.
    pub(super) fn failed(&self, now: Instant) {
        let mut state = self.lock();
        let open = |wait: Duration| State::Open {
            until: now + wait,
            wait,
        };
        *state = match *state {
            State::Closed if FAILURES > 1 => State::Failing(1),
            State::Failing(before) if before + 1 < FAILURES => State::Failing(before + 1),
            State::Closed | State::Failing(_) => open(FIRST),
            State::Trial { wait, .. } => open((wait * 2).min(LONGEST)),
            // Those that were on their way when it opened say nothing new.
            State::Open { until, wait } => State::Open { until, wait },
        };
    }

    /// Whether requests are held back.
    #[cfg(test)]
    fn is_open(&self) -> bool {
        matches!(*self.lock(), State::Open { .. } | State::Trial { .. })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_for_a_growing_bounded_time() {
        let (breaker, mut now) = (Breaker::default(), Instant::now());
        for _ in 1..FAILURES {
            breaker.failed(now);
            assert!(breaker.admits(now) && !breaker.is_open());
        }
        breaker.failed(now);
        let mut wait = FIRST;
        for _ in 0..10 {
            assert!(!breaker.admits(now) && breaker.is_open());
            assert!(!breaker.admits(now + wait - Duration::from_millis(1)));
            now += wait;
            assert!(breaker.admits(now), "one trial");
            assert!(!breaker.admits(now), "and no second one beside it");
            breaker.failed(now);
            wait = (wait * 2).min(LONGEST);
        }
        now += LONGEST;
        assert!(breaker.admits(now));
        breaker.succeeded();
        assert!(breaker.admits(now) && breaker.admits(now) && !breaker.is_open());
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..10 {
            breaker.failed(now);
            breaker.failed(now);
            breaker.succeeded();
        }
        assert!(breaker.admits(now));
    }

    #[test]
    fn a_trial_of_which_nothing_is_heard_does_not_keep_it_shut() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        (0..FAILURES).for_each(|_| breaker.failed(now));
        let later = now + FIRST;
        assert!(breaker.admits(later));
        assert!(!breaker.admits(later));
        assert!(breaker.admits(later + FIRST), "whoever tried went away");
    }
}
