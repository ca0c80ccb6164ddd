//! Rules of [`UsageSink`] and [`UsageReader`].

use std::ops::Deref;
use std::sync::Arc;

use super::crowd::{CROWD, at_once};
use super::fixture::{ODD_TEXTS, at, event, huge_text, key_id, request_id, user_id};
use crate::clock::Timestamp;
use crate::store::{UsageReader, UsageSink};
use crate::usage::{Grain, HOUR_MILLIS, UsageEvent, UsageQuery, UsageRow, UsageSource, UsageTotals};

group!(__contract_usage: UsageSink, UsageReader);

const ALL: UsageQuery = UsageQuery {
    since: None,
    user_id: None,
    grain: Grain::Hour,
};
const BY_DAY: UsageQuery = UsageQuery {
    grain: Grain::Day,
    ..ALL
};

async fn report<S: UsageReader + ?Sized>(store: &S, query: UsageQuery) -> Vec<UsageRow> {
    store.usage(query).await.expect("the store answers")
}

async fn totals<S: UsageReader + ?Sized>(store: &S) -> UsageTotals {
    report(store, ALL)
        .await
        .into_iter()
        .fold(UsageTotals::default(), |mut sum, row| {
            sum += row.totals;
            sum
        })
}

/// `requests` times what [`event`] counts.
const fn plain(requests: u64) -> UsageTotals {
    UsageTotals {
        prompt_tokens: requests,
        completion_tokens: 2 * requests,
        requests,
        estimated_requests: 0,
    }
}

/// The beginning of the hour, `hours` after the one that [`at`]`(0)` falls into.
fn hour(hours: i64) -> Timestamp {
    Timestamp::from_millis(Grain::Hour.floor(at(0)).as_millis() + hours * HOUR_MILLIS)
}

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

/// The same batch from many at once counts once.
pub async fn a_request_counts_once_among_many_at_once<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let mut batch: Vec<_> = (0..20).map(event).collect();
        batch.rotate_left(i % 20);
        async move { store.record_usage(&batch).await.unwrap() }
    })
    .await;
    assert_eq!(totals(&**store).await, plain(20));
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
            .filter(|n| user_id(n % 7) == row.user_id && format!("model {}", n % 3) == row.model)
            .count();
        assert_eq!(row.totals, plain(same as u64), "{row:?}");
    }
}

/// Time, user and model make a row; key, endpoint and source do not.
pub async fn rows_are_told_apart_by_time_user_and_model<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let next_hour = Timestamp::from_millis(hour(1).as_millis());
    store
        .record_usage(&[
            event(1),
            UsageEvent {
                key: Some((key_id(1), "a key".to_owned())),
                ..event(2)
            },
            UsageEvent {
                source: UsageSource::Web,
                ..event(3)
            },
            UsageEvent {
                endpoint: "/v1/embeddings".to_owned(),
                ..event(4)
            },
            UsageEvent {
                model: "Llama".to_owned(),
                ..event(5)
            },
            UsageEvent {
                model: String::new(),
                ..event(6)
            },
            UsageEvent {
                user_id: user_id(9),
                user_name: "User 9".to_owned(),
                ..event(7)
            },
            UsageEvent {
                at: next_hour,
                ..event(8)
            },
        ])
        .await
        .unwrap();
    let row = |at, user: usize, model: &str, requests| UsageRow {
        at,
        user_id: user_id(user),
        user_name: format!("User {user}"),
        model: model.to_owned(),
        totals: plain(requests),
    };
    let others = [
        row(hour(0), 0, "", 1),
        row(hour(0), 0, "Llama", 1),
        row(hour(0), 0, "llama", 4),
    ];
    let by_hour = [&others[..], &[row(hour(0), 9, "llama", 1), row(hour(1), 0, "llama", 1)]].concat();
    assert_eq!(report(&*store, ALL).await, by_hour);
    // Both hours are of one day.
    let day = Grain::Day.floor(hour(0));
    let by_day = [
        row(day, 0, "", 1),
        row(day, 0, "Llama", 1),
        row(day, 0, "llama", 5),
        row(day, 9, "llama", 1),
    ];
    assert_eq!(report(&*store, BY_DAY).await, by_day);
}

/// Rows are in the order of time, user and model (by bytes), however they were written; times before 1970 too.
pub async fn a_report_is_in_order<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let models = ["b", "B", "ä", "a", "Z", "_", "1", "10", "2"];
    let times = [
        at(0),
        at(-50 * HOUR_MILLIS),
        Timestamp::from_millis(-1),
        at(30 * HOUR_MILLIS),
        Timestamp::from_millis(0),
    ];
    let mut batch = Vec::new();
    for (i, model) in models.into_iter().enumerate() {
        for (j, time) in times.into_iter().enumerate() {
            for user in [2, 0, 1] {
                batch.push(UsageEvent {
                    at: time,
                    user_id: user_id(user),
                    model: model.to_owned(),
                    ..event(i * 100 + j * 10 + user)
                });
            }
        }
    }
    store.record_usage(&batch).await.unwrap();
    for query in [ALL, BY_DAY] {
        let rows = report(&*store, query).await;
        assert_eq!(rows.len(), models.len() * times.len() * 3);
        let order: Vec<_> = rows.iter().map(|r| (r.at, r.user_id, r.model.clone())).collect();
        assert!(order.is_sorted(), "{order:?}");
        assert!(
            rows.iter().all(|r| r.at == query.grain.floor(r.at)),
            "times are whole hours or days"
        );
        assert_eq!(rows[0].at, query.grain.floor(Timestamp::from_millis(-1)));
    }
}

/// A report begins with the hour asked for, that one included; its first day may be a part of one.
pub async fn a_report_begins_with_the_hour_asked_for<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let midnight = Grain::Day.floor(at(0));
    let time = |hours: i64| Timestamp::from_millis(midnight.as_millis() + hours * HOUR_MILLIS);
    for n in 0..72_usize {
        let at = time(i64::try_from(n).unwrap_or(0));
        // The last millisecond of the hour belongs to it.
        let at = Timestamp::from_millis(at.as_millis() + HOUR_MILLIS - 1);
        store.record_usage(&[UsageEvent { at, ..event(n) }]).await.unwrap();
    }
    let requests = |rows: Vec<UsageRow>| rows.into_iter().map(|r| (r.at, r.totals.requests)).collect::<Vec<_>>();
    let since = |hours, grain| UsageQuery {
        since: Some(time(hours)),
        grain,
        ..ALL
    };
    assert_eq!(
        requests(report(&*store, since(70, Grain::Hour)).await),
        [(time(70), 1), (time(71), 1)]
    );
    assert_eq!(requests(report(&*store, since(72, Grain::Hour)).await), []);
    assert_eq!(requests(report(&*store, since(72, Grain::Day)).await), []);
    assert_eq!(
        requests(report(&*store, since(24, Grain::Day)).await),
        [(time(24), 24), (time(48), 24)]
    );
    assert_eq!(
        requests(report(&*store, since(47, Grain::Day)).await),
        [(time(24), 1), (time(48), 24)]
    );
    assert_eq!(
        requests(report(&*store, BY_DAY).await),
        [(time(0), 24), (time(24), 24), (time(48), 24)]
    );
    let always = UsageQuery {
        since: Some(Timestamp::from_millis(i64::MIN / 2)),
        ..BY_DAY
    };
    assert_eq!(report(&*store, always).await, report(&*store, BY_DAY).await);
}

/// A report about one user has nobody else in it.
pub async fn a_report_can_be_about_one_user<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let batch: Vec<_> = (0..30)
        .map(|n| UsageEvent {
            user_id: user_id(n % 3),
            ..event(n)
        })
        .collect();
    store.record_usage(&batch).await.unwrap();
    for grain in [Grain::Hour, Grain::Day] {
        let query = UsageQuery {
            user_id: Some(user_id(1)),
            grain,
            ..ALL
        };
        let rows = report(&*store, query).await;
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].user_id, rows[0].totals), (user_id(1), plain(10)));
        assert_eq!(
            report(
                &*store,
                UsageQuery {
                    user_id: Some(user_id(9)),
                    ..query
                }
            )
            .await,
            []
        );
    }
}

/// A user is shown under the name of the latest request, however the requests were written.
pub async fn a_users_latest_name_is_shown<D>(store: D)
where
    D: Deref<Target: UsageSink + UsageReader> + Send + Sync + 'static,
{
    let named = |n, millis, name: &str| UsageEvent {
        at: at(millis),
        user_name: name.to_owned(),
        ..event(n)
    };
    store
        .record_usage(&[named(1, 10, "Ada"), named(2, 5, "Augusta")])
        .await
        .unwrap();
    assert_eq!(report(&*store, ALL).await[0].user_name, "Ada");
    store
        .record_usage(&[named(3, 20, "Countess"), named(4, 15, "A. K.")])
        .await
        .unwrap();
    store.record_usage(&[named(5, 1, "Byron")]).await.unwrap();
    let rows = report(&*store, ALL).await;
    assert_eq!(
        (rows.len(), rows[0].user_name.as_str(), rows[0].totals),
        (1, "Countess", plain(5))
    );
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
        estimated_requests: 0,
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
            assert_eq!((&row.model, &row.user_name), (text, text));
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
