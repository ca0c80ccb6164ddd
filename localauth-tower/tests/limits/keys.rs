//! Limits and tiers of single keys.

use localauth_core::{Denial, NewKey, Role, UserQuery};
use serde_json::{Value, json};

use crate::admin_support::{NOBODY, World};
use crate::support::{QUOTA, TIERS, ask, ids, wrong_rules};

const KEYS: &str = "/api/auth/api-keys";
const ALL_KEYS: &str = "/api/auth/admin/keys";

#[tokio::test]
async fn a_key_has_limits_and_a_tier_of_its_own() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let session = world.session(&ada).await;
    let tier = json!({"limits": [{"max_requests": 5, "window": "1d"}], "features": {"embeddings": false},
                      "models": ["demo"]});
    world.put(&format!("{TIERS}/small"), &root, tier).await.expect(200);
    let wish = json!({"name": "k", "tier": "small", "can_mint": true,
                      "limits": [{"max_requests": 2, "window": "1h", "id": NOBODY, "holder": NOBODY},
                                 {"model": "demo", "max_total_tokens": 1000, "window": "7d"}]});
    let made = world.post(KEYS, &session, wish).await.expect(201);
    let key = world.secret(&made.text("key"));
    let names = ids(&made.body["limits"]);
    let expected = json!([
        {"id": names[0], "model": "", "max_requests": 2, "max_total_tokens": null, "window": "1h"},
        {"id": names[1], "model": "demo", "max_requests": null, "max_total_tokens": 1000, "window": "7d"}]);
    assert_eq!((&made.body["limits"], &made.body["tier"]), (&expected, &json!("small")));
    assert!(!names.contains(&NOBODY.to_owned()));
    let listed = world.get(KEYS, &session).await.expect(200).body["keys"][0].clone();
    assert_eq!((&listed["limits"], &listed["tier"]), (&expected, &json!("small")));

    // What is made from it counts together with it, and says so.
    let wish = json!({"name": "child", "limits": [{"max_requests": 1, "window": "1m"}]});
    let child = world.post(KEYS, &key, wish).await.expect(201);
    let childs = world.secret(&child.text("key"));
    let shared: Vec<&Value> = child.body["limits"].as_array().unwrap().iter().collect();
    assert_eq!(shared.len(), 3);
    for limit in &shared[..2] {
        assert_eq!(limit["shared_with"], made.body["id"]);
    }
    assert!(shared[2].get("shared_with").is_none());
    assert_eq!(child.body["tier"], "small");
    let another = json!({"name": "child", "tier": "other"});
    world.put(&format!("{TIERS}/other"), &root, json!({})).await.expect(200);
    assert_eq!(
        world.post(KEYS, &key, another).await.status,
        403,
        "never more than its maker"
    );

    ask(&world, &childs, "demo").await.unwrap();
    assert_eq!(ask(&world, &childs, "demo").await, Err(Denial::RateLimited), "its own");
    ask(&world, &key, "demo").await.unwrap();
    assert_eq!(
        ask(&world, &key, "demo").await,
        Err(Denial::RateLimited),
        "both together"
    );
    ask(&world, &session, "demo").await.unwrap();
    let told = world.get(QUOTA, &key).await.expect(200).body;
    assert_eq!(told["limits"].as_array().unwrap().len(), 3);
    assert!(
        told["limits"]
            .as_array()
            .unwrap()
            .iter()
            .all(|limit| limit["subject"] == "key")
    );
    let me = world.get("/api/auth/me", &key).await.expect(200).body;
    assert_eq!(
        (&me["permissions"]["embeddings"], &me["permissions"]["chat"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn wrong_limits_make_neither_key_nor_account() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let rules = wrong_rules().into_iter();
    let wishes = rules.map(|(rule, word)| (json!({"name": "k", "limits": [rule]}), word));
    let good = json!({"max_requests": 1, "window": "1h"});
    let others = [
        (json!({"name": "k", "tier": "none"}), "there is no such tier"),
        (json!({"name": "k", "tier": "No Tier"}), "a tier is named by"),
        (json!({"name": "k", "tier": 1}), "wrong type"),
        (json!({"name": "k", "limits": good}), "wrong type"),
        (json!({"name": "k", "limits": vec![good; 201]}), "at most 200"),
    ];
    for (wish, word) in wishes.chain(others) {
        let answer = world.post(KEYS, &root, wish.clone()).await.expect(400);
        assert!(answer.error().contains(word), "{wish}: {}", answer.error());
        let mut wish = wish;
        wish["serviceAccount"] = json!("ci");
        let answer = world.post(ALL_KEYS, &root, wish).await.expect(400);
        assert!(answer.error().contains(word), "{}", answer.error());
    }
    assert!(world.auth.list_all_keys().await.unwrap().is_empty());
    assert_eq!(world.auth.list_users(&UserQuery::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn administrators_limit_keys_of_anybody_and_their_own() {
    let world = World::new().await;
    let (admin, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    for user in [&ada, &admin] {
        let wish = json!({"name": "k", "userId": user.id.to_string(), "limits": [{"max_requests": 1, "window": "1h"}]});
        let made = world.post(ALL_KEYS, &root, wish).await.expect(201);
        let key = world.secret(&made.text("key"));
        ask(&world, &key, "demo").await.unwrap();
        assert_eq!(ask(&world, &key, "demo").await, Err(Denial::RateLimited));
    }
    let all = world.get(ALL_KEYS, &root).await.expect(200).body["keys"].clone();
    assert!(
        all.as_array()
            .unwrap()
            .iter()
            .all(|key| key["limits"][0]["max_requests"] == 1)
    );
    // Without limits, nothing is said about them.
    world.key(&ada, NewKey::named("open")).await;
    let all = world.get(ALL_KEYS, &root).await.expect(200).body["keys"].clone();
    let open = all
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["name"] == "open")
        .unwrap();
    assert!(open.get("limits").is_none() && open.get("tier").is_none());
}
