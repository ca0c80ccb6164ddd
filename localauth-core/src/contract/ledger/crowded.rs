//! Many at once.

use std::ops::Deref;
use std::sync::Arc;

use super::{HOUR, MINUTE, ONE, alone, claims, know, reserve, standings, tokens};
use crate::contract::crowd::at_once;
use crate::contract::fixture::{at, request_id};
use crate::limit::{Amounts, Ask, Claim, Ledger, LimitRule, Reserved, Window};

/// Five hundred at once on a limit of a hundred: a hundred pass, no more and no fewer.
pub async fn of_five_hundred_at_once_a_hundred_pass<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let ledger = Arc::new(ledger);
    let rules = [
        LimitRule::per(MINUTE).requests(100),
        LimitRule::per(HOUR).requests(300),
        LimitRule::per(Window::Day).requests(200),
    ];
    let all = claims(rules);
    know(&**ledger, &all, at(0)).await;
    let answers = at_once(500, |i| {
        let (ledger, all) = (Arc::clone(&ledger), Arc::clone(&all));
        async move {
            let answer = reserve(&**ledger, i, &all, &Ask::REQUEST, at(0)).await;
            if let Reserved::Granted { held, .. } = &answer {
                // Some have ended while others still ask.
                ledger.post(request_id(i), &all, *held, ONE, true, at(0));
            }
            answer
        }
    })
    .await;
    let passed = answers.iter().filter(|a| matches!(a, Reserved::Granted { .. })).count();
    assert_eq!(passed, 100);
    assert!(answers.iter().all(|a| !matches!(a, Reserved::Unknown(_))));
    ledger.flush().wait().await.unwrap();
    for told in standings(&**ledger, &all, at(0)).await {
        assert_eq!(
            (told.used, told.held),
            (Amounts { requests: 100, ..ONE }, Amounts::ZERO)
        );
    }
}

/// Many who take tokens in small grants never have more than the limit together, and use nearly all of it.
pub async fn small_grants_use_the_limit_and_no_more<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    const MOST: u64 = 5_000;
    let ledger = Arc::new(ledger);
    let all = alone(&**ledger, LimitRule::per(HOUR).total_tokens(MOST), at(0)).await;
    let used = at_once(64, |i| {
        let (ledger, all) = (Arc::clone(&ledger), Arc::clone(&all));
        async move {
            let mut ask = tokens(3, 1, 40);
            let (mut sum, mut held_now) = (0, Amounts::ZERO);
            while let Reserved::Granted { held, .. } = reserve(&**ledger, i, &all, &ask, at(0)).await {
                held_now = held_now.plus(held);
                // Used up before more is asked for.
                let used = Amounts { places: 0, ..held_now };
                ledger.post(request_id(i), &all, used, used, false, at(0));
                sum += used.total_tokens();
                held_now = held_now.minus(used);
                ask = Ask {
                    requests: 0,
                    places: 0,
                    ..tokens(0, 1, 40)
                };
            }
            ledger.post(request_id(i), &all, held_now, Amounts::ZERO, true, at(0));
            sum
        }
    })
    .await;
    let used: u64 = used.iter().sum();
    assert!((MOST * 95 / 100..=MOST).contains(&used), "{used} of {MOST}");
    ledger.flush().wait().await.unwrap();
    let told = standings(&**ledger, &all, at(0)).await[0];
    assert_eq!((told.used.total_tokens(), told.held), (used, Amounts::ZERO));
}

/// Requests that come and go under different claims neither wait for each other for ever nor leave anything behind.
pub async fn who_comes_and_goes_leaves_nothing_behind<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    const TASKS: usize = 24;
    let ledger = Arc::new(ledger);
    let rules = [MINUTE, HOUR, Window::Day, Window::Month].map(|window| LimitRule::per(window).concurrent(8));
    let all = claims(rules);
    know(&**ledger, &all, at(0)).await;
    let passed = at_once(TASKS, |i| {
        let (ledger, all) = (Arc::clone(&ledger), Arc::clone(&all));
        async move {
            let mut passed = 0;
            for round in 0..12 {
                // Each time other ones, in the order of their counters.
                let mask = (i * 5 + round * 3) % 15 + 1;
                let mine = all.iter().enumerate().filter(|(n, _)| mask >> n & 1 == 1);
                let mine: Arc<[Claim]> = mine.map(|(_, claim)| claim.clone()).collect();
                let hold = i * 1_000 + round;
                match reserve(&**ledger, hold, &mine, &Ask::REQUEST, at(0)).await {
                    Reserved::Granted { held, standings } => {
                        assert!(standings.iter().all(|one| one.held.places <= 8), "{standings:?}");
                        passed += mine.len() as u64;
                        tokio::task::yield_now().await;
                        ledger.post(request_id(hold), &mine, held, ONE, true, at(0));
                    }
                    Reserved::Refused { retry_after, .. } => assert_eq!(retry_after, None),
                    Reserved::Unknown(which) => panic!("{which:?} were known"),
                }
            }
            passed
        }
    })
    .await;
    ledger.flush().wait().await.unwrap();
    let told = standings(&**ledger, &all, at(0)).await;
    assert!(told.iter().all(|one| one.held.is_zero()), "{told:?}");
    let used: u64 = told.iter().map(|one| one.used.requests).sum();
    assert_eq!(used, passed.iter().sum::<u64>());
}
