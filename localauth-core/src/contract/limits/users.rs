//! Limits of users, and the tier each is in.

use std::ops::Deref;
use std::time::Duration;

use super::{MANY, furnish, house, limit, limit_id, limits, put, tier};
use crate::contract::fixture::{ODD_TEXTS, add, at, huge_text, new_user, user_id};
use crate::limit::{Limit, LimitRule, OnOutage, Window};
use crate::store::{ChangeUser, LimitStore, PutLimit, UserLimits, UserStore};

/// Nothing limits somebody who is no user, and nothing can be given to them or taken from them.
pub async fn nobody_has_no_limits<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let nobody = user_id(9);
    furnish(&*store, &house(&["free"])).await;
    let before = store.latest_epoch().await.unwrap();
    assert_eq!(store.user_limits(nobody).await.unwrap(), UserLimits::default());
    assert!(store.limits_of_users(&[nobody]).await.unwrap().is_empty());
    assert!(store.limits_of_users(&[]).await.unwrap().is_empty());
    let refused = store.put_user_limit(nobody, &limit(1, ""), MANY).await.unwrap();
    assert_eq!(refused, PutLimit::NotFound);
    assert_eq!(store.delete_user_limit(nobody, limit_id(1)).await.unwrap(), None);
    assert_eq!(store.set_user_tier(nobody, Some(&tier("free"))).await.unwrap(), None);
    assert_eq!(store.set_user_tier(nobody, None).await.unwrap(), None);
    assert_eq!(store.user_limits(nobody).await.unwrap(), UserLimits::default());
    assert_eq!(store.latest_epoch().await.unwrap(), before, "nothing was written");
}

/// A limit comes back as it was put, with all it has; a user's limits are ordered by model, to the byte, each model told
/// apart to the letter.
pub async fn limits_come_back_as_put_in_the_order_of_models<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let full = LimitRule {
        model: "b".to_owned(),
        window: Window::Rolling(Duration::from_secs(90)),
        max_requests: Some(u64::MAX),
        max_total_tokens: Some(0),
        max_prompt_tokens: Some(1),
        max_completion_tokens: Some(u64::MAX - 1),
        max_cost_micros: Some(7),
        max_concurrent: Some(2),
        soft: true,
        on_outage: OnOutage::Open,
    };
    let full = Limit {
        id: limit_id(1),
        rule: full,
    };
    let by_day = Limit {
        id: limit_id(2),
        rule: LimitRule::per(Window::Day).requests(1),
    };
    let by_month = Limit {
        id: limit_id(3),
        rule: LimitRule::per(Window::Month).requests(1).of_model("É"),
    };
    let others = ["a", "B", "b ", "_", "ä"].iter().zip(10..);
    let mut all: Vec<Limit> = others.map(|(model, n)| limit(n, model)).collect();
    all.extend([full, by_month, by_day]);
    for one in &all {
        assert_eq!(put(&*store, user.id, one).await.0, one.id);
    }
    all.sort_by(|a, b| a.rule.model.cmp(&b.rule.model));
    assert_eq!(limits(&*store, user.id).await, all);
}

/// A limit for a model that has one replaces it, and keeps its id, whatever else changes.
pub async fn a_limit_for_the_same_model_keeps_its_id<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let other = add(&*store, new_user(2)).await;
    put(&*store, user.id, &limit(1, "llama")).await;
    put(&*store, user.id, &limit(2, "")).await;
    put(&*store, other.id, &limit(3, "llama")).await;
    let another = Limit {
        id: limit_id(4),
        rule: LimitRule::per(Window::Month).total_tokens(5).of_model("llama"),
    };
    let (id, _) = put(&*store, user.id, &another).await;
    assert_eq!(id, limit_id(1));
    let replaced = Limit {
        id: limit_id(1),
        ..another
    };
    assert_eq!(limits(&*store, user.id).await, [limit(2, ""), replaced]);
    assert_eq!(
        limits(&*store, other.id).await,
        [limit(3, "llama")],
        "somebody else's stays"
    );
    assert_eq!(store.delete_user_limit(user.id, limit_id(4)).await.unwrap(), None);
}

/// A user has so many limits at most; one for the same model still replaces.
pub async fn a_user_has_at_most_so_many_limits<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let refused = store.put_user_limit(user.id, &limit(1, "a"), 0).await.unwrap();
    assert_eq!(refused, PutLimit::TooMany);
    for (n, model) in ["a", "b"].into_iter().enumerate() {
        let answer = store.put_user_limit(user.id, &limit(n, model), 2).await.unwrap();
        assert!(matches!(answer, PutLimit::Put(..)), "{answer:?}");
    }
    let before = store.find_user(user.id).await.unwrap();
    let refused = store.put_user_limit(user.id, &limit(3, "c"), 2).await.unwrap();
    assert_eq!(refused, PutLimit::TooMany);
    assert_eq!(store.find_user(user.id).await.unwrap(), before, "nothing was written");
    let answer = store.put_user_limit(user.id, &limit(4, "b"), 2).await.unwrap();
    assert!(
        matches!(answer, PutLimit::Put(id, _) if id == limit_id(1)),
        "{answer:?}"
    );
    store.delete_user_limit(user.id, limit_id(0)).await.unwrap().unwrap();
    let answer = store.put_user_limit(user.id, &limit(3, "c"), 2).await.unwrap();
    assert!(matches!(answer, PutLimit::Put(..)), "{answer:?}");
}

/// A limit is taken away from the user who has it, once.
pub async fn a_limit_is_taken_away_once<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    for n in 1..=2 {
        put(&*store, ada.id, &limit(n, &n.to_string())).await;
    }
    assert_eq!(store.delete_user_limit(bob.id, limit_id(1)).await.unwrap(), None);
    assert_eq!(store.delete_user_limit(ada.id, limit_id(3)).await.unwrap(), None);
    assert!(store.delete_user_limit(ada.id, limit_id(1)).await.unwrap().is_some());
    assert_eq!(store.delete_user_limit(ada.id, limit_id(1)).await.unwrap(), None);
    assert_eq!(limits(&*store, ada.id).await, [limit(2, "2")]);
}

/// A user is put into a tier that is there at that moment, from one into another, and out of any.
pub async fn a_user_is_put_into_a_tier_that_is_there<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let (user, bystander) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let free = tier("free");
    assert_eq!(store.set_user_tier(user.id, Some(&free)).await.unwrap(), None);
    furnish(&*store, &house(&["free", "pro"])).await;
    put(&*store, user.id, &limit(1, "")).await;
    for name in ["free", "pro", "pro"] {
        let name = tier(name);
        assert!(store.set_user_tier(user.id, Some(&name)).await.unwrap().is_some());
        let expected = UserLimits {
            tier: Some(name),
            limits: vec![limit(1, "")],
        };
        assert_eq!(store.user_limits(user.id).await.unwrap(), expected);
        let missing = store.set_user_tier(user.id, Some(&tier("gold"))).await.unwrap();
        assert_eq!(missing, None);
        assert_eq!(
            store.user_limits(user.id).await.unwrap(),
            expected,
            "nothing was written"
        );
    }
    for _ in 0..2 {
        assert!(store.set_user_tier(user.id, None).await.unwrap().is_some());
        assert_eq!(store.user_limits(user.id).await.unwrap().tier, None);
    }
    assert_eq!(store.user_limits(bystander.id).await.unwrap(), UserLimits::default());
}

/// The limits of several users are told together, each as if asked for alone; those without any are left out, and who is
/// named twice is told once.
pub async fn limits_of_several_are_told_together<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    furnish(&*store, &house(&["free"])).await;
    let mut asked = Vec::new();
    for n in 0..30 {
        let id = add(&*store, new_user(n)).await.id;
        asked.push(id);
        if n % 3 == 1 {
            store.set_user_tier(id, Some(&tier("free"))).await.unwrap();
        }
        for model in 0..n % 4 {
            put(&*store, id, &limit(n * 10 + model, &model.to_string())).await;
        }
    }
    asked.push(user_id(99));
    asked.push(asked[3]);
    asked.push(asked[7]);
    let told = store.limits_of_users(&asked).await.unwrap();
    for id in &asked {
        let alone = store.user_limits(*id).await.unwrap();
        let expected = Some(alone).filter(|limits| *limits != UserLimits::default());
        assert_eq!(told.get(id), expected.as_ref());
    }
    assert_eq!(
        told.len(),
        25,
        "of 30 users, five have neither a tier nor a limit: {told:?}"
    );
}

/// What limits a user goes with them: a user who is deleted keeps no tier from being left out, and no limit.
pub async fn limits_are_deleted_with_their_user<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    furnish(&*store, &house(&["free", "pro"])).await;
    for (user, n, name) in [(&ada, 1, "free"), (&bob, 2, "pro")] {
        put(&*store, user.id, &limit(n, "")).await;
        store.set_user_tier(user.id, Some(&tier(name))).await.unwrap().unwrap();
    }
    let deleted = store.delete_user(ada.id, at(1)).await.unwrap();
    assert!(matches!(deleted, ChangeUser::Changed(_)), "{deleted:?}");
    assert_eq!(store.user_limits(ada.id).await.unwrap(), UserLimits::default());
    assert_eq!(store.delete_user_limit(ada.id, limit_id(1)).await.unwrap(), None);
    assert_eq!(store.limits_of_users(&[ada.id, bob.id]).await.unwrap().len(), 1);
    furnish(&*store, &house(&["pro"])).await;
    // Who comes under the same id begins with nothing.
    let again = add(&*store, new_user(1)).await;
    assert_eq!(store.user_limits(again.id).await.unwrap(), UserLimits::default());
}

/// The name of a model comes back as it was, or the limit is refused; never changed.
pub async fn odd_models_come_back_whole_or_are_refused<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let texts = ODD_TEXTS.map(str::to_owned).into_iter().chain([huge_text()]);
    for (n, text) in texts.enumerate() {
        let odd = limit(n, &text);
        let answer = store.put_user_limit(user.id, &odd, MANY).await;
        let stored = limits(&*store, user.id).await;
        assert_eq!(answer.is_ok(), stored.contains(&odd), "{text:?}");
        assert!(stored.iter().all(|limit| limit.id != odd.id || *limit == odd));
        if answer.is_ok() {
            assert!(store.delete_user_limit(user.id, odd.id).await.unwrap().is_some());
        }
    }
    assert_eq!(limits(&*store, user.id).await, []);
}
