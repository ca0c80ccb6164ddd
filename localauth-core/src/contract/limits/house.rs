//! The house rules.

use std::ops::Deref;

use super::{furnish, house, limit, tier, touch};
use crate::contract::fixture::{ODD_TEXTS, add, new_user};
use crate::id::Epoch;
use crate::limit::{HouseRules, Price, Tier};
use crate::store::{LimitStore, ReplaceHouseRules, UserStore};

/// House rules that nobody has changed are the default ones, at the beginning of all epochs.
pub async fn a_fresh_house_has_default_rules<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let fresh = (HouseRules::default(), Epoch::default());
    assert_eq!(store.house_rules().await.unwrap(), fresh);
    add(&*store, new_user(1)).await;
    assert_eq!(store.house_rules().await.unwrap(), fresh, "users do not change them");
}

/// House rules come back as they were given, with all they have; what is not among them any more is gone.
pub async fn house_rules_come_back_as_given<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let price = Price {
        prompt: u64::MAX,
        cached_prompt: Some(0),
        completion: 1,
        second: 2,
    };
    let pro = Tier {
        limits: vec![limit(1, ""), limit(2, "Ωmega")],
        features: [("chat".to_owned(), true), ("images".to_owned(), false)].into(),
        models: Some(["llama".to_owned(), String::new()].into()),
        weight: Some(u16::MAX),
    };
    let empty = Tier {
        models: Some([].into()),
        ..Tier::default()
    };
    let full = HouseRules {
        everyone: vec![limit(3, ""), limit(4, "llama")],
        tiers: [(tier("pro"), pro), (tier("empty"), empty)].into(),
        default_tier: Some(tier("pro")),
        prices: [(String::new(), Price::FREE), ("llama".to_owned(), price)].into(),
    };
    for rules in [full, house(&["free"]), HouseRules::default()] {
        let epoch = furnish(&*store, &rules).await;
        assert_eq!(store.house_rules().await.unwrap(), (rules, epoch));
    }
}

/// Rules are replaced by whoever knows the latest ones; changes to users in between do not matter.
pub async fn outdated_rules_replace_nothing<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let first = furnish(&*store, &house(&["a"])).await;
    touch(&*store, user.id).await;
    let second = match store.replace_house_rules(&house(&["b"]), first).await.unwrap() {
        ReplaceHouseRules::Replaced(epoch) => epoch,
        other => panic!("they are still those of {first:?}: {other:?}"),
    };
    for since in [
        Epoch::default(),
        first,
        user.epoch,
        Epoch(second.0 + 1),
        Epoch(u64::MAX),
    ] {
        let refused = store.replace_house_rules(&house(&["c"]), since).await.unwrap();
        assert_eq!(refused, ReplaceHouseRules::Outdated);
    }
    assert_eq!(store.house_rules().await.unwrap(), (house(&["b"]), second));
}

/// A tier that a user is in stays, and what else was to change with it; it can be left out when they are gone from it.
pub async fn a_tier_in_use_stays<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let before = house(&["free", "pro"]);
    let since = furnish(&*store, &before).await;
    for user in [&ada, &bob] {
        store.set_user_tier(user.id, Some(&tier("pro"))).await.unwrap().unwrap();
    }
    let without = house(&["free", "gold"]);
    for user in [&ada, &bob] {
        let refused = store.replace_house_rules(&without, since).await.unwrap();
        assert_eq!(refused, ReplaceHouseRules::TierInUse(tier("pro")));
        assert_eq!(store.house_rules().await.unwrap(), (before.clone(), since));
        store
            .set_user_tier(user.id, Some(&tier("free")))
            .await
            .unwrap()
            .unwrap();
    }
    furnish(&*store, &without).await;
    assert_eq!(
        store.set_user_tier(ada.id, Some(&tier("pro"))).await.unwrap(),
        None,
        "it is gone"
    );
}

/// Whatever models and features are called, the rules come back whole or are refused; never changed.
pub async fn odd_rules_come_back_whole_or_are_refused<D>(store: D)
where
    D: Deref<Target: UserStore + LimitStore> + Send + Sync + 'static,
{
    for text in ODD_TEXTS {
        let odd = Tier {
            limits: vec![limit(1, text)],
            features: [(text.to_owned(), true)].into(),
            models: Some([text.to_owned()].into()),
            weight: None,
        };
        let rules = HouseRules {
            tiers: [(tier("odd"), odd)].into(),
            prices: [(text.to_owned(), Price::FREE)].into(),
            ..HouseRules::default()
        };
        let before = store.house_rules().await.unwrap();
        let stored = store.replace_house_rules(&rules, before.1).await.is_ok();
        let (now, _) = store.house_rules().await.unwrap();
        assert_eq!(now, if stored { rules } else { before.0 }, "{text:?}");
    }
}
