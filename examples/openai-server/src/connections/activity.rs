//! Whether anything goes on at a connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;

/// What goes on at one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Activity(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Requests that have no answer yet.
    open: AtomicUsize,
    /// Requests there have been.
    begun: AtomicU64,
}

/// A request that has no answer yet.
#[derive(Debug)]
pub(super) struct Open(Activity);

/// How a connection is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idle {
    /// No request ever came: nobody is owed anything.
    Silent,
    /// None came for long.
    Over,
}

impl Activity {
    /// A request begins, until what is given back is dropped.
    pub(super) fn begin(&self) -> Open {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Open(self.clone())
    }

    /// Ends when nothing went on for too long: before the `first` request, and `between` others, for as long as that and
    /// at most twice. So no request has to ask the clock.
    pub(super) async fn idle(&self, first: Duration, between: Duration) -> Idle {
        let (mut silence, mut seen) = (first, 0);
        loop {
            let step = if seen == 0 { silence.min(between) } else { between };
            sleep(step).await;
            let begun = self.0.begun.load(Ordering::Relaxed);
            match (begun, self.0.open.load(Ordering::Relaxed)) {
                (0, _) => {
                    silence = silence.saturating_sub(step);
                    if silence.is_zero() {
                        return Idle::Silent;
                    }
                }
                (begun, 0) if begun == seen => return Idle::Over,
                (begun, 0) => seen = begun,
                // Its end is where to count from.
                _ => (silence, seen) = (between, 0),
            }
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);
    const NEVER: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn silence_and_idleness_are_told_apart() {
        let activity = Activity::default();
        assert_eq!(activity.idle(SOON, NEVER).await, Idle::Silent);
        drop(activity.begin());
        assert_eq!(activity.idle(SOON, SOON).await, Idle::Over);
    }

    #[tokio::test]
    async fn who_waits_for_an_answer_is_not_idle() {
        let activity = Activity::default();
        let open = activity.begin();
        let mut idle = std::pin::pin!(activity.idle(SOON, SOON));
        // Many times as long as an idle connection has.
        assert!(tokio::time::timeout(SOON * 10, idle.as_mut()).await.is_err());
        drop(open);
        assert_eq!(idle.await, Idle::Over);
    }
}
