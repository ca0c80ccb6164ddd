//! Why a request would be refused: limits that are used up.

use axum::body::Body;
use http::{Request, Uri};
use http_body_util::BodyExt as _;
use localauth_core::policy::{RouteTable, openai_routes};
use localauth_core::{Denial, NewKey, Role};
use localauth_tower::api::ApiBuilder;
use localauth_tower::{ContractErrors, Reject as _};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::admin_support::World;
use crate::support::{LIMITS, TIERS, ask, of};

/// What is answered about `path` and `model` to whoever has `token`.
async fn why(world: &World, token: &str, path: &str, model: Option<&str>) -> Value {
    let table = openai_routes(RouteTable::builder())
        .build(world.auth.features())
        .unwrap();
    let app = ApiBuilder::new(&world.auth).policy(table).build();
    let method = if path == "/v1/models" { "GET" } else { "POST" };
    let body = json!({"method": method, "path": path, "model": model}).to_string();
    let request = Request::post("/api/auth/why")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_named() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let key = world.key(&ada, NewKey::named("k")).await;
    let rule = json!({"model": "demo", "max_requests": 1, "window": "1h"});
    let set = world.put(&of(&ada, "quotas"), &root, rule).await.expect(200).body;
    let id = set["quota"]["id"].as_str().unwrap();
    let chat = "/v1/chat/completions";
    let passes = json!({"allowed": true, "status": 200, "code": null,
                        "rule": "POST /v1/chat/completions: feature `chat`"});
    assert_eq!(why(&world, &key, chat, Some("demo")).await, passes);
    ask(&world, &key, "demo").await.unwrap();
    let refused = json!({"allowed": false, "status": 429, "code": "insufficient_quota",
                         "rule": format!("limit {id} (user): 1 requests in 1h of demo")});
    assert_eq!(why(&world, &key, chat, Some("demo")).await, refused);
    assert_eq!(why(&world, &key, chat, Some("other")).await, passes);
    assert_eq!(why(&world, &key, chat, None).await, passes, "not a limit of all models");
    assert_eq!(why(&world, &root, chat, Some("demo")).await, passes);

    // Whoever may not at all is told that first.
    world
        .put(&of(&ada, "permissions"), &root, json!({"chat": false}))
        .await
        .expect(200);
    assert_eq!(why(&world, &key, chat, Some("demo")).await["code"], "feature_disabled");
    world.put(&of(&ada, "permissions"), &root, json!({})).await.expect(200);
    let none = json!({"enabled": true, "models": []});
    world.put(&of(&ada, "models"), &root, none).await.expect(200);
    assert_eq!(why(&world, &key, chat, Some("demo")).await["code"], "model_not_allowed");
}

#[tokio::test]
async fn of_several_limits_the_one_that_lasts_longest() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let key = world.key(&ada, NewKey::named("k")).await;
    let rules = json!({"limits": [{"max_requests": 1, "window": "1m"}, {"max_total_tokens": 15, "window": "30d"},
                                  {"max_requests": 1, "soft": true, "window": "30d"}], "default": true});
    world.put(&format!("{TIERS}/free"), &root, rules).await.expect(200);
    let everyone = json!({"limits": [{"max_requests": 1, "window": "1h"}]});
    world.put(LIMITS, &root, everyone).await.expect(200);
    ask(&world, &key, "demo").await.unwrap();
    for path in ["/v1/chat/completions", "/v1/embeddings"] {
        let answer = why(&world, &key, path, None).await;
        assert_eq!(
            (&answer["status"], &answer["code"]),
            (&json!(429), &json!("rate_limit_exceeded"))
        );
        let rule = answer["rule"].as_str().unwrap();
        assert!(rule.ends_with("(tier): 15 tokens in 30d of all models"), "{rule}");
    }
    // What asks no model is not limited.
    for path in ["/v1/models", "/api/auth/why"] {
        assert_eq!(why(&world, &key, path, None).await["allowed"], true, "{path}");
    }
}

#[tokio::test]
async fn what_costs_nothing_passes_a_budget_that_is_spent() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let key = world.key(&ada, NewKey::named("k")).await;
    let prices = json!({"prices": {"demo": {"completion": 1_000_000}}});
    world.put("/api/auth/admin/prices", &root, prices).await.expect(200);
    let rule = json!({"max_cost_micros": 5, "window": "month"});
    world.put(&of(&ada, "quotas"), &root, rule).await.expect(200);
    ask(&world, &key, "demo").await.unwrap();
    let answer = async |model| why(&world, &key, "/v1/chat/completions", Some(model)).await;
    assert_eq!(answer("demo").await["code"], "insufficient_quota");
    assert_eq!(answer("local").await["allowed"], true);
}

#[test]
fn refusals_are_flat_here_and_of_the_openai_shape_elsewhere() {
    for (denial, kind, code) in [
        (Denial::QuotaExceeded, "quota_exceeded", "insufficient_quota"),
        (Denial::RateLimited, "rate_limit_error", "rate_limit_exceeded"),
    ] {
        let answer = |uri: &'static str| {
            let response = ContractErrors::default().reject(denial, &Uri::from_static(uri));
            assert_eq!(response.status(), 429);
            serde_json::from_slice::<Value>(response.body()).unwrap()
        };
        let error = answer("/v1/chat/completions")["error"].clone();
        assert_eq!((&error["type"], &error["code"]), (&json!(kind), &json!(code)));
        assert_eq!(answer("/api/auth/me")["error"], error["message"]);
    }
}
