//! Rules of [`AttemptStore`].

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::crowd::{CROWD, at_once};
use super::fixture::{ODD_TEXTS, at, at_number};
use crate::attempt::{Attempt, AttemptLimit};
use crate::clock::Timestamp;
use crate::store::AttemptStore;

group!(__contract_attempts: AttemptStore);

/// So many within a hundred milliseconds.
const fn limit(count: usize) -> AttemptLimit {
    AttemptLimit {
        count,
        window: Duration::from_millis(100),
    }
}

async fn attempt<S: AttemptStore + ?Sized>(store: &S, bucket: &str, count: usize, millis: i64) -> Attempt {
    let answer = store.attempt(bucket, limit(count), at(millis)).await;
    answer.expect("the store answers")
}

const fn until(millis: i64) -> Attempt {
    Attempt::Limited { until: at(millis) }
}

/// So many are allowed, then none, until the oldest one leaves the window: told when, to the millisecond.
pub async fn attempts_are_limited_until_the_oldest_is_past<D>(store: D)
where
    D: Deref<Target: AttemptStore> + Send + Sync + 'static,
{
    for millis in [0, 10, 20] {
        assert_eq!(attempt(&*store, "a", 3, millis).await, Attempt::Allowed);
    }
    for millis in [20, 50, 99] {
        assert_eq!(attempt(&*store, "a", 3, millis).await, until(100));
    }
    assert_eq!(
        attempt(&*store, "a", 3, 100).await,
        Attempt::Allowed,
        "the first one has left the window"
    );
    assert_eq!(attempt(&*store, "a", 3, 101).await, until(110));
    assert_eq!(attempt(&*store, "a", 3, 110).await, Attempt::Allowed);
    assert_eq!(attempt(&*store, "a", 3, 115).await, until(120));
    // After a long time all are possible again.
    for millis in [1_000, 1_000, 1_000] {
        assert_eq!(attempt(&*store, "a", 3, millis).await, Attempt::Allowed);
    }
    assert_eq!(
        attempt(&*store, "a", 3, 1_000).await,
        until(1_100),
        "several at one moment count"
    );
}

/// What was limited is not counted: whoever goes on trying does not shut themselves out for longer.
pub async fn limited_attempts_are_not_counted<D>(store: D)
where
    D: Deref<Target: AttemptStore> + Send + Sync + 'static,
{
    assert_eq!(attempt(&*store, "a", 1, 0).await, Attempt::Allowed);
    for millis in 1..100 {
        assert_eq!(attempt(&*store, "a", 1, millis).await, until(100));
    }
    assert_eq!(attempt(&*store, "a", 1, 100).await, Attempt::Allowed);
    assert_eq!(attempt(&*store, "a", 1, 101).await, until(200));
}

/// Buckets know nothing of each other, and are told apart to the letter.
pub async fn buckets_are_independent<D>(store: D)
where
    D: Deref<Target: AttemptStore> + Send + Sync + 'static,
{
    let names = ["a", "A", "a ", "", "ab", "ä", "a%", "a_"];
    for (n, bucket) in names.into_iter().enumerate() {
        let millis = i64::try_from(n).unwrap_or(0);
        assert_eq!(
            attempt(&*store, bucket, 1, millis).await,
            Attempt::Allowed,
            "{bucket:?}"
        );
    }
    for (n, bucket) in names.into_iter().enumerate() {
        let end = 100 + i64::try_from(n).unwrap_or(0);
        assert_eq!(attempt(&*store, bucket, 1, 50).await, until(end), "{bucket:?}");
    }
}

/// Of many attempts at once exactly as many are allowed as the limit says, in one bucket and in several.
pub async fn no_more_than_the_limit_of_many_at_once<D>(store: D)
where
    D: Deref<Target: AttemptStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for round in 0..5_usize {
        // The same bucket a window later; and next to it a fresh one.
        let now = at_number(1_000 * round);
        let answers = at_once(CROWD, |i| {
            let store = Arc::clone(&store);
            let bucket = if i % 2 == 0 {
                "same".to_owned()
            } else {
                format!("round {round}")
            };
            async move { store.attempt(&bucket, limit(7), now).await.unwrap() }
        })
        .await;
        for first in [0, 1] {
            let answers: Vec<_> = answers.iter().skip(first).step_by(2).collect();
            let allowed = answers.iter().filter(|a| ***a == Attempt::Allowed).count();
            assert_eq!(allowed, 7, "of {}, round {round}", answers.len());
            let limited = Attempt::Limited {
                until: now + limit(7).window,
            };
            assert!(
                answers.iter().all(|a| [Attempt::Allowed, limited].contains(a)),
                "{answers:?}"
            );
        }
    }
}

/// Whatever the times, in whatever order they come as from nodes whose clocks differ a little: the answer is the one of
/// [`AttemptLimit::decide`].
pub async fn attempts_are_decided_by_the_one_rule<D>(store: D)
where
    D: Deref<Target: AttemptStore> + Send + Sync + 'static,
{
    for count in [0, 1, 3, 8] {
        let bucket = format!("limit {count}");
        let mut earlier = Vec::new();
        for step in 0..200_i64 {
            // Forwards by 7 on the whole, and up to 30 to and fro.
            let now = at(step * 7 + step * 13 % 31);
            let expected = limit(count).decide(&mut earlier, now);
            let told = store.attempt(&bucket, limit(count), now).await.unwrap();
            assert_eq!(told, expected, "limit {count}, step {step}");
        }
    }
}

/// Buckets in which nothing happened since that instant are forgotten, and counted; all others go on as they were.
pub async fn sweeping_forgets_quiet_buckets<D>(store: D)
where
    D: Deref<Target: AttemptStore> + Send + Sync + 'static,
{
    assert_eq!(store.sweep_attempts(Timestamp::MAX).await.unwrap(), 0);
    for (bucket, millis) in [("old", 0), ("older", 5), ("both", 0), ("both", 10), ("new", 10)] {
        assert_eq!(attempt(&*store, bucket, 2, millis).await, Attempt::Allowed);
    }
    assert_eq!(store.sweep_attempts(at(0)).await.unwrap(), 0);
    assert_eq!(store.sweep_attempts(at(10)).await.unwrap(), 2);
    assert_eq!(store.sweep_attempts(at(10)).await.unwrap(), 0);
    for bucket in ["old", "older"] {
        for _ in 0..2 {
            assert_eq!(
                attempt(&*store, bucket, 2, 20).await,
                Attempt::Allowed,
                "{bucket} was forgotten"
            );
        }
    }
    assert_eq!(
        attempt(&*store, "both", 2, 20).await,
        until(100),
        "both of its attempts count"
    );
    assert_eq!(attempt(&*store, "new", 1, 20).await, until(110));
    assert_eq!(store.sweep_attempts(Timestamp::MAX).await.unwrap(), 4);
}

/// A bucket may be called anything, or is refused: none is taken for another.
pub async fn odd_buckets_are_told_apart_or_refused<D>(store: D)
where
    D: Deref<Target: AttemptStore> + Send + Sync + 'static,
{
    let mut kept = Vec::new();
    for bucket in ODD_TEXTS {
        if let Ok(answer) = store.attempt(bucket, limit(1), at(0)).await {
            assert_eq!(answer, Attempt::Allowed, "{bucket:?} was taken for another");
            kept.push(bucket);
        }
    }
    for bucket in kept {
        assert_eq!(attempt(&*store, bucket, 1, 1).await, until(100), "{bucket:?}");
    }
}
