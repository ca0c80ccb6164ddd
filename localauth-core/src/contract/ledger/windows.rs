//! For how long something counts.

use std::ops::Deref;
use std::time::Duration;

use super::{HOUR, MINUTE, ONE, alone, claims, granted, know, millis, post, refused, single, standings, tokens};
use crate::clock::Timestamp;
use crate::contract::fixture::at;
use crate::limit::{Amounts, Ask, Ledger, LimitRule, Window};

/// What is held counts until it is posted, however long that takes.
pub async fn what_is_held_counts_whatever_the_window<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = alone(&*ledger, LimitRule::per(MINUTE).requests(1).total_tokens(10), at(0)).await;
    let held = granted(&*ledger, 1, &all, &tokens(4, 1, 6), at(0)).await;
    for days in [0, 1, 40] {
        let later = at(days * 86_400_000);
        assert_eq!(refused(&*ledger, 2, &all, &Ask::REQUEST, later).await.1, None);
        ledger.sweep(later).wait().await.unwrap();
    }
    let end = at(41 * 86_400_000);
    post(&*ledger, 1, &all, (held, held), true, end).await;
    // Used when it is posted, not when it was held.
    let (_, retry_after) = refused(&*ledger, 2, &all, &Ask::REQUEST, end).await;
    assert!(retry_after.unwrap() >= Duration::from_mins(1));
}

/// What was used counts for the whole window, and for a sixtieth longer at most.
pub async fn what_was_used_counts_for_the_window<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    for (n, seconds) in [1, 60, 90, 3_600, 604_800, 2_592_000].into_iter().enumerate() {
        let length = Duration::from_secs(seconds);
        let rule = LimitRule::per(Window::Rolling(length)).requests(1);
        // Not at the beginning of anything.
        let used_at = at(1_234_567);
        let all = alone(&*ledger, rule, used_at).await;
        let held = granted(&*ledger, n * 10, &all, &Ask::REQUEST, used_at).await;
        post(&*ledger, n * 10, &all, (held, ONE), true, used_at).await;
        refused(&*ledger, n * 10 + 1, &all, &Ask::REQUEST, used_at + length - millis(1)).await;
        let late = used_at + length + length / 60 + millis(1);
        granted(&*ledger, n * 10 + 1, &all, &Ask::REQUEST, late).await;
    }
}

/// One millisecond before the time that a refusal tells it is refused, and at that time it passes.
pub async fn the_time_of_a_refusal_is_exact<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let windows = [
        MINUTE,
        HOUR,
        Window::Rolling(Duration::from_secs(7)),
        Window::Day,
        Window::Month,
    ];
    let asks = [
        Ask::REQUEST,
        tokens(11, 0, 0),
        tokens(41, 0, 0),
        tokens(5, 95, 96),
        tokens(5, 96, 96),
    ];
    for (n, (window, ask)) in windows.iter().flat_map(|w| asks.map(|ask| (*w, ask))).enumerate() {
        let all = single(n, LimitRule::per(window).requests(4).total_tokens(100));
        know(&*ledger, &all, at(0)).await;
        // A bit apart, so that they leave the window one by one.
        for (count, part) in [40, 30, 20, 10].into_iter().zip(0..) {
            let now = at(part * 1_300);
            let held = granted(&*ledger, n, &all, &tokens(count, 0, 0), now).await;
            post(&*ledger, n, &all, (held, held), true, now).await;
        }
        let (_, retry_after) = refused(&*ledger, n, &all, &ask, at(5_000)).await;
        if ask.least_completion == 96 {
            assert_eq!(retry_after, None, "more than there ever is");
            continue;
        }
        let passes_at = at(5_000) + retry_after.unwrap();
        let (_, again) = refused(&*ledger, n, &all, &ask, passes_at - millis(1)).await;
        assert_eq!(again, Some(millis(1)));
        granted(&*ledger, n, &all, &ask, passes_at).await;
    }
}

/// A day and a month end at midnight in UTC, at once.
pub async fn days_and_months_end_at_midnight<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let time = |text: &str| Timestamp::parse_rfc3339(text).expect("a time");
    let all = claims([Window::Day, Window::Month].map(|window| LimitRule::per(window).requests(1)));
    know(&*ledger, &all, time("2026-01-01T00:00:00Z")).await;
    let cases = [
        (0, "2026-02-03T00:00:00Z", "2026-02-04T00:00:00Z"),
        (0, "2026-02-04T23:59:59Z", "2026-02-05T00:00:00Z"),
        (0, "2026-02-28T12:00:00Z", "2026-03-01T00:00:00Z"),
        (1, "2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z"),
        (1, "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z"),
        (1, "2026-12-05T00:00:00Z", "2027-01-01T00:00:00Z"),
        (1, "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"),
    ];
    for (n, (which, used_at, end)) in cases.into_iter().enumerate() {
        let one: std::sync::Arc<[_]> = [all[which].clone()].into();
        let (used_at, end) = (time(used_at), time(end));
        let held = granted(&*ledger, n, &one, &Ask::REQUEST, used_at).await;
        post(&*ledger, n, &one, (held, ONE), true, used_at).await;
        let (_, retry_after) = refused(&*ledger, 100, &one, &Ask::REQUEST, used_at).await;
        assert_eq!(used_at + retry_after.unwrap(), end);
        refused(&*ledger, 100, &one, &Ask::REQUEST, end - millis(1)).await;
        let held = granted(&*ledger, 100, &one, &Ask::REQUEST, end).await;
        post(&*ledger, 100, &one, (held, Amounts::ZERO), true, end).await;
    }
}

/// Two claims on different windows forget the same use each at its own time.
pub async fn each_window_forgets_at_its_own_time<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = claims([MINUTE, HOUR].map(|window| LimitRule::per(window).requests(3)));
    know(&*ledger, &all, at(0)).await;
    for hold in 0..3 {
        let held = granted(&*ledger, hold, &all, &Ask::REQUEST, at(0)).await;
        post(&*ledger, hold, &all, (held, ONE), true, at(0)).await;
    }
    let used = async |millis: i64| {
        let told = standings(&*ledger, &all, at(millis)).await;
        told.iter().map(|one| one.used.requests).collect::<Vec<_>>()
    };
    assert_eq!(used(59_999).await, [3, 3]);
    assert_eq!(used(61_001).await, [0, 3]);
    assert_eq!(refused(&*ledger, 9, &all, &Ask::REQUEST, at(61_001)).await.0, 1);
    assert_eq!(used(3_599_999).await, [0, 3]);
    assert_eq!(used(3_660_001).await, [0, 0]);
    granted(&*ledger, 9, &all, &Ask::REQUEST, at(3_660_001)).await;
}

/// How limits stand: what counts, what is held, and when there is room again.
pub async fn standings_tell_when_there_is_room<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = alone(&*ledger, LimitRule::per(MINUTE).requests(2).total_tokens(100), at(0)).await;
    let told = async |now| standings(&*ledger, &all, now).await[0];
    let fresh = told(at(0)).await;
    assert_eq!((fresh.used, fresh.held), (Amounts::ZERO, Amounts::ZERO));
    assert_eq!((fresh.requests_at, fresh.tokens_at, fresh.empty_at), (None, None, None));

    let held = granted(&*ledger, 1, &all, &tokens(30, 0, 0), at(0)).await;
    post(&*ledger, 1, &all, (held, held), true, at(0)).await;
    let used = told(at(0)).await;
    assert_eq!(used.used, Amounts { places: 0, ..held });
    assert_eq!((used.requests_at, used.tokens_at), (None, None));
    let empty_at = used.empty_at.expect("something counts");

    let held = granted(&*ledger, 2, &all, &tokens(70, 0, 0), at(5_000)).await;
    let full = told(at(5_000)).await;
    assert_eq!((full.used.requests, full.held), (1, held));
    assert_eq!((full.requests_at, full.tokens_at), (Some(empty_at), Some(empty_at)));
    assert_eq!(told(empty_at - millis(1)).await.used.requests, 1);
    let emptied = told(empty_at).await;
    assert_eq!(
        (emptied.used, emptied.held, emptied.empty_at),
        (Amounts::ZERO, held, None)
    );
    assert_eq!((emptied.requests_at, emptied.tokens_at), (None, None));
}
