//! Many at once.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use super::{MANY, furnish, house, limit, limit_id, limits, tier};
use crate::contract::crowd::{CROWD, at_once, both};
use crate::contract::fixture::{add, at, changes, get, new_user, user_id};
use crate::id::{Epoch, UserId};
use crate::store::{ChangeUser, LimitStore, PutLimit, ReplaceHouseRules, UserLimits, UserStore};

/// Of many limits for one model at once one is there, under the id that all are told, and as the last of them said.
pub async fn a_model_has_one_limit_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for round in 0..3 {
        let user = add(&**store, new_user(round)).await;
        let answers = at_once(CROWD, |i| {
            let store = Arc::clone(&store);
            let limit = limit(round * 100 + i, "llama");
            async move {
                match store.put_user_limit(user.id, &limit, MANY).await.unwrap() {
                    PutLimit::Put(id, epoch) => (id, epoch, limit.rule),
                    other => panic!("{other:?}"),
                }
            }
        })
        .await;
        let stored = limits(&**store, user.id).await;
        let (id, epoch, rule) = answers.iter().max_by_key(|(_, epoch, _)| *epoch).expect("many").clone();
        assert!(answers.iter().all(|answer| answer.0 == id), "they were told other ids");
        let epochs: BTreeSet<Epoch> = answers.iter().map(|answer| answer.1).collect();
        assert_eq!(epochs.len(), CROWD, "an epoch was given out twice");
        assert_eq!(stored.len(), 1);
        assert_eq!((stored[0].id, &stored[0].rule), (id, &rule));
        assert_eq!(get(&**store, user.id).await.epoch, epoch);
    }
}

/// Of many limits for as many models at once a user gets no more than there may be.
pub async fn a_user_gets_no_more_limits_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    const MOST: usize = 7;
    let store = Arc::new(store);
    let user = add(&**store, new_user(1)).await;
    let answers = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        async move {
            let limit = limit(i, &i.to_string());
            store.put_user_limit(user.id, &limit, MOST).await.unwrap()
        }
    })
    .await;
    let mut told: Vec<_> = answers
        .iter()
        .filter_map(|answer| match answer {
            PutLimit::Put(id, _) => Some(*id),
            PutLimit::TooMany => None,
            PutLimit::NotFound => panic!("the user is there"),
        })
        .collect();
    let mut stored: Vec<_> = limits(&**store, user.id).await.iter().map(|limit| limit.id).collect();
    told.sort_unstable();
    stored.sort_unstable();
    assert_eq!(stored.len(), MOST);
    assert_eq!(stored, told);
}

/// A limit is taken away by one of many at once.
pub async fn a_limit_is_taken_away_by_one_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(1)).await;
    super::put(&**store, user.id, &limit(1, "")).await;
    let answers = at_once(CROWD, |_| {
        let store = Arc::clone(&store);
        async move { store.delete_user_limit(user.id, limit_id(1)).await.unwrap() }
    })
    .await;
    let told: Vec<Epoch> = answers.into_iter().flatten().collect();
    assert_eq!(told, [get(&**store, user.id).await.epoch]);
}

/// Of many administrators who change the same house rules at once one does; the others are told that theirs are
/// outdated.
pub async fn house_rules_are_replaced_by_one_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for _ in 0..4 {
        let (_, since) = store.house_rules().await.unwrap();
        let answers = at_once(CROWD, |i| {
            let store = Arc::clone(&store);
            async move {
                let rules = house(&[&format!("tier-{i}")]);
                (store.replace_house_rules(&rules, since).await.unwrap(), rules)
            }
        })
        .await;
        let replaced: Vec<_> = answers
            .into_iter()
            .filter_map(|(answer, rules)| match answer {
                ReplaceHouseRules::Replaced(epoch) => Some((rules, epoch)),
                ReplaceHouseRules::Outdated => None,
                ReplaceHouseRules::TierInUse(_) => panic!("nobody is in a tier"),
            })
            .collect();
        assert_eq!(replaced, [store.house_rules().await.unwrap()]);
        assert_eq!(changes(&**store).await, [(UserId::HOUSE, replaced[0].1)]);
    }
}

/// A tier that is removed while a user is put into it: either it stays, or the user is not in it.
pub async fn nobody_is_in_a_tier_that_is_not_there<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(1)).await.id;
    for round in 0..30 {
        let name = tier(&format!("tier-{round}"));
        store.set_user_tier(user, None).await.unwrap().unwrap();
        let since = furnish(&**store, &house(&[name.as_str()])).await;
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let wanted = name.clone();
        let (put, removed) = both(
            async move { a.set_user_tier(user, Some(&wanted)).await.unwrap() },
            async move { b.replace_house_rules(&house(&[]), since).await.unwrap() },
        )
        .await;
        let (rules, _) = store.house_rules().await.unwrap();
        let is_in = store.user_limits(user).await.unwrap().tier;
        match removed {
            ReplaceHouseRules::Replaced(_) => {
                assert_eq!((put, is_in), (None, None));
                assert!(rules.tiers.is_empty());
            }
            ReplaceHouseRules::TierInUse(stays) => {
                assert!(put.is_some());
                assert_eq!((&stays, is_in.as_ref()), (&name, Some(&name)));
                assert!(rules.tiers.contains_key(&name));
            }
            ReplaceHouseRules::Outdated => panic!("nobody else changed them"),
        }
    }
}

/// A limit and a tier that are given to a user while they are deleted do not outlive them.
pub async fn no_limit_outlives_a_deletion_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let (free, rules) = (tier("free"), house(&["free"]));
    for round in 0..20 {
        furnish(&**store, &rules).await;
        let user = add(&**store, new_user(round)).await.id;
        let (a, b, c, free) = (Arc::clone(&store), Arc::clone(&store), Arc::clone(&store), free.clone());
        let ((put, in_tier), deleted) = both(
            async move {
                both(
                    async move { a.put_user_limit(user, &limit(round, ""), MANY).await.unwrap() },
                    async move { c.set_user_tier(user, Some(&free)).await.unwrap() },
                )
                .await
            },
            async move { b.delete_user(user_id(round), at(1)).await.unwrap() },
        )
        .await;
        let ChangeUser::Changed(gone) = deleted else {
            panic!("{deleted:?}")
        };
        match put {
            PutLimit::Put(_, epoch) => assert!(epoch < gone),
            PutLimit::NotFound => {}
            PutLimit::TooMany => panic!("there are none"),
        }
        assert!(in_tier.is_none_or(|epoch| epoch < gone));
        assert_eq!(store.user_limits(user).await.unwrap(), UserLimits::default());
        assert_eq!(store.delete_user_limit(user, limit_id(round)).await.unwrap(), None);
        // Nobody is left in the tier.
        furnish(&**store, &house(&[])).await;
    }
}
