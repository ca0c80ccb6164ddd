//! A user's own limits.

use std::time::Duration;

use localauth_core::{Denial, NewKey, Role, Timestamp, Window};
use serde_json::{Value, json};

use crate::admin_support::{NOBODY, World};
use crate::support::{PRICES, QUOTA, TIERS, ask, of, of_nobody, recorded, wrong_rules};

#[tokio::test]
async fn a_quota_is_set_shown_replaced_and_taken_away() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let path = of(&ada, "quotas");
    assert_eq!(world.get(&path, &root).await.expect(200).body, json!({"quotas": []}));
    let wish = json!({"model": "", "max_requests": 5, "max_total_tokens": null, "window": "60m"});
    let set = world.put(&path, &root, wish).await.expect(200).body;
    let id = set["quota"]["id"].as_str().unwrap().to_owned();
    let quota = json!({"id": id, "model": "", "max_requests": 5, "max_total_tokens": null, "window": "1h",
                       "current_requests": 0, "current_total_tokens": 0, "resets_at": null});
    assert_eq!(set, json!({"message": "quota rule saved", "quota": quota}));
    assert_eq!(
        world.get(&path, &root).await.expect(200).body,
        json!({"quotas": [quota]})
    );

    let wish = json!({"model": "llama", "max_prompt_tokens": 1, "max_completion_tokens": 2, "max_cost_micros": 3,
                      "max_concurrent": 4, "soft": true, "on_outage": "open", "window": "month", "id": NOBODY});
    let set = world.put(&path, &root, wish).await.expect(200).body;
    let other = set["quota"]["id"].as_str().unwrap().to_owned();
    assert_ne!(other, NOBODY);
    assert_eq!(
        set["quota"],
        json!({"id": other, "model": "llama", "max_requests": null, "max_total_tokens": null, "window": "month",
               "max_prompt_tokens": 1, "max_completion_tokens": 2, "max_cost_micros": 3, "max_concurrent": 4,
               "soft": true, "on_outage": "open", "current_requests": 0, "current_total_tokens": 0,
               "current_prompt_tokens": 0, "current_completion_tokens": 0, "current_cost_micros": 0,
               "current_concurrent": 0, "resets_at": null})
    );
    // The one for the same model is replaced, and its name stays.
    let set = world
        .put(&path, &root, json!({"max_total_tokens": 7, "window": "1d"}))
        .await
        .expect(200)
        .body;
    assert_eq!(set["quota"]["id"], id.as_str());
    assert_eq!(set["quota"]["max_requests"], Value::Null);
    let list = world.get(&path, &root).await.expect(200).body;
    assert_eq!(crate::support::ids(&list["quotas"]), [id.clone(), other.clone()]);

    // In the list of users too, without how they stand.
    let users = world.get("/api/auth/admin/users", &root).await.expect(200).body;
    let quotas = users["users"][1]["quotas"].as_array().unwrap();
    assert_eq!(
        quotas[0],
        json!({"id": id, "model": "", "max_requests": null, "max_total_tokens": 7, "window": "1d"})
    );
    assert_eq!((quotas.len(), &users["users"][0]["quotas"]), (2, &json!([])));

    let gone = world.delete(&format!("{path}/{id}"), &root).await.expect(200).body;
    assert_eq!(gone, json!({"message": "quota rule deleted"}));
    for missing in [
        format!("{path}/{id}"),
        format!("{path}/x"),
        format!("{path}/%ff"),
        of_nobody(&format!("quotas/{other}")),
        format!("/api/auth/admin/users/legacy-api-key/quotas/{other}"),
    ] {
        let answer = world.delete(&missing, &root).await.expect(404);
        assert_eq!(answer.error(), "quota rule not found", "{missing}");
    }
    let list = world.get(&path, &root).await.expect(200).body;
    assert_eq!(crate::support::ids(&list["quotas"]), [other]);
}

#[tokio::test]
async fn each_window_of_the_contract_is_one() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    for window in ["1m", "5m", "1h", "6h", "1d", "7d", "30d", "90s", "2w", "day", "month"] {
        let wish = json!({"max_requests": 1, "window": window});
        let set = world.put(&of(&ada, "quotas"), &root, wish).await.expect(200).body;
        let shown = if window == "2w" { "14d" } else { window };
        assert_eq!(set["quota"]["window"], shown);
    }
}

#[tokio::test]
async fn wrong_quotas_are_refused_with_what_to_do() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    for (wish, word) in wrong_rules() {
        let answer = world.put(&of(&ada, "quotas"), &root, wish.clone()).await.expect(400);
        assert!(answer.error().contains(word), "{wish}: {}", answer.error());
    }
    assert!(world.auth.user_limits(ada.id).await.unwrap().limits.is_empty());
    let good = json!({"max_requests": 1, "window": "1h"});
    for nobody in [of_nobody("quotas"), "/api/auth/admin/users/x/quotas".to_owned()] {
        assert_eq!(
            world.put(&nobody, &root, good.clone()).await.expect(404).error(),
            "user not found"
        );
        assert_eq!(world.get(&nobody, &root).await.expect(404).error(), "user not found");
    }
    // As many as may be, and not one more.
    for n in 0..100 {
        let wish = json!({"model": format!("m{n}"), "max_requests": 1, "window": "1h"});
        world.put(&of(&ada, "quotas"), &root, wish).await.expect(200);
    }
    let answer = world.put(&of(&ada, "quotas"), &root, good).await.expect(400);
    assert!(answer.error().contains("at most 100 limits"), "{}", answer.error());
}

/// When what is used now does not count any more.
fn end(window: &str, at: Timestamp) -> Timestamp {
    let window: Window = window.parse().unwrap();
    window.end(window.slot(at))
}

#[tokio::test]
async fn what_counts_now_and_when_it_resets_is_exact() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let key = world.key(&ada, NewKey::named("k")).await;
    // What was used before the rule existed counts.
    let first = world.auth.now();
    recorded(&world, ada.id);
    world.clock.advance(Duration::from_secs(5));
    let wish = json!({"max_requests": 2, "max_total_tokens": 1000, "window": "1m"});
    let path = of(&ada, "quotas");
    let set = world.put(&path, &root, wish).await.expect(200).body;
    assert_eq!(
        (&set["quota"]["current_requests"], &set["quota"]["current_total_tokens"]),
        (&json!(1), &json!(15))
    );
    ask(&world, &key, "demo").await.unwrap();
    assert_eq!(ask(&world, &key, "demo").await, Err(Denial::QuotaExceeded));
    let resets = end("1m", first);
    for (path, token) in [(path.as_str(), &root), (QUOTA, &key), ("/api/auth/me", &key)] {
        let quota = world.get(path, token).await.expect(200).body["quotas"][0].clone();
        assert_eq!(
            (
                &quota["current_requests"],
                &quota["current_total_tokens"],
                &quota["resets_at"]
            ),
            (&json!(2), &json!(30), &json!(resets.to_rfc3339())),
            "{path}"
        );
    }
    // Until then, and not a millisecond longer.
    let wait = resets.since(world.auth.now() + Duration::from_millis(1));
    world.clock.advance(wait);
    world.auth.follow_changes().await.unwrap();
    assert_eq!(ask(&world, &key, "demo").await, Err(Denial::QuotaExceeded));
    world.clock.advance(Duration::from_millis(1));
    let quota = world.get(QUOTA, &key).await.expect(200).body["quotas"][0].clone();
    assert_eq!(
        (&quota["current_requests"], &quota["resets_at"]),
        (&json!(1), &Value::Null)
    );
    ask(&world, &key, "demo").await.unwrap();

    // Tokens reset by themselves: the later of both is told.
    let second = world.auth.now();
    let wish = json!({"max_requests": 10, "max_total_tokens": 15, "window": "1h"});
    let set = world.put(&path, &root, wish).await.expect(200).body;
    assert_eq!(
        set["quota"]["current_total_tokens"], 15,
        "of the last hour, as far as it was recorded"
    );
    assert_eq!(ask(&world, &key, "demo").await, Err(Denial::QuotaExceeded));
    assert_eq!(set["quota"]["resets_at"], end("1h", first).to_rfc3339());
    assert!(second > first);
}

#[tokio::test]
async fn a_budget_in_money_resets_too() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let key = world.key(&ada, NewKey::named("k")).await;
    let prices = json!({"prices": {"demo": {"prompt": 1_000_000, "completion": 2_000_000}}});
    world.put(PRICES, &root, prices).await.expect(200);
    let wish = json!({"max_cost_micros": 20, "window": "day"});
    world.put(&of(&ada, "quotas"), &root, wish).await.expect(200);
    ask(&world, &key, "demo").await.unwrap();
    assert_eq!(ask(&world, &key, "demo").await, Err(Denial::QuotaExceeded));
    ask(&world, &key, "free").await.unwrap();
    let quota = world.get(QUOTA, &key).await.expect(200).body["quotas"][0].clone();
    assert_eq!(
        (
            &quota["current_cost_micros"],
            &quota["max_cost_micros"],
            &quota["resets_at"]
        ),
        (&json!(20), &json!(20), &json!("2027-01-16T00:00:00Z"))
    );
}

#[tokio::test]
async fn a_limit_of_nothing_and_one_that_only_warns_reset_never() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let key = world.key(&ada, NewKey::named("k")).await;
    let path = of(&ada, "quotas");
    let zero = json!({"model": "none", "max_requests": 0, "window": "1h"});
    world.put(&path, &root, zero).await.expect(200);
    let soft = json!({"model": "soft", "max_requests": 1, "soft": true, "window": "1h"});
    world.put(&path, &root, soft).await.expect(200);
    assert_eq!(ask(&world, &key, "none").await, Err(Denial::QuotaExceeded));
    for _ in 0..2 {
        ask(&world, &key, "soft").await.unwrap();
    }
    let quotas = world.get(QUOTA, &key).await.expect(200).body["quotas"].clone();
    let told = |n: usize| (quotas[n]["current_requests"].clone(), quotas[n]["resets_at"].clone());
    assert_eq!(told(0), (json!(0), Value::Null));
    assert_eq!(told(1), (json!(2), Value::Null));
}

#[tokio::test]
async fn whoever_asks_sees_all_that_binds_them() {
    let world = World::new().await;
    let (admin, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let nothing = json!({"quotas": [], "limits": [], "tier": null});
    let session = world.session(&ada).await;
    assert_eq!(world.get(QUOTA, &session).await.expect(200).body, nothing);
    let rule = |n: u64| json!({"max_requests": n, "window": "1h"});
    let everyone = json!({"limits": [rule(1)]});
    world.put("/api/auth/admin/limits", &root, everyone).await.expect(200);
    world
        .put(
            &format!("{TIERS}/pro"),
            &root,
            json!({"limits": [rule(2)], "default": true}),
        )
        .await
        .expect(200);
    world.put(&of(&ada, "quotas"), &root, rule(3)).await.expect(200);
    let wish = json!({"name": "k", "limits": [rule(4)]});
    let made = world.post("/api/auth/api-keys", &session, wish).await.expect(201);
    let key = world.secret(&made.text("key"));
    let told = world.get(QUOTA, &key).await.expect(200).body;
    let mut limits: Vec<(String, u64)> = told["limits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|limit| {
            let subject = limit["subject"].as_str().unwrap().to_owned();
            (subject, limit["max_requests"].as_u64().unwrap())
        })
        .collect();
    limits.sort();
    let expected = [("everyone", 1), ("key", 4), ("tier", 2), ("user", 3)];
    assert_eq!(limits, expected.map(|(subject, n)| (subject.to_owned(), n)));
    assert_eq!(
        (&told["tier"], &told["quotas"][0]["max_requests"]),
        (&json!("pro"), &json!(3))
    );
    let by_session = world.get(QUOTA, &session).await.expect(200).body;
    assert_eq!(by_session["limits"].as_array().unwrap().len(), 3);
    let me = world.get("/api/auth/me", &session).await.expect(200).body;
    assert_eq!((&me["tier"], &me["quotas"]), (&json!("pro"), &by_session["quotas"]));

    // Administrators are exempt, but for what their own keys say.
    world.put(&of(&admin, "quotas"), &root, rule(0)).await.expect(200);
    let told = world.get(QUOTA, &root).await.expect(200).body;
    assert_eq!((&told["limits"], &told["tier"]), (&json!([]), &Value::Null));
    assert_eq!(told["quotas"].as_array().unwrap().len(), 1);
    let told = world.get(QUOTA, crate::admin_support::SHARED).await.expect(200).body;
    assert_eq!(told, nothing);
}

#[tokio::test]
async fn who_sets_limits_may_do_so() {
    let world = World::new().await;
    let (admin, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    world.put(&format!("{TIERS}/pro"), &root, json!({})).await.expect(200);
    let narrowed = |change: fn(&mut localauth_core::KeyScope)| {
        let mut new = NewKey::named("k");
        new.scope.can_mint = true;
        change(&mut new.scope);
        new
    };
    let of_models = narrowed(|scope| scope.models = Some(["demo".to_owned()].into()));
    let of_tier = narrowed(|scope| {
        let name = "pro".parse().unwrap();
        scope.tier = Some(localauth_core::KeyTier { name, holder: None });
    });
    let plain = world.key(&admin, NewKey::named("plain")).await;
    let refused = [
        world.key(&admin, of_models).await,
        world.key(&admin, of_tier).await,
        world.session(&ada).await,
    ];
    let rule = json!({"max_requests": 1, "window": "1h"});
    let house = [
        (format!("{TIERS}/free"), json!({})),
        ("/api/auth/admin/limits".to_owned(), json!({"limits": []})),
        (PRICES.to_owned(), json!({"prices": {}})),
    ];
    let of_ada = [
        (of(&ada, "quotas"), rule.clone()),
        (of(&ada, "tier"), json!({"tier": "pro"})),
    ];
    let said = world.audit().await.len();
    for token in &refused {
        for (path, body) in house.iter().chain(&of_ada) {
            world.put(path, token, body.clone()).await.expect(403);
        }
        world.delete(&format!("{TIERS}/pro"), token).await.expect(403);
    }
    // A key that changes nothing about its owner sets others' limits, and none that bind its owner.
    for (path, body) in &house {
        world.put(path, &plain, body.clone()).await.expect(403);
    }
    world.delete(&format!("{TIERS}/pro"), &plain).await.expect(403);
    for what in [
        (of(&admin, "quotas"), rule),
        (of(&admin, "tier"), json!({"tier": null})),
    ] {
        world.put(&what.0, &plain, what.1).await.expect(403);
    }
    assert_eq!(world.audit().await.len(), said, "nothing was done");
    for (path, body) in of_ada {
        world.put(&path, &plain, body).await.expect(200);
    }
    let actions: Vec<String> = world.audit().await.drain(said..).map(|(action, _)| action).collect();
    assert_eq!(actions, ["user.limits", "user.tier"]);
}
