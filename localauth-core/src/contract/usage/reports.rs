//! What is read: which rows, in which order, from when on, about whom.

use std::ops::Deref;

use super::{ALL, BY_DAY, plain, report};
use crate::clock::Timestamp;
use crate::contract::fixture::{at, event, key_id, user_id};
use crate::store::{UsageReader, UsageSink};
use crate::usage::{Grain, HOUR_MILLIS, UsageEvent, UsageQuery, UsageRow, UsageSource};

/// The beginning of the hour, `hours` after the one that [`at`]`(0)` falls into.
fn hour(hours: i64) -> Timestamp {
    Timestamp::from_millis(Grain::Hour.floor(at(0)).as_millis() + hours * HOUR_MILLIS)
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
        user_name: format!("User {user}").into(),
        model: model.into(),
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
    assert_eq!(&*report(&*store, ALL).await[0].user_name, "Ada");
    store
        .record_usage(&[named(3, 20, "Countess"), named(4, 15, "A. K.")])
        .await
        .unwrap();
    store.record_usage(&[named(5, 1, "Byron")]).await.unwrap();
    let rows = report(&*store, ALL).await;
    assert_eq!(
        (rows.len(), &*rows[0].user_name, rows[0].totals),
        (1, "Countess", plain(5))
    );
}
