//! What is written counts, once, and to the last token.

use std::ops::Deref;
use std::sync::Arc;

use super::{ALL, BY_DAY, plain, report, totals};
use crate::contract::crowd::{CROWD, at_once};
use crate::contract::fixture::{ODD_TEXTS, at, event, huge_text, key_id, request_id, user_id};
use crate::store::{UsageReader, UsageSink};
use crate::usage::{HOUR_MILLIS, UsageEvent, UsageTotals};

/// Without usage the report is empty, and an empty batch is no usage.
pub async fn no_usage_is_an_empty_report<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    assert_eq!(report(&*store, ALL).await, []);
    store.record_usage(&[]).await.unwrap();
    assert_eq!(report(&*store, BY_DAY).await, []);
}

/// The same request twice in a batch counts once, and the first one counts.
pub async fn a_request_counts_once_within_a_batch<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let again = UsageEvent {
        prompt_tokens: 100,
        ..event(1)
    };
    store
        .record_usage(&[event(1), event(2), again, event(1)])
        .await
        .unwrap();
    assert_eq!(totals(&*store).await, plain(2));
}

/// The same request in another batch counts once; what is new in that batch counts.
pub async fn a_request_counts_once_across_batches<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    store.record_usage(&[event(1), event(2)]).await.unwrap();
    store.record_usage(&[event(1), event(2)]).await.unwrap();
    assert_eq!(totals(&*store).await, plain(2));
    store.record_usage(&[event(3), event(2), event(4)]).await.unwrap();
    assert_eq!(totals(&*store).await, plain(4));
}

/// The same batch from many at once, each in an order of its own, counts once and hinders nobody.
pub async fn a_request_counts_once_among_many_at_once<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    const BATCH: usize = 200;
    let store = Arc::new(store);
    for round in 0..5 {
        // One first, so that what is only written once (models, names) is there, and keeps nobody waiting.
        store.record_usage(&[event(round * BATCH)]).await.unwrap();
        at_once(CROWD, |i| {
            let store = Arc::clone(&store);
            let mut batch: Vec<_> = (round * BATCH..(round + 1) * BATCH).map(event).collect();
            batch.rotate_left(i * 4);
            if i % 2 == 0 {
                batch.reverse();
            }
            async move { store.record_usage(&batch).await.unwrap() }
        })
        .await;
        assert_eq!(totals(&**store).await, plain(((round + 1) * BATCH) as u64));
    }
}

/// Batches at once that share half their requests with the next, and all their rows with each other: nothing is lost,
/// nothing counts twice, none hinders another.
pub async fn sums_are_exact_under_overlapping_batches_at_once<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    const BATCH: usize = 40;
    let store = Arc::new(store);
    let mixed = |n: usize| UsageEvent {
        user_id: user_id(n % 7),
        model: format!("model {}", n % 3),
        key: n.is_multiple_of(2).then(|| (key_id(n % 4), format!("key {}", n % 4))),
        ..event(n)
    };
    at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let first = i * BATCH / 2;
        let mut batch: Vec<_> = (first..first + BATCH).map(mixed).collect();
        if i % 2 == 0 {
            // Two orders, as of two nodes: who locks row by row in the order given runs into a deadlock.
            batch.reverse();
        }
        async move { store.record_usage(&batch).await.unwrap() }
    })
    .await;
    let different = (CROWD + 1) * BATCH / 2;
    assert_eq!(totals(&**store).await, plain(different as u64));
    let rows = report(&**store, ALL).await;
    assert_eq!(rows.len(), 21, "7 users, 3 models");
    for row in rows {
        let same = (0..different)
            .filter(|n| user_id(n % 7) == row.user_id && format!("model {}", n % 3) == *row.model)
            .count();
        assert_eq!(row.totals, plain(same as u64), "{row:?}");
    }
}

/// How many counts were estimated is told.
pub async fn estimates_are_counted<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let batch: Vec<_> = (0..10)
        .map(|n| UsageEvent {
            estimated: n % 5 == 0,
            ..event(n)
        })
        .collect();
    store.record_usage(&batch[..5]).await.unwrap();
    store.record_usage(&batch[5..]).await.unwrap();
    assert_eq!(
        totals(&*store).await,
        UsageTotals {
            estimated_requests: 2,
            ..plain(10)
        }
    );
}

/// Counts and sums are exact up to 2^63 - 1.
pub async fn large_counts_are_exact<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let most = i64::MAX.unsigned_abs();
    let large = |n, prompt_tokens, completion_tokens| UsageEvent {
        prompt_tokens,
        completion_tokens,
        ..event(n)
    };
    store.record_usage(&[large(1, most - 3, 1 << 53)]).await.unwrap();
    let elsewhere = UsageEvent {
        endpoint: "/elsewhere".to_owned(),
        ..large(2, 3, 1)
    };
    store.record_usage(&[elsewhere, large(3, 0, 1 << 53)]).await.unwrap();
    let sum = UsageTotals {
        prompt_tokens: most,
        completion_tokens: (1 << 54) + 1,
        requests: 3,
        ..UsageTotals::default()
    };
    assert_eq!(totals(&*store).await, sum);
}

/// What is beyond 2^63 - 1 may be told as that, but stays large and holds up nothing: a broken model server cannot stop
/// the accounting.
pub async fn too_large_sums_stay_large<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let most = i64::MAX.unsigned_abs();
    for (n, tokens) in [u64::MAX, most, most, 7].into_iter().enumerate() {
        for (m, endpoint) in ["/a", "/b"].into_iter().enumerate() {
            let huge = UsageEvent {
                prompt_tokens: tokens,
                endpoint: endpoint.to_owned(),
                at: at(HOUR_MILLIS * i64::try_from(n % 2).unwrap_or(0)),
                ..event(10 * n + m)
            };
            store.record_usage(&[huge]).await.unwrap();
        }
    }
    for query in [ALL, BY_DAY] {
        for row in report(&*store, query).await {
            assert!(row.totals.prompt_tokens >= most, "wrapped around: {row:?}");
        }
        let requests: u64 = report(&*store, query).await.iter().map(|r| r.totals.requests).sum();
        assert_eq!(requests, 8);
    }
}

/// Names, models and paths come from outside. A label may be kept in part (its null characters, or what is over 255
/// characters, may be replaced or cut), but the batch it is in is written, and its counts are right.
pub async fn odd_labels_hold_up_no_batch<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let texts: Vec<_> = ODD_TEXTS
        .map(str::to_owned)
        .into_iter()
        .chain([huge_text(), "x".repeat(3_000)])
        .collect();
    let odd = |n: usize| UsageEvent {
        user_id: user_id(n),
        user_name: texts[n].clone(),
        key: Some((key_id(n), texts[n].clone())),
        model: texts[n].clone(),
        endpoint: texts[n].clone(),
        ..event(n)
    };
    let batch: Vec<_> = (0..texts.len()).map(odd).collect();
    store.record_usage(&batch).await.unwrap();
    store.record_usage(&batch).await.unwrap();
    let rows = report(&*store, ALL).await;
    assert_eq!(rows.len(), texts.len());
    for (n, text) in texts.iter().enumerate() {
        let row = rows
            .iter()
            .find(|r| r.user_id == user_id(n))
            .expect("each user has a row");
        assert_eq!(row.totals, plain(1));
        if !text.contains('\0') && text.chars().count() <= 255 {
            assert_eq!((&*row.model, &*row.user_name), (text.as_str(), text.as_str()));
        }
    }
}

/// A batch may be larger than a statement has room for.
pub async fn a_large_batch_is_written_whole<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    const MANY: usize = 15_000;
    let spread = |n: usize| UsageEvent {
        request_id: request_id(n),
        user_id: user_id(n % 500),
        key: Some((key_id(n % 3_000), format!("key {}", n % 3_000))),
        model: format!("model {}", n % 11),
        ..event(n)
    };
    let batch: Vec<_> = (0..MANY).map(spread).collect();
    store.record_usage(&batch).await.unwrap();
    store.record_usage(&batch).await.unwrap();
    assert_eq!(totals(&*store).await, plain(MANY as u64));
    assert_eq!(report(&*store, ALL).await.len(), 500 * 11);
}
