//! Whose epoch moves.

use std::ops::Deref;

use super::{MANY, furnish, house, limit, limit_id, put, tier, touch};
use crate::contract::fixture::{add, changes, get, new_user};
use crate::id::{Epoch, UserId};
use crate::store::{LimitStore, PutLimit, ReplaceHouseRules, UserStore};
use crate::user::User;

/// Each change to what limits a user gets a greater epoch than any before, which is then theirs, and nobody else is
/// touched; nothing else about the user changes.
pub async fn every_change_of_limits_moves_the_epoch<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let other = add(&*store, new_user(2)).await;
    let free = tier("free");
    let house = furnish(&*store, &house(&["free"])).await;
    let mut last = house;
    for step in 0..8 {
        let epoch = match step {
            0 | 1 => put(&*store, user.id, &limit(1, "")).await.1,
            2 => put(&*store, user.id, &limit(2, "llama")).await.1,
            3 => store.delete_user_limit(user.id, limit_id(1)).await.unwrap().unwrap(),
            4 | 5 => store.set_user_tier(user.id, Some(&free)).await.unwrap().unwrap(),
            _ => store.set_user_tier(user.id, None).await.unwrap().unwrap(),
        };
        assert!(epoch > last, "step {step}: {epoch:?} is not after {last:?}");
        last = epoch;
        assert_eq!(store.latest_epoch().await.unwrap(), epoch);
        let moved = User { epoch, ..user.clone() };
        assert_eq!(get(&*store, user.id).await, moved, "step {step}: no session ends");
        let expected = [(other.id, other.epoch), (UserId::HOUSE, house), (user.id, epoch)];
        assert_eq!(changes(&*store).await, expected);
    }
    assert_eq!(get(&*store, other.id).await, other);
}

/// What is refused moves nobody's epoch, and takes none.
pub async fn refused_limits_move_nobody<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let rules = house(&["free"]);
    let since = furnish(&*store, &rules).await;
    store
        .set_user_tier(user.id, Some(&tier("free")))
        .await
        .unwrap()
        .unwrap();
    let before = (changes(&*store).await, store.latest_epoch().await.unwrap());
    let too_many = store.put_user_limit(user.id, &limit(1, ""), 0).await.unwrap();
    assert_eq!(too_many, PutLimit::TooMany);
    assert_eq!(store.delete_user_limit(user.id, limit_id(1)).await.unwrap(), None);
    assert_eq!(store.set_user_tier(user.id, Some(&tier("gold"))).await.unwrap(), None);
    let outdated = store.replace_house_rules(&rules, Epoch::default()).await.unwrap();
    assert_eq!(outdated, ReplaceHouseRules::Outdated);
    let in_use = store.replace_house_rules(&house(&[]), since).await.unwrap();
    assert_eq!(in_use, ReplaceHouseRules::TierInUse(tier("free")));
    assert_eq!((changes(&*store).await, store.latest_epoch().await.unwrap()), before);
    put(&*store, user.id, &limit(1, "")).await;
    assert!(store.latest_epoch().await.unwrap() > before.1);
    assert!(matches!(
        store.put_user_limit(user.id, &limit(2, "b"), MANY).await.unwrap(),
        PutLimit::Put(..)
    ));
}

/// Whoever follows the changes is told of the house rules once, at their latest epoch, among the users; the rules are
/// nobody in the store.
pub async fn a_change_of_the_house_is_told_like_any<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let mut last = user.epoch;
    for tiers in [&["free"][..], &["free"], &["free", "pro"], &[]] {
        let epoch = furnish(&*store, &house(tiers)).await;
        assert!(epoch > last, "{epoch:?} is not after {last:?}");
        assert_eq!(store.changes_since(last).await.unwrap(), [(UserId::HOUSE, epoch)]);
        assert_eq!(changes(&*store).await, [(user.id, user.epoch), (UserId::HOUSE, epoch)]);
        assert_eq!(store.latest_epoch().await.unwrap(), epoch);
        assert_eq!(store.house_rules().await.unwrap().1, epoch);
        last = epoch;
    }
    let moved = touch(&*store, user.id).await;
    assert_eq!(changes(&*store).await, [(UserId::HOUSE, last), (user.id, moved)]);
    assert_eq!(store.find_user(UserId::HOUSE).await.unwrap(), None);
}
