//! Tiers, and who is in them.

use localauth_core::{Denial, KeyTier, NewKey, Role};
use serde_json::{Value, json};

use crate::admin_support::{NOBODY, World};
use crate::support::{QUOTA, TIERS, ask, ids, of, of_nobody, wrong_rules};

fn tier(name: &str) -> String {
    format!("{TIERS}/{name}")
}

#[tokio::test]
async fn a_tier_is_made_listed_changed_and_deleted() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    assert_eq!(world.get(TIERS, &root).await.expect(200).body, json!({"tiers": []}));
    let made = world.put(&tier("free"), &root, json!({})).await.expect(200).body;
    let free = json!({"name": "free", "default": false, "limits": [], "features": {}, "models": null, "weight": 1});
    assert_eq!(made, json!({"message": "tier saved", "tier": free}));
    let wish = json!({
        "limits": [{"max_requests": 2, "window": "1m"}, {"model": "demo", "max_total_tokens": 9, "window": "day"}],
        "features": {"chat": true, "agents": false}, "models": ["demo", "other"], "weight": 3, "default": true,
    });
    let pro = world.put(&tier("pro"), &root, wish).await.expect(200).body["tier"].clone();
    assert_eq!(
        pro,
        json!({"name": "pro", "default": true, "features": {"agents": false, "chat": true},
               "models": ["demo", "other"], "weight": 3, "limits": [
                   {"id": pro["limits"][0]["id"], "model": "", "max_requests": 2, "max_total_tokens": null,
                    "window": "1m"},
                   {"id": pro["limits"][1]["id"], "model": "demo", "max_requests": null, "max_total_tokens": 9,
                    "window": "day"}]})
    );
    world
        .put(&of(&ada, "tier"), &root, json!({"tier": "free"}))
        .await
        .expect(200);
    let list = world.get(TIERS, &root).await.expect(200).body["tiers"].clone();
    assert_eq!((&list[0]["name"], &list[0]["users"]), (&json!("free"), &json!(1)));
    assert_eq!((&list[1]["name"], &list[1]["users"]), (&json!("pro"), &json!(0)));

    // What is left out stays; null is said.
    let same = world
        .put(&tier("pro"), &root, json!({"name": "x"}))
        .await
        .expect(200)
        .body["tier"]
        .clone();
    assert_eq!(same, pro);
    let open = json!({"models": null, "weight": null, "features": {}, "limits": [], "default": false});
    let open = world.put(&tier("pro"), &root, open).await.expect(200).body["tier"].clone();
    assert_eq!(
        open,
        json!({"name": "pro", "default": false, "limits": [], "features": {}, "models": null, "weight": 1})
    );
    assert_eq!(
        world.delete(&tier("pro"), &root).await.expect(200).body,
        json!({"message": "tier deleted"})
    );
    world.delete(&tier("pro"), &root).await.expect(404);
    let said: Vec<String> = world.audit().await.into_iter().map(|(action, _)| action).collect();
    assert_eq!(said.iter().filter(|action| *action == "house.rules").count(), 5);
}

#[tokio::test]
async fn a_limit_that_was_there_goes_on_under_its_name() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let save = async |limits: Value| {
        let saved = world
            .put(&tier("pro"), &root, json!({ "limits": limits }))
            .await
            .expect(200);
        ids(&saved.body["tier"]["limits"])
    };
    let rule = |n: u64, window: &str| json!({"max_requests": n, "window": window});
    let named = |id: &str, n: u64, window: &str| json!({"id": id, "max_requests": n, "window": window});
    let first = save(json!([rule(1, "1m"), rule(1, "1h"), {"model": "m", "max_requests": 1, "window": "1h"}])).await;
    // By model and window, in another order and with other numbers.
    let second = save(json!([{"model": "m", "max_requests": 9, "window": "1h"}, rule(9, "60s"), rule(9, "7d")])).await;
    assert_eq!([&second[0], &second[1]], [&first[2], &first[0]]);
    assert!(!first.contains(&second[2]));
    // By id, with another window; each name once; one that is no name here makes a new one.
    let third = save(json!([
        rule(1, "7d"),
        named(&second[1], 1, "7d"),
        named(&second[1], 1, "1m"),
        named(NOBODY, 1, "1d"),
        named("x", 1, "6h"),
    ]))
    .await;
    assert_eq!((&third[0], &third[1]), (&second[2], &second[1]));
    assert!(
        third[2..].iter().all(|id| !second.contains(id) && id != NOBODY),
        "{third:?}"
    );
    assert_eq!(third.iter().collect::<std::collections::BTreeSet<_>>().len(), 5);
}

#[tokio::test]
async fn a_tier_holds_for_the_next_request() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let bob = world.user("bob", Role::User).await;
    let (key, bobs) = (
        world.key(&ada, NewKey::named("k")).await,
        world.key(&bob, NewKey::named("k")).await,
    );
    let wish = json!({"limits": [{"max_requests": 1, "window": "1h"}], "features": {"chat": false, "agents": true},
                      "models": ["demo"]});
    world.put(&tier("pro"), &root, wish).await.expect(200);
    assert_eq!(world.may_chat(&key).await, 200);
    let set = world
        .put(&of(&ada, "tier"), &root, json!({"tier": "pro"}))
        .await
        .expect(200)
        .body;
    assert_eq!(
        set,
        json!({"message": "tier updated", "user_id": ada.id.to_string(), "tier": "pro"})
    );
    assert_eq!((world.may_chat(&key).await, world.may_chat(&bobs).await), (403, 200));
    let may = |features: &Value| (features["chat"].clone(), features["agents"].clone());
    let expected = (json!(false), json!(true));
    let me = world.get("/api/auth/me", &key).await.expect(200).body;
    assert_eq!(
        (may(&me["permissions"]), &me["tier"]),
        (expected.clone(), &json!("pro"))
    );
    let of_ada = world.get(&of(&ada, "permissions"), &root).await.expect(200).body;
    assert_eq!(may(&of_ada["permissions"]), expected);
    let list = world.get("/api/auth/admin/users", &root).await.expect(200).body["users"].clone();
    assert_eq!(
        (may(&list[1]["permissions"]), &list[1]["tier"]),
        (expected, &json!("pro"))
    );
    assert_eq!(list[2]["tier"], Value::Null);
    let login = json!({"email": "ada@example.org", "password": crate::admin_support::PASSWORD});
    let login = world.post("/api/auth/login", "", login).await.expect(200);
    assert_eq!(login.body["user"]["permissions"], me["permissions"]);

    // What is said about somebody by name goes before.
    world
        .put(&of(&ada, "permissions"), &root, json!({"chat": true}))
        .await
        .expect(200);
    assert_eq!(world.may_chat(&key).await, 200);
    ask(&world, &key, "demo").await.unwrap();
    assert_eq!(ask(&world, &key, "demo").await, Err(Denial::RateLimited));
    world
        .put(
            &tier("pro"),
            &root,
            json!({"limits": [{"max_requests": 2, "window": "1h"}]}),
        )
        .await
        .expect(200);
    ask(&world, &key, "demo").await.unwrap();
    assert_eq!(
        ask(&world, &key, "demo").await,
        Err(Denial::RateLimited),
        "what was used goes on to count"
    );
    let limit = world.get(QUOTA, &key).await.expect(200).body["limits"][0].clone();
    assert_eq!(
        (&limit["subject"], &limit["current_requests"]),
        (&json!("tier"), &json!(2))
    );

    // The default one holds for whoever was put into none.
    world
        .put(&tier("pro"), &root, json!({"default": true}))
        .await
        .expect(200);
    assert_eq!(world.may_chat(&bobs).await, 403);
    world
        .put(&tier("free"), &root, json!({"default": true}))
        .await
        .expect(200);
    assert_eq!(world.may_chat(&bobs).await, 200);
    world
        .put(&of(&ada, "tier"), &root, json!({"tier": null}))
        .await
        .expect(200);
    assert_eq!(world.get("/api/auth/me", &key).await.expect(200).body["tier"], "free");
    ask(&world, &key, "demo").await.unwrap();
}

#[tokio::test]
async fn a_tier_with_anything_in_it_stays() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    for name in ["free", "pro", "keys"] {
        world
            .put(&tier(name), &root, json!({"default": name == "free"}))
            .await
            .expect(200);
    }
    world
        .put(&of(&ada, "tier"), &root, json!({"tier": "pro"}))
        .await
        .expect(200);
    let mut new = NewKey::named("k");
    let name = "keys".parse().unwrap();
    new.scope.tier = Some(KeyTier { name, holder: None });
    let key = world.key(&ada, new).await;
    for (name, word) in [
        ("free", "the default one"),
        ("pro", "still has users"),
        ("keys", "still has keys (1)"),
    ] {
        let answer = world.delete(&tier(name), &root).await.expect(409);
        assert!(answer.error().contains(word), "{}", answer.error());
    }
    assert_eq!(world.may_chat(&key).await, 200);
    let all = world.get("/api/auth/admin/keys", &root).await.expect(200).body["keys"].clone();
    assert_eq!(all[0]["tier"], "keys");
    world
        .put(&tier("free"), &root, json!({"default": false}))
        .await
        .expect(200);
    world
        .put(&of(&ada, "tier"), &root, json!({"tier": null}))
        .await
        .expect(200);
    let path = format!("/api/auth/admin/keys/{}", all[0]["id"].as_str().unwrap());
    world.delete(&path, &root).await.expect(200);
    for name in ["free", "pro", "keys"] {
        world.delete(&tier(name), &root).await.expect(200);
    }
}

#[tokio::test]
async fn wrong_tiers_are_refused_with_what_to_do() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    for name in ["Pro", "a%20b", "%ff", &"x".repeat(65)] {
        let answer = world.put(&tier(name), &root, json!({})).await.expect(400);
        assert!(answer.error().contains("a tier is named by"), "{}", answer.error());
        assert_eq!(
            world.delete(&tier(name), &root).await.expect(404).error(),
            "tier not found"
        );
    }
    let many: Vec<Value> = (0..101).map(|n| json!({"max_requests": n, "window": "1h"})).collect();
    for (wish, word) in [
        (json!({"features": {"chta": false}}), "unknown feature `chta`"),
        (json!({"features": ["chat"]}), "wrong type"),
        (json!({"models": "demo"}), "models must be a list"),
        (json!({"models": [1]}), "models must be a list"),
        (json!({"models": [""]}), "models are named by"),
        (json!({"models": ["a\nb"]}), "models are named by"),
        (json!({"weight": 0}), "weight must be a whole number from 1"),
        (json!({"weight": 65536}), "weight must be a whole number from 1"),
        (json!({"weight": -1}), "weight must be a whole number"),
        (json!({"weight": "2"}), "weight must be a whole number"),
        (json!({"default": "yes"}), "wrong type"),
        (json!({ "limits": many }), "at most 100 limits"),
        (json!([]), "wrong type"),
    ] {
        let answer = world.put(&tier("pro"), &root, wish.clone()).await.expect(400);
        assert!(answer.error().contains(word), "{wish}: {}", answer.error());
    }
    for (rule, word) in wrong_rules() {
        let answer = world
            .put(&tier("pro"), &root, json!({"limits": [rule]}))
            .await
            .expect(400);
        assert!(answer.error().contains(word), "{}", answer.error());
    }
    assert!(
        world.auth.house_rules().await.unwrap().0.tiers.is_empty(),
        "nothing was half done"
    );

    for (wish, word) in [
        (json!({}), "tier must be"),
        (json!({"tier": 1}), "tier must be"),
        (json!({"tier": ""}), "a tier is named by"),
        (json!({"tier": "Pro"}), "a tier is named by"),
        (json!({"tier": "pro"}), "no such user or tier"),
    ] {
        let answer = world.put(&of(&ada, "tier"), &root, wish.clone()).await.expect(400);
        assert!(answer.error().contains(word), "{wish}: {}", answer.error());
    }
    for path in [of_nobody("tier"), "/api/auth/admin/users/x/tier".to_owned()] {
        let answer = world.put(&path, &root, json!({"tier": null})).await.expect(404);
        assert_eq!(answer.error(), "user not found");
    }
}
