//! Usage told apart by the credential it came with.

use std::ops::Deref;
use std::sync::Arc;

use super::{ALL, BY_DAY, plain, report};
use crate::clock::Timestamp;
use crate::contract::crowd::{CROWD, at_once};
use crate::contract::fixture::{ODD_TEXTS, at, event, key_id, user_id};
use crate::store::{UsageReader, UsageSink};
use crate::usage::{Grain, HOUR_MILLIS, UsageEvent, UsageQuery, UsageSource, UsageSourceRow, UsageTotals};

/// The sources in the order that rows have.
const SOURCES: [UsageSource; 3] = [UsageSource::ApiKey, UsageSource::Web, UsageSource::Legacy];

async fn by_source<S: UsageReader + ?Sized>(store: &S, query: UsageQuery) -> Vec<UsageSourceRow> {
    store.usage_by_source(query).await.expect("the store answers")
}

fn by_key(n: usize, key: usize) -> UsageEvent {
    UsageEvent {
        key: Some((key_id(key), format!("key {key}"))),
        ..event(n)
    }
}

fn from(source: UsageSource, event: UsageEvent) -> UsageEvent {
    UsageEvent { source, ..event }
}

/// A row of user 0.
fn row(
    at: Timestamp,
    source: UsageSource,
    key: Option<usize>,
    totals: UsageTotals,
    last_at: Timestamp,
) -> UsageSourceRow {
    UsageSourceRow {
        at,
        user_id: user_id(0),
        user_name: "User 0".into(),
        source,
        key: key.map(|n| (key_id(n), format!("key {n}").into())),
        totals,
        last_at,
    }
}

/// Time, user, source and key make a row; model and endpoint do not. The same source without a key is a row by itself.
pub async fn usage_is_told_apart_by_source_and_key<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    assert_eq!(by_source(&*store, ALL).await, []);
    let hour = Grain::Hour.floor(at(0));
    let next = Timestamp::from_millis(hour.as_millis() + HOUR_MILLIS);
    let batch = [
        event(1),
        by_key(2, 1),
        by_key(3, 2),
        UsageEvent {
            model: "another".to_owned(),
            endpoint: "/v1/embeddings".to_owned(),
            ..by_key(4, 1)
        },
        from(UsageSource::Web, event(5)),
        from(UsageSource::Web, by_key(6, 1)),
        from(UsageSource::Legacy, event(7)),
        UsageEvent {
            at: next,
            estimated: true,
            ..by_key(8, 1)
        },
        UsageEvent {
            user_id: user_id(9),
            user_name: "User 9".to_owned(),
            ..event(10)
        },
    ];
    store.record_usage(&batch).await.unwrap();
    store.record_usage(&batch).await.unwrap();
    let estimated = UsageTotals {
        estimated_requests: 1,
        ..plain(1)
    };
    let others = |start| {
        [
            row(start, UsageSource::ApiKey, None, plain(1), at(0)),
            row(start, UsageSource::ApiKey, Some(1), plain(2), at(0)),
            row(start, UsageSource::ApiKey, Some(2), plain(1), at(0)),
            row(start, UsageSource::Web, None, plain(1), at(0)),
            row(start, UsageSource::Web, Some(1), plain(1), at(0)),
            row(start, UsageSource::Legacy, None, plain(1), at(0)),
            UsageSourceRow {
                user_id: user_id(9),
                user_name: "User 9".into(),
                ..row(start, UsageSource::ApiKey, None, plain(1), at(0))
            },
        ]
    };
    let mut expected = others(hour).to_vec();
    expected.push(row(next, UsageSource::ApiKey, Some(1), estimated, next));
    assert_eq!(by_source(&*store, ALL).await, expected);

    // Both hours are of one day.
    let mut expected = others(Grain::Day.floor(hour));
    expected[1].totals += estimated;
    expected[1].last_at = next;
    assert_eq!(by_source(&*store, BY_DAY).await, expected);
}

/// Rows are in the order of time, user, source and key, however they were written.
pub async fn a_report_by_source_is_in_order<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let mut batch = Vec::new();
    for n in 0..216_usize {
        // Each of 3 times, 3 users, 3 sources and 4 keys once or more, in no order.
        let n = n * 61 % 216;
        batch.push(UsageEvent {
            at: at([0, -50, 30][n % 3] * HOUR_MILLIS),
            user_id: user_id([2, 0, 1][n / 3 % 3]),
            source: SOURCES[n / 9 % 3],
            key: [None, Some(3), Some(1), Some(2)][n / 27 % 4].map(|key| (key_id(key), String::new())),
            ..event(n)
        });
    }
    store.record_usage(&batch).await.unwrap();
    for query in [ALL, BY_DAY] {
        let rows = by_source(&*store, query).await;
        assert_eq!(rows.len(), 108);
        let key = |r: &UsageSourceRow| r.key.as_ref().map(|(id, _)| *id);
        let order: Vec<_> = rows.iter().map(|r| (r.at, r.user_id, r.source, key(r))).collect();
        assert!(order.is_sorted(), "{order:?}");
        assert!(
            rows.iter()
                .all(|r| r.at == query.grain.floor(r.at) && r.totals == plain(2))
        );
    }
}

/// When the last of it was is told to the millisecond, in whatever order it was written.
pub async fn the_last_of_it_is_told<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let when = |n, millis| UsageEvent {
        at: at(millis),
        ..by_key(n, 1)
    };
    store.record_usage(&[when(1, 50), when(2, 20)]).await.unwrap();
    store.record_usage(&[when(3, 10)]).await.unwrap();
    assert_eq!(by_source(&*store, ALL).await[0].last_at, at(50));
    store.record_usage(&[when(4, 70), when(5, 60)]).await.unwrap();
    // A request that is known already tells nothing new.
    store.record_usage(&[when(1, 90)]).await.unwrap();
    let rows = by_source(&*store, ALL).await;
    assert_eq!((rows.len(), rows[0].last_at, rows[0].totals), (1, at(70), plain(5)));
}

/// A key is shown under the name of its latest request, in every row; so is its user.
pub async fn a_keys_latest_name_is_shown<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let named = |n, millis, key: &str, user: &str| UsageEvent {
        at: at(millis),
        key: Some((key_id(1), key.to_owned())),
        user_name: user.to_owned(),
        ..event(n)
    };
    store
        .record_usage(&[named(1, 10, "laptop", "Ada"), named(2, 5, "old", "Augusta")])
        .await
        .unwrap();
    store
        .record_usage(&[named(3, HOUR_MILLIS, "phone", "Countess"), named(4, 15, "x", "y")])
        .await
        .unwrap();
    store.record_usage(&[named(5, 1, "first", "Byron")]).await.unwrap();
    let rows = by_source(&*store, ALL).await;
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(row.key, Some((key_id(1), "phone".into())));
        assert_eq!(&*row.user_name, "Countess");
    }
}

/// A report about one key has nothing else in it, neither of other keys nor what came without one; by model as well.
pub async fn a_report_can_be_about_one_key<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let batch: Vec<_> = (0..40)
        .map(|n| {
            let one = if n % 4 == 0 { event(n) } else { by_key(n, n % 4) };
            UsageEvent {
                user_id: user_id(n % 2),
                source: SOURCES[n % 8 / 4],
                at: at(if n < 20 { 0 } else { HOUR_MILLIS }),
                ..one
            }
        })
        .collect();
    store.record_usage(&batch).await.unwrap();
    let query = UsageQuery {
        key_id: Some(key_id(2)),
        ..BY_DAY
    };
    let rows = by_source(&*store, query).await;
    assert_eq!(rows.len(), 2, "two sources");
    for row in &rows {
        assert_eq!((row.user_id, row.totals), (user_id(0), plain(5)));
        assert_eq!(row.key, Some((key_id(2), "key 2".into())));
    }
    let by_model = report(&*store, query).await;
    assert_eq!((by_model.len(), by_model[0].totals), (1, plain(10)));

    // Together with a user and a beginning.
    let their = |user| UsageQuery {
        user_id: Some(user_id(user)),
        since: Some(Grain::Hour.floor(at(HOUR_MILLIS))),
        ..query
    };
    assert_eq!(by_source(&*store, their(1)).await, []);
    assert_eq!(report(&*store, their(1)).await, []);
    let requests: u64 = by_source(&*store, their(0))
        .await
        .iter()
        .map(|r| r.totals.requests)
        .sum();
    assert_eq!(requests, 5);
    assert_eq!(report(&*store, their(0)).await[0].totals, plain(5));
    let unknown = UsageQuery {
        key_id: Some(key_id(9)),
        ..ALL
    };
    assert_eq!(by_source(&*store, unknown).await, []);
    assert_eq!(report(&*store, unknown).await, []);
}

/// A report by source covers the same time and users as one by model, and adds up to the same.
pub async fn both_reports_add_up_to_the_same<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    const BATCH: usize = 40;
    let store = Arc::new(store);
    let mixed = |n: usize| UsageEvent {
        at: at(i64::try_from(n % 5).unwrap_or(0) * 7 * HOUR_MILLIS),
        user_id: user_id(n % 3),
        source: SOURCES[n % 3],
        model: format!("model {}", n % 4),
        key: n.is_multiple_of(2).then(|| (key_id(n % 7), format!("key {}", n % 7))),
        estimated: n.is_multiple_of(11),
        ..event(n)
    };
    at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let first = i * BATCH / 2;
        let mut batch: Vec<_> = (first..first + BATCH).map(mixed).collect();
        if i % 2 == 0 {
            batch.reverse();
        }
        async move { store.record_usage(&batch).await.unwrap() }
    })
    .await;
    let sum = |totals: Vec<UsageTotals>| {
        totals.into_iter().fold(UsageTotals::default(), |mut sum, one| {
            sum += one;
            sum
        })
    };
    let different = ((CROWD + 1) * BATCH / 2) as u64;
    let all = sum(by_source(&**store, ALL).await.into_iter().map(|r| r.totals).collect());
    let estimated_requests = different.div_ceil(11);
    assert_eq!(
        all,
        UsageTotals {
            estimated_requests,
            ..plain(different)
        }
    );
    for grain in [Grain::Hour, Grain::Day] {
        for (hours, user, key) in [(None, None, None), (Some(8), None, Some(4)), (Some(14), Some(1), None)] {
            let query = UsageQuery {
                since: hours.map(|hours| Grain::Hour.floor(at(hours * HOUR_MILLIS))),
                user_id: user.map(user_id),
                key_id: key.map(key_id),
                grain,
            };
            let left = sum(report(&**store, query).await.into_iter().map(|r| r.totals).collect());
            let right = sum(by_source(&**store, query).await.into_iter().map(|r| r.totals).collect());
            assert_eq!(left, right, "{query:?}");
            assert!(left.requests > 0);
        }
    }
}

/// A key may be called anything: its usage is counted, and its name is shown where it can be kept.
pub async fn odd_key_names_hold_up_no_report<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let odd = |n: usize| UsageEvent {
        key: Some((key_id(n), ODD_TEXTS[n].to_owned())),
        ..event(n)
    };
    let batch: Vec<_> = (0..ODD_TEXTS.len()).map(odd).collect();
    store.record_usage(&batch).await.unwrap();
    let rows = by_source(&*store, ALL).await;
    assert_eq!(rows.len(), ODD_TEXTS.len());
    for (n, row) in rows.into_iter().enumerate() {
        let (id, name) = row.key.expect("all came with a key");
        assert_eq!((id, row.totals), (key_id(n), plain(1)));
        if !ODD_TEXTS[n].contains('\0') {
            assert_eq!(&*name, ODD_TEXTS[n]);
        }
    }
}
