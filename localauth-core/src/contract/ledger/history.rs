//! What a counter begins with, and what is forgotten.

use std::ops::Deref;
use std::sync::Arc;

use super::{HOUR, MINUTE, ONE, alone, claims, granted, know, post, refused, reserve, seed, standings};
use crate::contract::crowd::{CROWD, at_once};
use crate::contract::fixture::at;
use crate::limit::{Amounts, Ask, Ledger, LimitRule, Reserved, Window};

fn requests(count: u64) -> Amounts {
    Amounts {
        requests: count,
        prompt_tokens: count * 10,
        completion_tokens: count * 5,
        cost_micros: count * 3,
        places: 0,
    }
}

/// What was used before a counter was known counts as if it had been posted then.
pub async fn a_counter_begins_with_its_history<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = claims([LimitRule::per(MINUTE).requests(6)]);
    // In any order, and with what is too old.
    let history = [(-20_000, 2), (-59_000, 1), (-200_000, 100), (-1, 1), (-20_000, 1)];
    let history = history.map(|(millis, count)| (at(millis), requests(count)));
    seed(&*ledger, &all[0], history.to_vec(), at(0)).await;
    let told = standings(&*ledger, &all, at(0)).await[0];
    assert_eq!((told.used, told.held), (requests(5), Amounts::ZERO));
    granted(&*ledger, 1, &all, &Ask::REQUEST, at(0)).await;
    refused(&*ledger, 2, &all, &Ask::REQUEST, at(0)).await;
    let told = standings(&*ledger, &all, at(2_001)).await[0];
    assert_eq!(told.used, requests(4), "the oldest has left the window");
    let told = standings(&*ledger, &all, at(41_001)).await[0];
    assert_eq!(told.used, requests(1));
}

/// What seems to be of the future, as after a clock was put back, counts from now on.
pub async fn history_of_the_future_counts_from_now_on<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = claims([LimitRule::per(MINUTE).requests(1)]);
    seed(&*ledger, &all[0], vec![(at(1_000_000_000), ONE)], at(0)).await;
    refused(&*ledger, 1, &all, &Ask::REQUEST, at(0)).await;
    granted(&*ledger, 1, &all, &Ask::REQUEST, at(61_001)).await;
}

/// A counter that is known begins only once: later histories change nothing.
pub async fn seeding_twice_counts_once<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = claims([LimitRule::per(MINUTE).requests(10)]);
    for count in [3, 3, 7, 0] {
        seed(&*ledger, &all[0], vec![(at(-1), requests(count))], at(0)).await;
        assert_eq!(standings(&*ledger, &all, at(0)).await[0].used, requests(3));
    }
    let held = granted(&*ledger, 1, &all, &Ask::REQUEST, at(0)).await;
    seed(&*ledger, &all[0], vec![(at(-1), requests(9))], at(0)).await;
    let told = standings(&*ledger, &all, at(0)).await[0];
    assert_eq!((told.used, told.held), (requests(3), held));
}

/// Of many who seed a counter at once one's history counts, and wholly.
pub async fn of_many_histories_at_once_one_counts<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let ledger = Arc::new(ledger);
    let all = claims([HOUR, MINUTE, Window::Month].map(|window| LimitRule::per(window).requests(1)));
    for claim in &*all {
        at_once(CROWD, |i| {
            let (ledger, claim) = (Arc::clone(&ledger), claim.clone());
            // Each tells of as many requests as they have told tokens of, in several parts of the window.
            let count = i as u64 + 1;
            let history = (0..count)
                .map(|part| (at(-1_500 * i64::try_from(part).expect("few")), requests(1)))
                .collect();
            async move { seed(&**ledger, &claim, history, at(0)).await }
        })
        .await;
    }
    for told in standings(&**ledger, &all, at(0)).await {
        assert!((1..=CROWD as u64).contains(&told.used.requests), "{told:?}");
        assert_eq!(told.used, requests(told.used.requests), "of one, and wholly");
    }
}

/// Sweeping forgets nothing that counts: neither what was used, at any time of its window, nor what is held.
pub async fn sweeping_loses_nothing_that_counts<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = claims([MINUTE, HOUR, Window::Day].map(|window| LimitRule::per(window).requests(100)));
    know(&*ledger, &all, at(0)).await;
    let idle = granted(&*ledger, 0, &all, &Ask::REQUEST, at(0)).await;
    for (n, seconds) in (1..=12).zip((0..).step_by(11)) {
        let now = at(seconds * 1_000);
        let held = granted(&*ledger, n, &all, &Ask::REQUEST, now).await;
        post(&*ledger, n, &all, (held, ONE), true, now).await;
        let before = standings(&*ledger, &all, now).await;
        ledger.sweep(now).wait().await.unwrap();
        assert_eq!(standings(&*ledger, &all, now).await, before);
    }
    let later = at(2 * 86_400_000);
    ledger.sweep(later).wait().await.unwrap();
    for told in standings(&*ledger, &all, later).await {
        assert_eq!((told.used, told.held), (Amounts::ZERO, idle));
    }
    post(&*ledger, 0, &all, (idle, ONE), true, later).await;
    for told in standings(&*ledger, &all, later).await {
        assert_eq!((told.used, told.held), (ONE, Amounts::ZERO));
    }
}

/// A counter that counts nothing and holds nothing is forgotten, and begins anew when it is asked for.
pub async fn idle_counters_are_forgotten<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = alone(&*ledger, LimitRule::per(MINUTE).requests(1), at(0)).await;
    let held = granted(&*ledger, 1, &all, &Ask::REQUEST, at(0)).await;
    post(&*ledger, 1, &all, (held, ONE), true, at(0)).await;
    let later = at(10_000_000);
    ledger.sweep(later).wait().await.unwrap();
    assert_eq!(ledger.standings(&all, later).wait().await.unwrap(), [None]);
    let answer = reserve(&*ledger, 2, &all, &Ask::REQUEST, later).await;
    assert_eq!(answer, Reserved::Unknown(vec![0]));
    seed(&*ledger, &all[0], vec![(later, ONE)], later).await;
    refused(&*ledger, 2, &all, &Ask::REQUEST, later).await;
}

/// What is posted to a counter that is not known is no failure, and does not make it known.
pub async fn nothing_is_posted_to_unknown_counters<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = claims([MINUTE, HOUR].map(|window| LimitRule::per(window).requests(1)));
    seed(&*ledger, &all[1], Vec::new(), at(0)).await;
    post(&*ledger, 1, &all, (Amounts::ZERO, ONE), true, at(0)).await;
    let told = ledger.standings(&all, at(0)).wait().await.unwrap();
    assert_eq!((told[0], told[1].map(|one| one.used)), (None, Some(ONE)));
}
