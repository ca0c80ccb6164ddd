//! Limits of everyone, and prices.

use localauth_core::{Denial, NewKey, Role};
use serde_json::{Value, json};

use crate::admin_support::World;
use crate::support::{LIMITS, PRICES, ask, ids, wrong_rules};

#[tokio::test]
async fn limits_of_everyone_bind_all_users_together() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let (ada, bob) = (world.user("ada", Role::User).await, world.user("bob", Role::User).await);
    let (adas, bobs) = (
        world.key(&ada, NewKey::named("k")).await,
        world.key(&bob, NewKey::named("k")).await,
    );
    assert_eq!(world.get(LIMITS, &root).await.expect(200).body, json!({"limits": []}));
    let wish = json!({"limits": [{"max_requests": 2, "window": "1h"}, {"model": "demo", "max_requests": 9,
                                                                       "window": "day"}]});
    let set = world.put(LIMITS, &root, wish).await.expect(200).body;
    let first = ids(&set["limits"]);
    assert_eq!(
        set["limits"][1],
        json!({"id": first[1], "model": "demo", "max_requests": 9, "max_total_tokens": null, "window": "day",
               "current_requests": 0, "current_total_tokens": 0, "resets_at": null})
    );
    ask(&world, &adas, "demo").await.unwrap();
    ask(&world, &bobs, "other").await.unwrap();
    for key in [&adas, &bobs] {
        assert_eq!(ask(&world, key, "demo").await, Err(Denial::RateLimited));
    }
    ask(&world, &root, "demo").await.unwrap();
    let told = world.get(LIMITS, &root).await.expect(200).body["limits"].clone();
    assert_eq!(
        (&told[0]["current_requests"], &told[1]["current_requests"]),
        (&json!(2), &json!(1))
    );
    assert!(told[0]["resets_at"].is_string() && told[1]["resets_at"].is_null());

    // Another number for the same model and window goes on counting.
    let wish = json!({"limits": [{"max_requests": 3, "window": "1h"}]});
    let set = world.put(LIMITS, &root, wish).await.expect(200).body;
    assert_eq!(ids(&set["limits"]), first[..1]);
    assert_eq!(
        (&set["limits"][0]["current_requests"], &set["limits"][0]["resets_at"]),
        (&json!(2), &Value::Null)
    );
    ask(&world, &adas, "demo").await.unwrap();
    assert_eq!(ask(&world, &bobs, "demo").await, Err(Denial::RateLimited));
    world.put(LIMITS, &root, json!({"limits": []})).await.expect(200);
    ask(&world, &bobs, "demo").await.unwrap();
}

#[tokio::test]
async fn wrong_limits_of_everyone_change_nothing() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let good = json!({"limits": [{"max_requests": 2, "window": "1h"}]});
    let set = world.put(LIMITS, &root, good).await.expect(200).body;
    for (rule, word) in wrong_rules() {
        let good = json!({"max_requests": 9, "window": "1m"});
        let answer = world
            .put(LIMITS, &root, json!({"limits": [good, rule]}))
            .await
            .expect(400);
        assert!(answer.error().contains(word), "{}", answer.error());
    }
    for (wrong, word) in [
        (json!({}), "limits is required"),
        (json!({"limits": null}), "limits is required"),
        (json!({"limits": {}}), "wrong type"),
        (json!({"limits": [1]}), "wrong type"),
    ] {
        let answer = world.put(LIMITS, &root, wrong).await.expect(400);
        assert!(answer.error().contains(word), "{}", answer.error());
    }
    assert_eq!(world.get(LIMITS, &root).await.expect(200).body, set);
}

#[tokio::test]
async fn prices_are_replaced_as_a_whole() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    assert_eq!(world.get(PRICES, &root).await.expect(200).body, json!({"prices": {}}));
    let wish = json!({"prices": {"demo": {"prompt": 3_000_000, "cached_prompt": 300_000, "completion": 15_000_000},
                                 "": {"second": 100, "cached_prompt": null}}});
    let set = world.put(PRICES, &root, wish).await.expect(200).body;
    let expected = json!({"prices": {
        "demo": {"prompt": 3_000_000, "cached_prompt": 300_000, "completion": 15_000_000, "second": 0},
        "": {"prompt": 0, "cached_prompt": null, "completion": 0, "second": 100}}});
    assert_eq!(set, expected);
    assert_eq!(world.auth.cost("demo", 1_000, 0, 100, std::time::Duration::ZERO), 4_500);
    for (wrong, word) in [
        (json!({}), "prices is required"),
        (json!({"prices": null}), "prices is required"),
        (json!({"prices": []}), "wrong type"),
        (json!({"prices": {"demo": 3}}), "wrong type"),
        (json!({"prices": {"demo": {"completions": 3}}}), "and no others"),
        (
            json!({"prices": {"demo": {"prompt": 0.5}}}),
            "prompt must be a whole number",
        ),
        (
            json!({"prices": {"demo": {"completion": -1}}}),
            "completion must be a whole number",
        ),
        (
            json!({"prices": {"demo": {"second": "1"}}}),
            "second must be a whole number",
        ),
        (json!({"prices": {"a\nb": {}}}), "models are named by"),
        (json!({"prices": {"x".repeat(257): {}}}), "models are named by"),
    ] {
        let answer = world.put(PRICES, &root, wrong.clone()).await.expect(400);
        assert!(answer.error().contains(word), "{wrong}: {}", answer.error());
    }
    assert_eq!(world.get(PRICES, &root).await.expect(200).body, expected);
    let none = world.put(PRICES, &root, json!({"prices": {}})).await.expect(200).body;
    assert_eq!(none, json!({"prices": {}}));
    assert_eq!(world.auth.cost("demo", 1_000, 0, 100, std::time::Duration::ZERO), 0);
}
