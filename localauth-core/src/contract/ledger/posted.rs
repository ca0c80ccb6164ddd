//! What becomes of what is held.

use std::ops::Deref;
use std::sync::Arc;

use super::{HOUR, MINUTE, ONE, alone, claims, granted, know, post, refused, standings, tokens};
use crate::contract::crowd::give_up_after;
use crate::contract::fixture::{at, request_id};
use crate::limit::{Amounts, Ask, Ledger, LimitRule, Reserved};

/// What was held is let go, and what was used counts instead: less, as much, or more.
pub async fn use_takes_the_place_of_what_was_held<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = alone(&*ledger, LimitRule::per(MINUTE).total_tokens(100), at(0)).await;
    let held = granted(&*ledger, 1, &all, &tokens(10, 0, 90), at(0)).await;
    refused(&*ledger, 2, &all, &tokens(1, 0, 0), at(0)).await;
    post(&*ledger, 1, &all, (held, tokens(10, 0, 0).amounts(20)), true, at(0)).await;
    let held = granted(&*ledger, 2, &all, &tokens(0, 1, 90), at(0)).await;
    assert_eq!(held.completion_tokens, 70);
    // More than was held: it was used, so it counts.
    post(&*ledger, 2, &all, (held, tokens(0, 0, 0).amounts(500)), true, at(0)).await;
    let told = standings(&*ledger, &all, at(0)).await[0];
    assert_eq!((told.used.total_tokens(), told.held), (530, Amounts::ZERO));
    refused(&*ledger, 3, &all, &tokens(1, 0, 0), at(0)).await;
}

/// Who uses nothing leaves nothing behind.
pub async fn who_uses_nothing_leaves_nothing<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = alone(&*ledger, LimitRule::per(HOUR).requests(1), at(0)).await;
    for hold in 0..10 {
        let held = granted(&*ledger, hold, &all, &Ask::REQUEST, at(0)).await;
        post(&*ledger, hold, &all, (held, Amounts::ZERO), true, at(0)).await;
    }
    let told = standings(&*ledger, &all, at(0)).await[0];
    assert_eq!(
        (told.used, told.held, told.empty_at),
        (Amounts::ZERO, Amounts::ZERO, None)
    );
}

/// A hold is settled in parts: each lets go of some of it and counts at its own time, and the last of all that is left.
pub async fn a_hold_is_settled_in_parts<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = claims([MINUTE, HOUR].map(|window| LimitRule::per(window).total_tokens(1_000)));
    know(&*ledger, &all, at(0)).await;
    let other = granted(&*ledger, 2, &all, &tokens(7, 0, 0), at(0)).await;
    let mut left = granted(&*ledger, 1, &all, &tokens(100, 0, 60), at(0)).await;
    let first = tokens(100, 0, 0).amounts(0);
    let first = Amounts { places: 0, ..first };
    post(&*ledger, 1, &all, (first, first), false, at(0)).await;
    left = left.minus(first);
    for part in 1..=5 {
        let ten = Amounts {
            completion_tokens: 10,
            ..Amounts::ZERO
        };
        post(&*ledger, 1, &all, (ten, ten), false, at(part * 13_000)).await;
        left = left.minus(ten);
        for told in standings(&*ledger, &all, at(part * 13_000)).await {
            assert_eq!(told.held, left.plus(other));
        }
    }
    post(&*ledger, 1, &all, (left, Amounts::ZERO), true, at(65_000)).await;
    let told = standings(&*ledger, &all, at(65_000)).await;
    assert_eq!(
        (told[0].used.total_tokens(), told[0].held),
        (50, other),
        "a minute forgot the first"
    );
    assert_eq!((told[1].used.total_tokens(), told[1].held), (150, other));
}

/// Several requests that end in any order come to the same.
pub async fn postings_in_any_order_come_to_the_same<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    // The same on several counters, each in an order of its own.
    let counters = claims((0..6).map(|_| LimitRule::per(MINUTE).total_tokens(10_000)));
    know(&*ledger, &counters, at(0)).await;
    let orders: [[usize; 5]; 6] = [
        [0, 1, 2, 3, 4],
        [4, 3, 2, 1, 0],
        [2, 0, 4, 1, 3],
        [1, 4, 0, 3, 2],
        [3, 1, 0, 4, 2],
        [0, 2, 4, 3, 1],
    ];
    let mut ends = Vec::new();
    for (counter, order) in orders.into_iter().enumerate() {
        let one: Arc<[_]> = [counters[counter].clone()].into();
        let mut held = Vec::new();
        for hold in 0..5 {
            let ask = tokens(10 + hold as u64, 0, 100);
            held.push(granted(&*ledger, counter * 10 + hold, &one, &ask, at(0)).await);
        }
        for hold in order {
            let used = Amounts {
                completion_tokens: 7 * hold as u64,
                ..ONE
            };
            // Some of them in two parts.
            let name = request_id(counter * 10 + hold);
            let some = Amounts {
                completion_tokens: 50,
                ..Amounts::ZERO
            };
            ledger.post(name, &one, some, used, false, at(20_000));
            ledger.post(name, &one, held[hold].minus(some), ONE, true, at(20_000));
        }
        ledger.flush().wait().await.unwrap();
        ends.push(standings(&*ledger, &one, at(20_000)).await[0]);
    }
    assert_eq!((ends[0].used.requests, ends[0].used.completion_tokens), (10, 70));
    assert_eq!(ends[0].held, Amounts::ZERO);
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}

/// Whoever walks away before the answer holds nothing in the end, and is in nobody's way.
pub async fn who_walks_away_holds_nothing<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = alone(&*ledger, LimitRule::per(MINUTE).requests(1_000), at(0)).await;
    let mut expected = Amounts::ZERO;
    for hold in 0..60 {
        let asked = ledger.reserve(request_id(hold), &all, &Ask::REQUEST, at(0));
        if let Some(answer) = give_up_after(hold % 20 + 1, asked.wait()).await {
            let Reserved::Granted { held, .. } = answer.unwrap() else {
                panic!("there is room")
            };
            expected = expected.plus(held);
        }
        let stays = granted(&*ledger, 100 + hold, &all, &Ask::REQUEST, at(0)).await;
        expected = expected.plus(stays);
    }
    // What they asked for is let go after it was granted: a little later.
    let mut told = Amounts::ZERO;
    for _ in 0..1_000 {
        ledger.flush().wait().await.unwrap();
        told = standings(&*ledger, &all, at(0)).await[0].held;
        if told == expected {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{told:?} is held, and should be {expected:?}");
}
