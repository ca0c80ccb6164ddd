//! Keys of anybody, shared keys, invites, acting as somebody.
#![cfg(feature = "api")]

mod admin_support;

use std::time::Duration;

use admin_support::{NOBODY, PASSWORD, SHARED, World};
use localauth_core::{NewKey, Role, UserQuery};
use serde_json::{Value, json};

const KEYS: &str = "/api/auth/admin/keys";
const SHARED_KEYS: &str = "/api/auth/admin/shared-keys";
const INVITES: &str = "/api/auth/admin/invites";

#[tokio::test]
async fn keys_of_anybody_are_made_listed_and_revoked() {
    let world = World::new().await;
    let (root, session) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let wish = json!({"userId": ada.id.to_string(), "name": "ada's", "expiresIn": "30d", "models": ["demo"],
                      "role": "admin", "id": NOBODY, "keyPrefix": "sk-local-x"});
    let made = world.post(KEYS, &session, wish).await.expect(201);
    let key = world.secret(&made.text("key"));
    assert!(key.starts_with(&made.text("keyPrefix")));
    assert_eq!(
        (&made.body["userId"], &made.body["role"]),
        (&json!(ada.id.to_string()), &json!("user"))
    );
    assert_ne!(made.body["id"], NOBODY);
    let me = world.get("/api/auth/me", &key).await.expect(200).body;
    assert_eq!((&me["id"], &me["role"]), (&json!(ada.id.to_string()), &json!("user")));
    world.key(&root, NewKey::named("root's")).await;

    let names = async |query: &str| {
        let list = world.get(&format!("{KEYS}{query}"), &session).await.expect(200).body;
        let keys = list["keys"].as_array().unwrap().clone();
        assert!(
            keys.iter()
                .all(|key| key.get("key").is_none() && key["userId"].is_string())
        );
        keys.iter()
            .map(|key| key["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("").await.len(), 2);
    assert_eq!(names(&format!("?user_id={}", ada.id)).await, ["ada's"]);
    assert_eq!(names("?user_id=").await.len(), 2);
    assert!(names(&format!("?user_id={NOBODY}")).await.is_empty());
    assert!(names("?user_id=legacy-api-key").await.is_empty());
    world.get(&format!("{KEYS}?user_id=x"), &session).await.expect(400);

    let path = format!("{KEYS}/{}", made.text("id"));
    let revoked = world.delete(&path, &session).await.expect(200);
    assert_eq!(revoked.body, json!({"message": "API key revoked"}));
    world.get("/api/auth/me", &key).await.expect(401);
    for gone in [
        &path,
        &format!("{KEYS}/{NOBODY}"),
        &format!("{KEYS}/x"),
        &format!("{KEYS}/%ff"),
    ] {
        let answer = world.delete(gone, &session).await.expect(404);
        assert_eq!(answer.body, json!({"error": "API key not found"}), "{gone}");
    }
}

#[tokio::test]
async fn a_service_account_has_a_key_and_no_way_to_sign_in() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let made = world
        .post(KEYS, &root, json!({"serviceAccount": " ci ", "name": "k"}))
        .await
        .expect(201);
    let key = world.secret(&made.text("key"));
    let me = world.get("/api/auth/me", &key).await.expect(200).body;
    assert_eq!(
        (&me["name"], &me["provider"], &me["role"]),
        (&json!("ci"), &json!("service"), &json!("user"))
    );
    assert_eq!(made.body["userId"], me["id"]);
    let login = json!({"email": me["email"], "password": ""});
    world.post("/api/auth/login", "", login).await.expect(400);
    let path = format!("/api/auth/admin/users/{}/password", made.text("userId"));
    world.put(&path, &root, json!({"password": PASSWORD})).await.expect(400);
    // By its id, it gets further keys.
    let more = json!({"userId": me["id"], "name": "k2"});
    let made = world.post(KEYS, &root, more).await.expect(201);
    world.secret(&made.text("key"));
}

#[tokio::test]
async fn a_wrong_wish_for_a_key_makes_neither_key_nor_account() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await.id.to_string();
    for (wish, status) in [
        (json!({"name": "k"}), 400),
        (json!({"name": "k", "userId": ada, "serviceAccount": "ci"}), 400),
        (json!({"name": "k", "userId": "", "serviceAccount": " "}), 400),
        (json!({"name": "k", "userId": NOBODY}), 404),
        (json!({"name": "k", "userId": "x"}), 404),
        (json!({"name": "k", "userId": "legacy-api-key"}), 404),
        (json!({"name": "k", "userId": 1}), 400),
        (json!({"name": "", "serviceAccount": "ci"}), 400),
        (json!({"serviceAccount": "ci"}), 400),
        (json!({"name": "k", "serviceAccount": "ci", "expiresIn": "0d"}), 400),
        (
            json!({"name": "k", "serviceAccount": "ci", "expiresAt": "2001-01-01T00:00:00Z"}),
            400,
        ),
        (json!({"name": "k", "serviceAccount": "ci", "features": ["chta"]}), 400),
        (json!({"name": "k", "serviceAccount": "c\ni"}), 400),
        (json!({"name": "k", "serviceAccount": "x".repeat(129)}), 400),
    ] {
        let answer = world.post(KEYS, &root, wish.clone()).await;
        assert_eq!(answer.status, status, "{wish}: {}", answer.text);
    }
    assert_eq!(world.auth.list_users(&UserQuery::default()).await.unwrap().len(), 2);
    assert!(world.auth.list_all_keys().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_shared_key_of_the_run_time_lives_and_dies_with_the_list() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let new = world.secret("a-key-that-everybody-shares");
    world.get("/api/auth/me", &new).await.expect(401);
    let list = world.put(SHARED_KEYS, &root, json!({"keys": [new]})).await.expect(200);
    assert!(!list.text.contains(&new));
    let keys = list.body["keys"].as_array().unwrap();
    let sources: Vec<&Value> = keys.iter().map(|key| &key["source"]).collect();
    assert_eq!(sources, ["env", "runtime"]);
    assert_eq!(world.get(SHARED_KEYS, &root).await.expect(200).body, list.body);

    let me = world.get("/api/auth/me", &new).await.expect(200).body;
    assert_eq!((&me["id"], &me["role"]), (&json!("legacy-api-key"), &json!("admin")));
    let login = world
        .post("/api/auth/token-login", "", json!({"token": new}))
        .await
        .expect(200);
    let session = world.secret(&login.session_cookie().unwrap());
    world.get("/api/auth/admin/users", &session).await.expect(200);

    // What is wrong changes nothing; an absent list is not an empty one.
    let keys = |list: Value| json!({ "keys": list });
    for wrong in [
        json!({}),
        keys(Value::Null),
        keys(json!("x")),
        keys(json!([1])),
        keys(json!(["short"])),
        keys(json!([""])),
        keys(json!(["with spaces in the middle"])),
        keys(json!(["x".repeat(513)])),
        keys((0..101).map(|n| format!("one-of-many-keys-{n}")).collect()),
    ] {
        world.put(SHARED_KEYS, &root, wrong).await.expect(400);
    }
    world.get("/api/auth/me", &new).await.expect(200);
    // As it was shown, it stays.
    let shown = &list.body["keys"][1];
    world
        .put(SHARED_KEYS, &root, keys(json!([shown["masked"]])))
        .await
        .expect(200);
    let kept = world
        .put(SHARED_KEYS, &root, keys(json!([shown["id"]])))
        .await
        .expect(200);
    assert_eq!(kept.body, list.body);
    world.get("/api/auth/me", &session).await.expect(200);

    let none = world.put(SHARED_KEYS, &root, keys(json!([]))).await.expect(200).body;
    assert_eq!(none["keys"].as_array().unwrap().len(), 1);
    world.get("/api/auth/me", &new).await.expect(401);
    world.get("/api/auth/me", &session).await.expect(401);
    world.get("/api/auth/me", SHARED).await.expect(200);
}

#[tokio::test]
async fn an_invite_lets_one_person_in_once() {
    let world = World::new().await;
    let (root, session) = world.admin("root").await;
    let made = world.send("POST", INVITES, &session, None).await.expect(201);
    let code = world.secret(&made.text("code"));
    assert_eq!(made.body["createdAt"], "2027-01-15T08:00:00Z");
    assert_eq!(made.body["expiresAt"], "2027-01-22T08:00:00Z");
    let names: Vec<&str> = made.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names.len(), 4, "{names:?}");

    let register = |email: &str| json!({"email": email, "password": PASSWORD, "name": "Ada", "inviteCode": code});
    let ada = world
        .post("/api/auth/register", "", register("ada@example.org"))
        .await
        .expect(201)
        .body;
    world
        .post("/api/auth/register", "", register("bob@example.org"))
        .await
        .expect(400);
    let list = world.get(INVITES, &session).await.expect(200).body;
    let invite = &list["invites"][0];
    assert_eq!(invite["createdBy"], json!({"id": root.id.to_string(), "name": "root"}));
    assert_eq!(invite["usedBy"], json!({"id": ada["user"]["id"], "name": "Ada"}));
    assert!(invite["usedAt"].is_string() && code.starts_with(invite["codePrefix"].as_str().unwrap()));
    assert!(invite.get("code").is_none());
    let path = format!("{INVITES}/{}", made.text("id"));
    let used = world.delete(&path, &session).await.expect(400);
    assert_eq!(used.error(), "cannot revoke a used invite");

    // Whoever came in with it is deleted: that it was used stays.
    let ada = format!("/api/auth/admin/users/{}", ada["user"]["id"].as_str().unwrap());
    world.delete(&ada, &session).await.expect(200);
    let list = world.get(INVITES, &session).await.expect(200).body;
    assert!(list["invites"][0]["usedAt"].is_string() && list["invites"][0]["usedBy"].is_null());
    world.delete(&path, &session).await.expect(400);
}

#[tokio::test]
async fn an_invite_that_is_revoked_or_over_lets_nobody_in() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let is_open = async |code: &str| {
        let answer = world
            .get(&format!("/api/auth/invite/{code}/check"), "")
            .await
            .expect(200);
        answer.body["valid"].as_bool().unwrap()
    };
    let made = world
        .post(INVITES, &root, json!({"expiresInHours": 1}))
        .await
        .expect(201);
    let code = made.text("code");
    assert!(is_open(&code).await);
    let path = format!("{INVITES}/{}", made.text("id"));
    assert_eq!(
        world.delete(&path, &root).await.expect(200).body,
        json!({"message": "invite revoked"})
    );
    assert!(!is_open(&code).await);
    for gone in [
        path.as_str(),
        "/api/auth/admin/invites/x",
        "/api/auth/admin/invites/%00",
    ] {
        let answer = world.delete(gone, &root).await.expect(404);
        assert_eq!(answer.error(), "invite not found");
    }
    let made = world
        .post(INVITES, SHARED, json!({"expiresInHours": 1}))
        .await
        .expect(201);
    let list = world.get(INVITES, &root).await.expect(200).body;
    assert_eq!(
        list["invites"][0]["createdBy"],
        json!({"id": "legacy-api-key", "name": "API Key User"})
    );
    world.clock.advance(Duration::from_hours(1));
    world.auth.follow_changes().await.unwrap();
    assert!(!is_open(&made.text("code")).await);
}

#[tokio::test]
async fn an_invite_lasts_a_week_unless_said_otherwise() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    for (hours, until) in [
        (json!({}), "2027-01-22"),
        (json!({"expiresInHours": null}), "2027-01-22"),
        (json!({"expiresInHours": 0}), "2027-01-22"),
        (json!({"expiresInHours": -5}), "2027-01-22"),
        (json!({"expiresInHours": 24}), "2027-01-16"),
        (json!({"expiresInHours": 8760, "createdBy": NOBODY}), "2028-01-15"),
    ] {
        let made = world.post(INVITES, &root, hours.clone()).await.expect(201);
        assert!(made.text("expiresAt").starts_with(until), "{hours}");
        world.secret(&made.text("code"));
    }
    for wrong in [
        json!(8761),
        json!(i64::MAX),
        json!(1e300),
        json!(1.5),
        json!("24"),
        json!([1]),
    ] {
        world
            .post(INVITES, &root, json!({"expiresInHours": wrong}))
            .await
            .expect(400);
    }
    let invites = world.get(INVITES, &root).await.expect(200).body;
    assert_eq!(invites["invites"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn an_impersonation_is_a_short_session_of_that_user() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let path = format!("/api/auth/admin/users/{}/impersonate", ada.id);
    let answer = world.send("POST", &path, &root, None).await.expect(200);
    let names: Vec<&str> = answer.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["expiresAt", "user"]);
    assert_eq!(answer.body["user"]["id"], ada.id.to_string());
    assert_eq!(answer.body["expiresAt"], "2027-01-15T08:15:00Z");
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly; SameSite=Lax; Path=/; Max-Age=900"),
        "{cookie}"
    );
    let acting = world.secret(&answer.session_cookie().unwrap());
    assert!(!answer.text.contains(&acting), "the session is in the cookie only");
    assert_eq!(
        world.get("/api/auth/me", &acting).await.expect(200).body["id"],
        ada.id.to_string()
    );
    world.get("/api/auth/admin/users", &acting).await.expect(403);
    // No credential is made in somebody else's name.
    world
        .post("/api/auth/api-keys", &acting, json!({"name": "k"}))
        .await
        .expect(403);
    world.send("POST", "/api/auth/logout", &acting, None).await.expect(200);
    world.get("/api/auth/me", &acting).await.expect(401);
    world.get("/api/auth/me", &root).await.expect(200);

    let acting = world.act_as(&root, &ada).await;
    world.clock.advance(Duration::from_mins(15));
    world.auth.follow_changes().await.unwrap();
    world.get("/api/auth/me", &acting).await.expect(401);
}

#[tokio::test]
async fn an_impersonation_ends_with_the_administrators_role() {
    for (method, what, body) in [
        ("PUT", "/role", Some(json!({"role": "user"}))),
        ("PUT", "/status", Some(json!({"status": "disabled"}))),
        ("DELETE", "", None),
    ] {
        let world = World::new().await;
        let (_, root) = world.admin("root").await;
        let (other, session) = world.admin("other").await;
        let ada = world.user("ada", Role::User).await;
        let acting = world.act_as(&session, &ada).await;
        world.get("/api/auth/me", &acting).await.expect(200);
        let path = format!("/api/auth/admin/users/{}{what}", other.id);
        world.send(method, &path, &root, body).await.expect(200);
        world.get("/api/auth/me", &acting).await.expect(401);
    }
}
