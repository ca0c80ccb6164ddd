//! What is granted and what is refused.

use std::ops::Deref;

use super::{
    HOUR, MINUTE, ONE, alone, claims, granted, know, limit_id, post, refused, reserve, seed, standings, tokens,
};
use crate::contract::fixture::{at, key_id, user_id};
use crate::limit::{Amounts, Ask, Claim, CounterId, Holder, Ledger, LimitRule, Price, Reserved, Subject, Window};

/// Counters that were never seeded are told by their places among the claims, and nothing is held under any of them.
pub async fn unknown_counters_are_told_and_nothing_is_held<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = claims([1, 2, 3].map(|n| LimitRule::per(MINUTE).requests(n)));
    let answer = reserve(&*ledger, 1, &all, &Ask::REQUEST, at(0)).await;
    assert_eq!(answer, Reserved::Unknown(vec![0, 1, 2]));
    seed(&*ledger, &all[1], Vec::new(), at(0)).await;
    let answer = reserve(&*ledger, 1, &all, &Ask::REQUEST, at(0)).await;
    assert_eq!(answer, Reserved::Unknown(vec![0, 2]));
    let told = ledger.standings(&all, at(0)).wait().await.unwrap();
    assert_eq!(
        told.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, true, false]
    );
    assert_eq!(told[1].unwrap().held, Amounts::ZERO);
    know(&*ledger, &all, at(0)).await;
    granted(&*ledger, 1, &all, &Ask::REQUEST, at(0)).await;
}

/// Without a claim everything passes, and nothing has to be known.
pub async fn nothing_binds_without_claims<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let none = claims([]);
    let held = granted(&*ledger, 1, &none, &tokens(5, 1, 7), at(0)).await;
    assert_eq!(held, tokens(5, 1, 7).amounts(7));
    post(&*ledger, 1, &none, (held, held), true, at(0)).await;
    assert!(standings(&*ledger, &none, at(0)).await.is_empty());
}

/// What one limit refuses is held under none of the others.
pub async fn all_or_none_over_several_claims<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let rules = [
        LimitRule::per(MINUTE).requests(10),
        LimitRule::per(HOUR).requests(2),
        LimitRule::per(Window::Day).total_tokens(1_000),
    ];
    let all = claims(rules);
    know(&*ledger, &all, at(0)).await;
    for hold in 1..=2 {
        granted(&*ledger, hold, &all, &tokens(10, 0, 90), at(0)).await;
    }
    for hold in 3..=8 {
        let (by, _) = refused(&*ledger, hold, &all, &tokens(10, 0, 90), at(0)).await;
        assert_eq!(by, 1);
    }
    for standing in standings(&*ledger, &all, at(0)).await {
        assert_eq!((standing.held.requests, standing.held.total_tokens()), (2, 200));
    }
    // The others by themselves still have all of their room.
    let first: std::sync::Arc<[Claim]> = [all[0].clone()].into();
    for hold in 11..=18 {
        granted(&*ledger, hold, &first, &Ask::REQUEST, at(0)).await;
    }
    refused(&*ledger, 19, &first, &Ask::REQUEST, at(0)).await;
}

/// Each maximum holds for itself; what asks for nothing of a kind is not held up by it.
pub async fn each_maximum_holds_for_itself<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let rule = || LimitRule::per(MINUTE);
    let of_prompt = LimitRule {
        max_prompt_tokens: Some(10),
        ..rule()
    };
    let of_completion = LimitRule {
        max_completion_tokens: Some(10),
        ..rule()
    };
    let all = claims([of_prompt, of_completion, rule().total_tokens(15)]);
    know(&*ledger, &all, at(0)).await;
    let one = |n: usize| -> std::sync::Arc<[Claim]> { [all[n].clone()].into() };

    assert_eq!(refused(&*ledger, 1, &one(0), &tokens(11, 0, 0), at(0)).await.0, 0);
    let held = granted(&*ledger, 1, &one(0), &tokens(10, 0, 500), at(0)).await;
    assert_eq!((held.prompt_tokens, held.completion_tokens), (10, 500));
    refused(&*ledger, 2, &one(0), &tokens(1, 0, 0), at(0)).await;
    granted(&*ledger, 2, &one(0), &tokens(0, 0, 500), at(0)).await;

    let held = granted(&*ledger, 3, &one(1), &tokens(500, 1, 500), at(0)).await;
    assert_eq!(
        (held.prompt_tokens, held.completion_tokens),
        (500, 10),
        "as much as there is"
    );
    refused(&*ledger, 4, &one(1), &tokens(500, 1, 500), at(0)).await;
    let held = granted(&*ledger, 4, &one(1), &tokens(500, 0, 500), at(0)).await;
    assert_eq!(held.completion_tokens, 0, "none is enough for who asks for none");

    let held = granted(&*ledger, 5, &one(2), &tokens(6, 1, 4), at(0)).await;
    assert_eq!(held.total_tokens(), 10);
    refused(&*ledger, 6, &one(2), &tokens(3, 3, 9), at(0)).await;
    let held = granted(&*ledger, 6, &one(2), &tokens(3, 2, 9), at(0)).await;
    assert_eq!(held.completion_tokens, 2);
}

/// A maximum of none refuses every request, for as long as anybody can tell.
pub async fn a_maximum_of_none_refuses_all<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let none = alone(&*ledger, LimitRule::per(MINUTE).requests(0), at(0)).await;
    for time in [0, 61_001, 10_000_000] {
        let answer = refused(&*ledger, 1, &none, &Ask::REQUEST, at(time)).await;
        assert_eq!(answer, (0, None));
    }
}

/// A soft limit counts and tells, but never refuses; beside it a hard one does.
pub async fn a_soft_limit_never_refuses<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let soft = LimitRule {
        soft: true,
        ..LimitRule::per(MINUTE).requests(1).total_tokens(5).concurrent(1)
    };
    let all = claims([soft, LimitRule::per(MINUTE).requests(3)]);
    know(&*ledger, &all, at(0)).await;
    for hold in 1..=3 {
        let held = granted(&*ledger, hold, &all, &tokens(10, 5, 50), at(0)).await;
        assert_eq!(held.completion_tokens, 50);
    }
    assert_eq!(refused(&*ledger, 4, &all, &tokens(10, 5, 50), at(0)).await.0, 1);
    let told = standings(&*ledger, &all, at(0)).await[0];
    assert_eq!((told.held.requests, told.held.total_tokens()), (3, 180));
    assert!(told.requests_at.is_some() && told.tokens_at.is_some(), "{told:?}");
}

/// So many are under way at the same time, whatever the window; the place of who ends is free at once.
pub async fn requests_at_the_same_time_are_limited<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let two = alone(&*ledger, LimitRule::per(MINUTE).concurrent(2), at(0)).await;
    let mut held = granted(&*ledger, 1, &two, &Ask::REQUEST, at(0)).await;
    granted(&*ledger, 2, &two, &Ask::REQUEST, at(0)).await;
    for time in [0, 70_000, 100_000_000] {
        let answer = refused(&*ledger, 3, &two, &Ask::REQUEST, at(time)).await;
        assert_eq!(answer, (0, None), "it ends when a request does");
    }
    for hold in 3..20 {
        post(&*ledger, hold - 2, &two, (held, ONE), true, at(100_000_000)).await;
        held = granted(&*ledger, hold, &two, &Ask::REQUEST, at(100_000_000)).await;
        refused(&*ledger, 99, &two, &Ask::REQUEST, at(100_000_000)).await;
    }
    assert_eq!(standings(&*ledger, &two, at(100_000_000)).await[0].held.places, 2);
}

/// Who asks again in the same name holds more, and takes no other place for it; a refusal takes nothing away.
pub async fn asked_again_in_the_same_name_more_is_held<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let rule = LimitRule::per(MINUTE).requests(5).total_tokens(100).concurrent(1);
    let all = alone(&*ledger, rule, at(0)).await;
    let mut sum = granted(&*ledger, 1, &all, &tokens(20, 1, 30), at(0)).await;
    let more = Ask {
        requests: 0,
        places: 0,
        ..tokens(0, 1, 30)
    };
    let second = granted(&*ledger, 1, &all, &more, at(1)).await;
    assert_eq!(second.completion_tokens, 30);
    let third = granted(&*ledger, 1, &all, &more, at(2)).await;
    assert_eq!(third.completion_tokens, 20, "the rest");
    refused(&*ledger, 1, &all, &more, at(3)).await;
    sum = sum.plus(second).plus(third);
    assert_eq!(standings(&*ledger, &all, at(3)).await[0].held, sum);
    assert_eq!(
        sum,
        Amounts {
            places: 1,
            ..tokens(20, 0, 0).amounts(80)
        }
    );
    post(&*ledger, 1, &all, (sum, ONE), true, at(4)).await;
    let left = standings(&*ledger, &all, at(4)).await[0];
    assert_eq!((left.used, left.held), (ONE, Amounts::ZERO));
}

/// Money is counted in millionths, rounded up for each request; as many tokens are granted as can be paid.
pub async fn cost_is_counted_in_millionths<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = alone(&*ledger, LimitRule::per(HOUR).cost_micros(1_000), at(0)).await;
    // 2 millionths a token read, 2.5 a token written.
    let price = Price {
        prompt: 2_000_000,
        completion: 2_500_000,
        ..Price::FREE
    };
    let priced = |prompt, least, most| Ask {
        price,
        ..tokens(prompt, least, most)
    };
    let held = granted(&*ledger, 1, &all, &priced(100, 1, 101), at(0)).await;
    assert_eq!((held.completion_tokens, held.cost_micros), (101, 200 + 253));
    let held = granted(&*ledger, 2, &all, &priced(200, 1, 500), at(0)).await;
    assert_eq!((held.completion_tokens, held.cost_micros), (58, 400 + 145));
    refused(&*ledger, 3, &all, &priced(0, 1, 1), at(0)).await;
    let free = granted(&*ledger, 3, &all, &tokens(9, 9, 9), at(0)).await;
    assert_eq!(free.cost_micros, 0, "what costs nothing passes");
    // What was cheaper than thought leaves room.
    let cheap = Amounts { cost_micros: 1, ..held };
    post(&*ledger, 2, &all, (held, cheap), true, at(0)).await;
    assert_eq!(
        granted(&*ledger, 4, &all, &priced(0, 1, 500), at(0))
            .await
            .completion_tokens,
        218
    );
    // Time, on top of tokens.
    let time = |extra_cost| Ask {
        requests: 0,
        places: 0,
        extra_cost,
        ..Ask::REQUEST
    };
    refused(&*ledger, 3, &all, &time(2), at(0)).await;
    assert_eq!(
        granted(&*ledger, 3, &all, &time(1), at(0)).await.cost_micros,
        1,
        "to the last one"
    );
    refused(&*ledger, 3, &all, &time(1), at(0)).await;
}

/// Of several limits that refuse, the one is named that lasts longest, and after that time all pass.
pub async fn the_longest_refusal_is_told<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let all = claims([MINUTE, HOUR, MINUTE].map(|window| LimitRule::per(window).requests(1)));
    know(&*ledger, &all, at(0)).await;
    let held = granted(&*ledger, 1, &all, &Ask::REQUEST, at(0)).await;
    assert_eq!(refused(&*ledger, 2, &all, &Ask::REQUEST, at(0)).await.1, None);
    post(&*ledger, 1, &all, (held, ONE), true, at(0)).await;
    let (by, retry_after) = refused(&*ledger, 2, &all, &Ask::REQUEST, at(0)).await;
    assert_eq!(by, 1);
    granted(&*ledger, 2, &all, &Ask::REQUEST, at(0) + retry_after.unwrap()).await;
}

/// Numbers that cannot be are very many, and neither an error nor few.
pub async fn absurd_amounts_are_very_many<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let soft = LimitRule {
        soft: true,
        ..LimitRule::per(MINUTE).total_tokens(1).cost_micros(1)
    };
    let all = claims([soft, LimitRule::per(MINUTE).requests(10)]);
    know(&*ledger, &all, at(0)).await;
    let price = Price {
        prompt: u64::MAX,
        completion: u64::MAX,
        ..Price::FREE
    };
    let absurd = Ask {
        price,
        ..tokens(u64::MAX, 0, u64::MAX)
    };
    for hold in 1..=3 {
        let held = granted(&*ledger, hold, &all, &absurd, at(0)).await;
        post(&*ledger, hold, &all, (held, held), true, at(hold_time(hold))).await;
    }
    let told = standings(&*ledger, &all, at(2_000)).await;
    assert!(told[0].used.cost_micros >= i64::MAX.unsigned_abs(), "{told:?}");
    assert_eq!((told[1].used.requests, told[1].held), (3, Amounts::ZERO));
    let hard = LimitRule::per(MINUTE).total_tokens(1 << 60);
    let hard: std::sync::Arc<[Claim]> = [Claim {
        rule: hard,
        ..all[0].clone()
    }]
    .into();
    let (_, retry_after) = refused(&*ledger, 4, &hard, &tokens(1, 0, 0), at(2_000)).await;
    let free_at = at(2_000) + retry_after.unwrap();
    granted(&*ledger, 4, &hard, &tokens(1, 0, 0), free_at).await;
}

/// In three different parts of a minute.
fn hold_time(hold: usize) -> i64 {
    i64::try_from(hold).expect("a small number") * 1_000 - 1_000
}

/// Counters are told apart by limit, holder and window; changing a rule's numbers keeps its counter.
pub async fn counters_are_told_apart<D>(ledger: D)
where
    D: Deref<Target: Ledger> + Send + Sync + 'static,
{
    let same = uuid::Uuid::from_u128(7);
    let holders = [
        Holder::Everyone,
        Holder::User(user_id(1)),
        Holder::User(crate::id::UserId::SHARED),
        Holder::User(crate::id::UserId::from_uuid(same)),
        Holder::Key(crate::id::KeyId::from_uuid(same)),
        Holder::Key(key_id(1)),
    ];
    let mut all = Vec::new();
    for limit in 1..=2 {
        for holder in holders {
            for window in [MINUTE, HOUR, Window::Day, Window::Month] {
                all.push(Claim {
                    counter: CounterId {
                        limit: limit_id(limit),
                        holder,
                        window,
                    },
                    rule: LimitRule::per(window).requests(1),
                    subject: Subject::Tier,
                    keys: Vec::new(),
                });
            }
        }
    }
    all.sort_by_key(|claim| claim.counter);
    know(&*ledger, &all, at(0)).await;
    for (n, claim) in all.iter().enumerate() {
        let one: std::sync::Arc<[Claim]> = [claim.clone()].into();
        granted(&*ledger, n, &one, &Ask::REQUEST, at(0)).await;
        refused(&*ledger, 1_000, &one, &Ask::REQUEST, at(0)).await;
    }
    let one: std::sync::Arc<[Claim]> = [Claim {
        rule: LimitRule::per(all[0].counter.window).requests(2),
        ..all[0].clone()
    }]
    .into();
    granted(&*ledger, 1_000, &one, &Ask::REQUEST, at(0)).await;
    refused(&*ledger, 1_001, &one, &Ask::REQUEST, at(0)).await;
    let every: std::sync::Arc<[Claim]> = all.into();
    assert_eq!(standings(&*ledger, &every, at(0)).await.len(), 48);
}
