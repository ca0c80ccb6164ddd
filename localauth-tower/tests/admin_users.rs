//! Users: their standing, what they may use, their end.
#![cfg(feature = "api")]

mod admin_support;

use admin_support::{NOBODY, PASSWORD, World};
use http::{HeaderMap, HeaderValue};
use localauth_core::{KeyId, NewKey, Role, SeededEntropy, Status, UsageEvent, UsageSource};
use serde_json::{Value, json};

fn path(id: impl std::fmt::Display, what: &str) -> String {
    format!("/api/auth/admin/users/{id}{what}")
}

#[tokio::test]
async fn only_what_is_meant_is_changed() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let more = json!({"role": "admin", "status": "disabled", "id": NOBODY, "email": "x@y.z", "name": "x", "epoch": 9,
                      "password": "another-horse-battery-staple", "enabled": true, "models": ["m"], "provider": "github"});
    world.put(&path(ada.id, "/role"), &root, more.clone()).await.expect(200);
    let now = world.auth.find_user(ada.id).await.unwrap().unwrap();
    assert_eq!((now.role, now.status), (Role::Admin, Status::Active));
    assert_eq!(
        (&now.email, &now.name, now.provider, &now.password),
        (&ada.email, &ada.name, ada.provider, &ada.password)
    );
    assert_eq!(now.models, ada.models);
    world
        .put(&path(ada.id, "/models"), &root, more.clone())
        .await
        .expect(200);
    world.put(&path(ada.id, "/status"), &root, more).await.expect(200);
    let now = world.auth.find_user(ada.id).await.unwrap().unwrap();
    assert_eq!(
        (now.role, now.status, &now.password),
        (Role::Admin, Status::Disabled, &ada.password)
    );
    assert!(now.models.enabled && now.models.models.contains("m"));
    // A field of another route where a map of features is expected is no feature.
    world
        .put(&path(ada.id, "/permissions"), &root, json!({"role": true}))
        .await
        .expect(400);
}

#[tokio::test]
async fn wrong_wishes_change_nothing() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    world
        .put(&path(ada.id, "/permissions"), &root, json!({"agents": true}))
        .await
        .expect(200);
    let before = world.auth.find_user(ada.id).await.unwrap();
    for (what, wish) in [
        ("/role", json!({})),
        ("/role", json!({"role": "root"})),
        ("/role", json!({"role": "Admin"})),
        ("/role", json!({"role": null})),
        ("/role", json!([])),
        ("/status", json!({})),
        ("/status", json!({"status": "pending"})),
        ("/status", json!({"status": 1})),
        ("/password", json!({})),
        ("/password", json!({"password": ""})),
        ("/password", json!({"password": "with\u{0}null-byte-staple"})),
        ("/password", json!({"password": "x".repeat(129)})),
        ("/permissions", json!({"chat": false, "chta": true})),
        ("/permissions", json!({"chat": "yes"})),
        ("/permissions", json!(["chat"])),
        ("/models", json!({})),
        ("/models", json!({"models": ["demo"]})),
        ("/models", json!({"enabled": true, "models": [""]})),
        ("/models", json!({"enabled": true, "models": ["a\nb"]})),
        (
            "/models",
            json!({"enabled": true, "models": vec![Value::from("x".repeat(257))]}),
        ),
    ] {
        let answer = world.put(&path(ada.id, what), &root, wish.clone()).await;
        assert_eq!(answer.status, 400, "{what} {wish}: {}", answer.text);
    }
    assert_eq!(world.auth.find_user(ada.id).await.unwrap(), before);
    let unknown = world
        .put(&path(ada.id, "/permissions"), &root, json!({"chta": true}))
        .await
        .expect(400);
    assert!(unknown.error().contains("unknown feature `chta`"));
    let long = world
        .put(&path(ada.id, "/password"), &root, json!({"password": "x".repeat(129)}))
        .await
        .expect(400);
    assert_eq!(
        (&long.body["error_code"], &long.body["overridable"]),
        (&json!("password_too_long"), &json!(false))
    );
}

#[tokio::test]
async fn an_id_that_is_nobodys_is_404() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    for id in [
        NOBODY,
        "x",
        "%ff",
        "%00",
        "%2e%2e",
        "legacy-api-key",
        "00000000-0000-0000-0000-000000000000",
        "root%40example.org",
        "1%20OR%201=1",
    ] {
        for (method, what, body) in [
            ("PUT", "/role", Some(json!({"role": "user"}))),
            ("PUT", "/status", Some(json!({"status": "disabled"}))),
            ("PUT", "/password", Some(json!({"password": PASSWORD}))),
            ("DELETE", "", None),
            ("GET", "/permissions", None),
            ("PUT", "/permissions", Some(json!({}))),
            ("PUT", "/models", Some(json!({"enabled": false}))),
            ("POST", "/impersonate", None),
        ] {
            for token in [root.as_str(), admin_support::SHARED] {
                let answer = world
                    .send(method, &path(id, what), token, body.clone())
                    .await
                    .expect(404);
                assert_eq!(answer.body, json!({"error": "user not found"}), "{method} {id}{what}");
            }
        }
    }
}

#[tokio::test]
async fn features_change_for_the_next_request_and_fall_back_to_their_default() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let tokens = [world.session(&ada).await, world.key(&ada, NewKey::named("k")).await];
    let permissions = path(ada.id, "/permissions");
    for token in &tokens {
        assert_eq!(world.may_chat(token).await, 200);
    }
    let set = world
        .put(&permissions, &root, json!({"chat": false, "agents": true}))
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&set["message"], &set["user_id"]),
        (&json!("permissions updated"), &json!(ada.id.to_string()))
    );
    assert_eq!(
        world.get(&permissions, &root).await.expect(200).body["permissions"],
        set["permissions"]
    );
    assert_eq!(
        (&set["permissions"]["chat"], &set["permissions"]["agents"]),
        (&json!(false), &json!(true))
    );
    for token in &tokens {
        assert_eq!(world.may_chat(token).await, 403);
        let me = world.get("/api/auth/me", token).await.expect(200).body;
        assert_eq!(
            (&me["permissions"]["chat"], &me["permissions"]["agents"]),
            (&json!(false), &json!(true))
        );
    }
    let set = world.put(&permissions, &root, json!({})).await.expect(200).body;
    assert_eq!(
        (&set["permissions"]["chat"], &set["permissions"]["agents"]),
        (&json!(true), &json!(false))
    );
    for token in &tokens {
        assert_eq!(world.may_chat(token).await, 200);
    }
}

#[tokio::test]
async fn models_change_for_the_next_request() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let key = world.key(&ada, NewKey::named("k")).await;
    let may = async |model: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::try_from(&key).unwrap());
        world.auth.authenticate(&headers).await.unwrap().may_use_model(model)
    };
    assert!(may("demo").await && may("other").await);
    let set = world
        .put(
            &path(ada.id, "/models"),
            &root,
            json!({"enabled": true, "models": ["other", "demo", "demo"]}),
        )
        .await
        .expect(200)
        .body;
    assert_eq!(
        set["allowed_models"],
        json!({"enabled": true, "models": ["demo", "other"]})
    );
    assert!(may("demo").await && !may("third").await);
    world
        .put(&path(ada.id, "/models"), &root, json!({"enabled": true}))
        .await
        .expect(200);
    assert!(!may("demo").await, "an empty list is none");
    world
        .put(
            &path(ada.id, "/models"),
            &root,
            json!({"enabled": false, "models": null}),
        )
        .await
        .expect(200);
    assert!(may("third").await);
}

#[tokio::test]
async fn a_new_password_ends_sessions_and_is_the_only_one() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let session = world.session(&ada).await;
    // An administrator may set a weak one.
    let new = world.secret("short-one");
    let answer = world
        .put(&path(ada.id, "/password"), &root, json!({"password": new}))
        .await
        .expect(200);
    assert_eq!(answer.body, json!({"message": "password reset successfully"}));
    world.get("/api/auth/me", &session).await.expect(401);
    let login = |password: &str| json!({"email": "ada@example.org", "password": password});
    world.post("/api/auth/login", "", login(PASSWORD)).await.expect(401);
    world.post("/api/auth/login", "", login(&new)).await.expect(200);
}

#[tokio::test]
async fn whoever_is_shut_out_is_out_for_the_next_request() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let session = world.session(&ada).await;
    let key = world.key(&ada, NewKey::named("k")).await;
    let status = path(ada.id, "/status");
    let answer = world
        .put(&status, &root, json!({"status": "disabled"}))
        .await
        .expect(200);
    assert_eq!(answer.body, json!({"message": "status updated"}));
    assert_eq!(world.may_chat(&key).await, 403);
    assert_ne!(world.may_chat(&session).await, 200);
    world
        .send("POST", &path(ada.id, "/impersonate"), &root, None)
        .await
        .expect(400);
    world.put(&status, &root, json!({"status": "active"})).await.expect(200);
    assert_eq!(world.may_chat(&key).await, 200);
    assert_eq!(world.may_chat(&session).await, 401, "their sessions ended");
}

#[tokio::test]
async fn a_deleted_user_is_gone_at_once_and_stays_in_the_reports_by_name() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let (ada, session) = world.admin("ada").await;
    let key = world.minting_key(&ada).await;
    let invite = world
        .post("/api/auth/admin/invites", &session, json!({}))
        .await
        .expect(201);
    let code = world.secret(&invite.text("code"));
    let entropy = SeededEntropy::insecure(1);
    world.auth.record_usage(UsageEvent {
        request_id: world.auth.new_request_id(),
        at: world.auth.now(),
        user_id: ada.id,
        user_name: "ada".to_owned(),
        key: Some((
            KeyId::generate(world.auth.now(), &entropy).unwrap(),
            "laptop".to_owned(),
        )),
        source: UsageSource::ApiKey,
        model: "demo".to_owned(),
        endpoint: "/v1/chat/completions".to_owned(),
        prompt_tokens: 3,
        cached_tokens: 0,
        cost_micros: 0,
        completion_tokens: 4,
        estimated: false,
    });
    world.get("/api/auth/me", &session).await.expect(200);
    world.get("/api/auth/me", &key).await.expect(200);
    let answer = world.delete(&path(ada.id, ""), &root).await.expect(200);
    assert_eq!(answer.body, json!({"message": "user deleted"}));
    world.get("/api/auth/me", &session).await.expect(401);
    world.get("/api/auth/me", &key).await.expect(401);
    world.delete(&path(ada.id, ""), &root).await.expect(404);
    assert_eq!(
        world.get("/api/auth/admin/invites", &root).await.body["invites"],
        json!([])
    );
    assert_eq!(
        world.get(&format!("/api/auth/invite/{code}/check"), "").await.body,
        json!({"valid": false})
    );
    assert_eq!(world.get("/api/auth/admin/keys", &root).await.body["keys"], json!([]));

    let usage = world.get("/api/auth/admin/usage", &root).await.expect(200).body;
    let row = &usage["usage"][0];
    assert_eq!(
        (&row["user_id"], &row["user_name"], &row["total_tokens"]),
        (&json!(""), &json!("ada"), &json!(7))
    );
    let sources = world.get("/api/auth/admin/usage/sources", &root).await.expect(200).body;
    let row = &sources["totals"]["by_key"][0];
    assert_eq!(
        (&row["user_id"], &row["user_name"], &row["api_key_name"]),
        (&json!(""), &json!("ada"), &json!("laptop"))
    );
}
