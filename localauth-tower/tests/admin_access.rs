//! Who may use the administrators' routes, with which credential.
#![cfg(feature = "api")]

mod admin_support;

use std::time::Duration;

use admin_support::{NOBODY, PASSWORD, SHARED, World, admin_routes};
use http::Method;
use localauth_core::{NewKey, Role, Status, UserQuery};
use serde_json::{Value, json};

#[tokio::test]
async fn every_route_is_closed_to_whoever_is_no_administrator() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let before = world.auth.find_user(ada.id).await.unwrap();
    let mut unrestricted = NewKey::named("k");
    unrestricted.scope.can_mint = true;
    let outsiders = [
        (String::new(), 401),
        ("nonsense".to_owned(), 401),
        (world.session(&ada).await, 403),
        (world.key(&ada, unrestricted).await, 403),
        (world.act_as(&root, &ada).await, 403),
    ];
    let said = world.audit().await.len();
    let routes = admin_routes(&ada.id.to_string());
    assert_eq!(routes.len(), 32, "{routes:?}");
    for (method, path, body) in &routes {
        for (token, status) in &outsiders {
            let answer = world.send(method.as_str(), path, token, body.clone()).await;
            assert_eq!(answer.status, *status, "{method} {path}: {}", answer.text);
        }
    }
    assert_eq!(world.auth.find_user(ada.id).await.unwrap(), before);
    assert_eq!(world.audit().await.len(), said, "nothing was done");
}

#[tokio::test]
async fn every_route_answers_an_administrator_and_the_shared_key() {
    for by_session in [true, false] {
        let world = World::new().await;
        let (_, root) = world.admin("root").await;
        let token = if by_session { root.as_str() } else { SHARED };
        for (method, path, body) in admin_routes(NOBODY) {
            let answer = world.send(method.as_str(), &path, token, body).await;
            let about_nobody = path.contains(NOBODY) || (method == Method::POST && path.ends_with("/keys"));
            if about_nobody {
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
            } else {
                assert!(matches!(answer.status, 200 | 201), "{method} {path}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn a_method_that_nobody_declared_is_404_to_an_administrator_and_401_to_nobody() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    for (method, path) in [
        ("DELETE", "/api/auth/admin/users"),
        ("POST", "/api/auth/admin/users/x/role"),
        ("GET", "/api/auth/admin/users/x/password"),
        ("PATCH", "/api/auth/admin/shared-keys"),
        ("PUT", "/api/auth/admin/audit"),
    ] {
        world.send(method, path, &root, None).await.expect(404);
        world.send(method, path, "", None).await.expect(401);
    }
}

/// What hands out a credential that outlives or exceeds the one it is asked with.
fn handing_out(id: &str) -> [(&'static str, String, Value); 5] {
    let user = format!("/api/auth/admin/users/{id}");
    let keys = || "/api/auth/admin/keys".to_owned();
    [
        ("PUT", format!("{user}/password"), json!({"password": PASSWORD})),
        ("POST", format!("{user}/impersonate"), Value::Null),
        ("POST", keys(), json!({"name": "k", "userId": id})),
        ("POST", keys(), json!({"name": "k", "serviceAccount": "robot"})),
        ("PUT", "/api/auth/admin/shared-keys".to_owned(), json!({"keys": []})),
    ]
}

#[tokio::test]
async fn a_bound_credential_hands_out_none_that_is_not() {
    let world = World::new().await;
    let (root, session) = world.admin("root").await;
    let (other, _) = world.admin("other").await;
    let ada = world.user("ada", Role::User).await;
    let mut of_models = NewKey::named("of models");
    of_models.scope.can_mint = true;
    of_models.scope.models = Some(["demo".to_owned()].into());
    let mut ending = NewKey::named("ending").expiring(world.auth.now() + Duration::from_hours(1));
    ending.scope.can_mint = true;
    let bound = [
        world.key(&root, NewKey::named("plain")).await,
        world.key(&root, of_models).await,
        world.key(&root, ending).await,
        world.act_as(&session, &other).await,
    ];
    for token in &bound {
        for (method, path, body) in handing_out(&ada.id.to_string()) {
            let body = Some(body).filter(|body| !body.is_null());
            let answer = world.send(method, &path, token, body).await;
            assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text);
        }
    }
    let users = world.auth.list_users(&UserQuery::default()).await.unwrap();
    let made = world
        .audit()
        .await
        .into_iter()
        .filter(|(action, _)| action == "user.create");
    assert_eq!(
        (users.len(), made.count()),
        (3, 3),
        "no service account was made for a key that was refused, not even for a moment"
    );
    // The same with a credential that is not bound.
    let minting = world.minting_key(&root).await;
    for token in [minting.as_str(), session.as_str(), SHARED] {
        for (method, path, body) in handing_out(&ada.id.to_string()) {
            let body = Some(body).filter(|body| !body.is_null());
            let answer = world.send(method, &path, token, body).await;
            assert!(matches!(answer.status, 200 | 201), "{method} {path}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_key_of_an_administrator_goes_no_further_than_its_routes() {
    let world = World::new().await;
    let (root, _) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    let mut new = NewKey::named("reader");
    new.scope.routes = Some(vec!["GET /api/auth/admin/users*".parse().unwrap()]);
    let reader = world.key(&root, new).await;
    for (method, path, body) in admin_routes(&ada.id.to_string()) {
        let within = method == Method::GET && path.starts_with("/api/auth/admin/users");
        let status = world.send(method.as_str(), &path, &reader, body).await.status;
        assert_eq!(status, if within { 200 } else { 403 }, "{method} {path}");
    }
}

#[tokio::test]
async fn nobody_changes_their_own_standing() {
    let world = World::new().await;
    let (root, session) = world.admin("root").await;
    let (other, _) = world.admin("other").await;
    let minting = world.minting_key(&root).await;
    let acting = world.act_as(&session, &other).await;
    // As somebody else, neither as whom nor who one is.
    for (token, id) in [
        (&session, root.id),
        (&minting, root.id),
        (&acting, root.id),
        (&acting, other.id),
    ] {
        let user = format!("/api/auth/admin/users/{id}");
        for (method, what, body) in [
            ("PUT", "/role", Some(json!({"role": "user"}))),
            ("PUT", "/role", Some(json!({"role": "admin"}))),
            ("PUT", "/status", Some(json!({"status": "disabled"}))),
            ("PUT", "/password", Some(json!({"password": PASSWORD}))),
            ("DELETE", "", None),
        ] {
            let answer = world
                .send(method, &format!("{user}{what}"), token, body)
                .await
                .expect(400);
            assert!(answer.error().contains("your own account"), "{}", answer.text);
        }
    }
    world
        .send(
            "POST",
            &format!("/api/auth/admin/users/{}/impersonate", root.id),
            &session,
            None,
        )
        .await
        .expect(400);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let world = World::new().await;
    let root = world.user("root", Role::Admin).await;
    let other = world.user("other", Role::Admin).await;
    let path = |id| format!("/api/auth/admin/users/{id}");
    world
        .put(
            &format!("{}/status", path(other.id)),
            SHARED,
            json!({"status": "disabled"}),
        )
        .await
        .expect(200);
    // A disabled administrator is none that could help.
    for (method, what, body) in [
        ("PUT", "/role", Some(json!({"role": "user"}))),
        ("PUT", "/status", Some(json!({"status": "disabled"}))),
        ("DELETE", "", None),
    ] {
        let path = format!("{}{what}", path(root.id));
        let answer = world.send(method, &path, SHARED, body).await.expect(400);
        assert!(answer.error().contains("last active administrator"), "{}", answer.text);
    }
    let root = world.auth.find_user(root.id).await.unwrap().unwrap();
    assert_eq!((root.role, root.status), (Role::Admin, Status::Active));
    world.delete(&path(other.id), SHARED).await.expect(200);
}

#[tokio::test]
async fn a_demoted_administrator_is_refused_on_the_next_request() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let (other, session) = world.admin("other").await;
    let key = world.minting_key(&other).await;
    world.get("/api/auth/admin/users", &session).await.expect(200);
    world.get("/api/auth/admin/users", &key).await.expect(200);
    let path = format!("/api/auth/admin/users/{}/role", other.id);
    let answer = world.put(&path, &root, json!({"role": "user"})).await.expect(200);
    assert_eq!(answer.body, json!({"message": "role updated"}));
    world.get("/api/auth/admin/users", &session).await.expect(401);
    world.get("/api/auth/admin/users", &key).await.expect(403);
    // A key has the present role of its owner, upwards too.
    world.put(&path, &root, json!({"role": "admin"})).await.expect(200);
    world.get("/api/auth/admin/users", &key).await.expect(200);
}

/// Reports wait for what is queued; with the clock paused that takes no time.
#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_503() {
    let world = World::new().await;
    let (_, root) = world.admin("root").await;
    let ada = world.user("ada", Role::User).await;
    world.get("/api/auth/admin/users", &root).await.expect(200);
    world.store.set_outage(true);
    for (method, path, body) in admin_routes(&ada.id.to_string()) {
        if path.ends_with("/features") {
            continue;
        }
        let answer = world.send(method.as_str(), &path, &root, body).await;
        assert_eq!(answer.status, 503, "{method} {path}: {}", answer.text);
        assert!(answer.headers.contains_key("retry-after"), "{method} {path}");
    }
}
