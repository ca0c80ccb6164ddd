//! What a limit begins with, and what is left of usage when single requests are forgotten.

use std::ops::Deref;

use super::{ALL, BY_DAY, plain, report, totals};
use crate::clock::Timestamp;
use crate::contract::fixture::{at, event, key_id, user_id};
use crate::id::RequestId;
use crate::store::{UsageReader, UsageSink};
use crate::usage::{Grain, HOUR_MILLIS, UsageEvent, UsageHistory, UsageQuery, UsageTotals};

/// The middle of an hour, so that whole hours before it are whole hours.
const NOW: i64 = 1_700_003_000_000;

/// So long before [`NOW`].
fn ago(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW - millis)
}

/// Request number `n`, made so long before [`NOW`].
fn made(n: usize, millis: i64) -> UsageEvent {
    UsageEvent {
        request_id: RequestId::from_parts(ago(millis), 7, n as u64),
        at: ago(millis),
        ..event(n)
    }
}

fn everybodys(since: Timestamp) -> UsageHistory {
    UsageHistory {
        since,
        user_id: None,
        without: Vec::new(),
        key_ids: Vec::new(),
        model: None,
    }
}

async fn history<S: UsageReader + ?Sized>(store: &S, asked: &UsageHistory) -> Vec<(Timestamp, UsageTotals)> {
    let mut found = store.usage_since(asked).await.expect("the store answers");
    found.sort_unstable_by_key(|(at, _)| *at);
    found
}

async fn sum<S: UsageReader + ?Sized>(store: &S, asked: &UsageHistory) -> UsageTotals {
    let found = history(store, asked).await;
    found.into_iter().fold(UsageTotals::default(), |mut sum, (_, totals)| {
        sum += totals;
        sum
    })
}

/// What of the tokens was cached and what all of it cost is in every report and in what a limit begins with.
pub async fn cached_tokens_and_cost_are_counted<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let priced = |n| UsageEvent {
        cached_tokens: 5,
        cost_micros: 1 << 40,
        ..made(n, 1_000 * i64::try_from(n).unwrap_or(0))
    };
    store.record_usage(&[priced(1), priced(2)]).await.unwrap();
    store.record_usage(&[priced(3), priced(2)]).await.unwrap();
    let all = UsageTotals {
        cached_tokens: 15,
        cost_micros: 3 << 40,
        ..plain(3)
    };
    for query in [ALL, BY_DAY] {
        assert_eq!(report(&*store, query).await[0].totals, all);
        assert_eq!(store.usage_by_source(query).await.unwrap()[0].totals, all);
    }
    assert_eq!(sum(&*store, &everybodys(ago(HOUR_MILLIS))).await, all);
    assert_eq!(sum(&*store, &everybodys(ago(100 * HOUR_MILLIS))).await, all);
}

/// What is younger than an hour begins exactly where it is asked to, and is told by the second.
pub async fn recent_usage_is_told_by_the_second<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    assert_eq!(history(&*store, &everybodys(ago(HOUR_MILLIS))).await, []);
    // Two each second, of the last hour and beyond, oldest last.
    let batch: Vec<_> = (0..8_000_usize)
        .map(|n| made(n, i64::try_from(n).unwrap_or(0) * 500))
        .collect();
    store.record_usage(&batch).await.unwrap();
    for (since, requests) in [(0, 1), (499, 1), (500, 2), (10_000, 21), (HOUR_MILLIS, 7_201)] {
        let found = history(&*store, &everybodys(ago(since))).await;
        let all: u64 = found.iter().map(|(_, totals)| totals.requests).sum();
        assert_eq!(all, requests, "since {since}");
        assert!(found.iter().all(|(_, totals)| totals.requests <= 2), "by the second");
        assert!(found.iter().all(|(at, _)| *at >= ago(since) && *at <= ago(0)));
    }
    assert_eq!(history(&*store, &everybodys(ago(-1))).await, []);
}

/// What is older is told by the hour, under the time of the last request in it, and is all there.
pub async fn older_usage_is_told_by_the_hour<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    // Every ten minutes for three days.
    let batch: Vec<_> = (0..432_usize)
        .map(|n| made(n, i64::try_from(n).unwrap_or(0) * HOUR_MILLIS / 6))
        .collect();
    store.record_usage(&batch).await.unwrap();
    let since = Grain::Hour.floor(ago(50 * HOUR_MILLIS));
    let found = history(&*store, &everybodys(since)).await;
    let wanted = batch.iter().filter(|e| e.at >= since).count() as u64;
    assert_eq!(found.iter().map(|(_, totals)| totals.requests).sum::<u64>(), wanted);
    for (at, totals) in found {
        let hour = Grain::Hour.floor(at);
        let of_hour = |e: &&UsageEvent| Grain::Hour.floor(e.at) == hour;
        assert!(batch.iter().any(|e| e.at == at), "the time of a request");
        assert!(
            totals.requests <= batch.iter().filter(of_hour).count() as u64,
            "no coarser than hours"
        );
    }
    // Within an hour: at least what is from then on, at most that whole hour.
    for minutes in [125, 601, 3_000] {
        let since = ago(minutes * 60_000);
        let hour = Grain::Hour.floor(since);
        let found = sum(&*store, &everybodys(since)).await.requests;
        assert!(batch.iter().filter(|e| e.at >= since).count() as u64 <= found);
        assert!(found <= batch.iter().filter(|e| e.at >= hour).count() as u64);
    }
    assert_eq!(sum(&*store, &everybodys(ago(1_000 * HOUR_MILLIS))).await, plain(432));
}

/// It can be about one user, some keys, one model, and all of these.
pub async fn history_can_be_about_user_keys_and_model<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let batch: Vec<_> = (0..240_usize)
        .map(|n| UsageEvent {
            user_id: user_id(n % 2),
            key: [None, Some(1), Some(2)][n / 2 % 3].map(|key| (key_id(10 * (n % 2) + key), format!("key {key}"))),
            model: format!("model {}", n / 6 % 4),
            ..made(n, i64::try_from(n).unwrap_or(0) * 60_000)
        })
        .collect();
    store.record_usage(&batch).await.unwrap();
    let since = ago(1_000 * HOUR_MILLIS);
    for user in [None, Some(0), Some(1)] {
        for keys in [&[][..], &[1], &[1, 12], &[2, 1, 99]] {
            for model in [None, Some("model 2")] {
                let asked = UsageHistory {
                    since,
                    without: Vec::new(),
                    user_id: user.map(user_id),
                    key_ids: keys.iter().map(|key| key_id(*key)).collect(),
                    model: model.map(str::to_owned),
                };
                let is_asked = |e: &&UsageEvent| {
                    asked.user_id.is_none_or(|id| id == e.user_id)
                        && (keys.is_empty() || e.key.as_ref().is_some_and(|(id, _)| asked.key_ids.contains(id)))
                        && model.is_none_or(|model| model == e.model)
                };
                let wanted = batch.iter().filter(is_asked).count() as u64;
                assert_eq!(sum(&*store, &asked).await, plain(wanted), "{asked:?}");
            }
        }
    }
    for without in [&[0][..], &[1], &[1, 99], &[0, 1]] {
        let asked = UsageHistory {
            without: without.iter().map(|n| user_id(*n)).collect(),
            ..everybodys(since)
        };
        let wanted = batch.iter().filter(|e| !asked.without.contains(&e.user_id)).count();
        assert_eq!(sum(&*store, &asked).await, plain(wanted as u64), "{asked:?}");
    }
    for strange in [
        UsageHistory {
            user_id: Some(user_id(99)),
            ..everybodys(since)
        },
        UsageHistory {
            key_ids: vec![key_id(99)],
            ..everybodys(since)
        },
        UsageHistory {
            model: Some("model 99".to_owned()),
            ..everybodys(since)
        },
    ] {
        assert_eq!(history(&*store, &strange).await, [], "{strange:?}");
    }
}

/// A request that got its id long before its answer, or without any time in it, is not lost.
pub async fn history_has_requests_whatever_their_ids_say<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let odd = |n: usize, id: RequestId| UsageEvent {
        request_id: id,
        ..made(n, 60_000)
    };
    let ids = [
        RequestId::from_uuid(uuid::Uuid::nil()),
        RequestId::from_uuid(uuid::Uuid::max()),
        RequestId::from_parts(at(0), 1, 1),
        RequestId::from_parts(ago(0), 1, 1),
    ];
    let batch: Vec<_> = ids.into_iter().enumerate().map(|(n, id)| odd(n, id)).collect();
    store.record_usage(&batch).await.unwrap();
    for since in [HOUR_MILLIS / 2, HOUR_MILLIS, 1_000 * HOUR_MILLIS] {
        assert_eq!(sum(&*store, &everybodys(ago(since))).await, plain(4));
    }
}

/// Sweeping forgets which requests there were long ago, and nothing of what they used.
pub async fn sweeping_forgets_single_requests_and_no_sums<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    const OLD: usize = 12_000;
    let days = 24 * HOUR_MILLIS;
    let old = |n: usize| UsageEvent {
        user_id: user_id(n % 10),
        ..made(n, 40 * days + i64::try_from(n).unwrap_or(0))
    };
    let batch: Vec<_> = (0..OLD).map(old).collect();
    let young: Vec<_> = (0..50).map(|n| made(OLD + n, 20 * days)).collect();
    store.record_usage(&batch).await.unwrap();
    store.record_usage(&young).await.unwrap();
    let asked = everybodys(ago(100 * days));
    let (before, sums) = (report(&*store, BY_DAY).await, sum(&*store, &asked).await);
    assert_eq!(store.sweep_usage(ago(50 * days)).await.unwrap(), 0);
    assert_eq!(store.sweep_usage(ago(30 * days)).await.unwrap(), OLD as u64);
    assert_eq!(store.sweep_usage(ago(30 * days)).await.unwrap(), 0);
    assert_eq!(report(&*store, BY_DAY).await, before);
    assert_eq!(sum(&*store, &asked).await, sums);
    let of_one = UsageQuery {
        user_id: Some(user_id(1)),
        ..ALL
    };
    assert_eq!(report(&*store, of_one).await[0].totals, plain(OLD as u64 / 10));
    // What was left is still known.
    store.record_usage(&young).await.unwrap();
    assert_eq!(totals(&*store).await, plain(OLD as u64 + 50));
    assert_eq!(
        store.sweep_usage(ago(20 * days)).await.unwrap(),
        0,
        "not those of that very time"
    );
    assert_eq!(store.sweep_usage(ago(20 * days - 1)).await.unwrap(), 50);
}
