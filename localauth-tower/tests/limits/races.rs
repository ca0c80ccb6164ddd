//! Several administrators at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use localauth_core::Role;
use serde_json::json;

use crate::admin_support::World;
use crate::support::{LIMITS, PRICES, TIERS, of};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_the_house_rules_at_once_all_come_through() {
    let world = Arc::new(World::new().await);
    let (_, root) = world.admin("root").await;
    let rule = || json!({"max_requests": 1, "window": "1h"});
    let changes = (0..8)
        .map(|n| (format!("{TIERS}/t{n}"), json!({"limits": [rule()], "weight": n + 1})))
        .chain([
            (LIMITS.to_owned(), json!({"limits": [rule()]})),
            (PRICES.to_owned(), json!({"prices": {"demo": {"prompt": 1}}})),
            (format!("{TIERS}/t0"), json!({"default": true})),
        ]);
    let tasks: Vec<_> = changes
        .map(|(path, body)| {
            let (world, root) = (Arc::clone(&world), root.clone());
            tokio::spawn(async move { world.put(&path, &root, body).await.expect(200) })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (house, _) = world.auth.house_rules().await.unwrap();
    assert_eq!((house.tiers.len(), house.everyone.len(), house.prices.len()), (8, 1, 1));
    assert_eq!(house.default_tier.unwrap().as_str(), "t0");
    for (n, tier) in house.tiers.values().enumerate() {
        assert_eq!((usize::from(tier.weight()), tier.limits.len()), (n + 1, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn quotas_for_one_model_at_once_are_one_quota() {
    let world = Arc::new(World::new().await);
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let tasks: Vec<_> = (1..=16)
        .map(|n| {
            let (world, root, path) = (Arc::clone(&world), root.clone(), of(&ada, "quotas"));
            tokio::spawn(async move {
                let wish = json!({"max_requests": n, "window": "1h"});
                let set = world.put(&path, &root, wish).await.expect(200).body;
                set["quota"]["id"].as_str().unwrap().to_owned()
            })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for task in tasks {
        ids.insert(task.await.unwrap());
    }
    let limits = world.auth.user_limits(ada.id).await.unwrap().limits;
    assert_eq!((limits.len(), ids.len()), (1, 1));
    assert!(ids.contains(&limits[0].id.to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_ever_in_a_tier_that_was_deleted() {
    let world = Arc::new(World::new().await);
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let tier = format!("{TIERS}/pro");
    for round in 0..40 {
        world.put(&tier, &root, json!({})).await.expect(200);
        let deleting = {
            let (world, root, tier) = (Arc::clone(&world), root.clone(), tier.clone());
            tokio::spawn(async move { world.delete(&tier, &root).await.status })
        };
        let putting = {
            let (world, root, path) = (Arc::clone(&world), root.clone(), of(&ada, "tier"));
            tokio::spawn(async move { world.put(&path, &root, json!({"tier": "pro"})).await.status })
        };
        let ended = (deleting.await.unwrap(), putting.await.unwrap());
        assert!(matches!(ended, (200, 400) | (409, 200)), "round {round}: {ended:?}");
        world
            .put(&of(&ada, "tier"), &root, json!({"tier": null}))
            .await
            .expect(200);
    }
}
