//! Every route of the API's own table, for everybody who may ask for it, on both databases. A route that is added is
//! tried without a word here; where somebody must be refused by more than the table, it is said below.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

mod world;

use http::Method;
use localauth_core::policy::{Access, RouteTable, Rule};
use localauth_tests::{Postgres, sqlite};
use localauth_tower::api;
use serde_json::json;

use self::world::World;

/// Routes that change credentials, or what an account is: not for a key that may not mint.
fn needs_minting(rule: &Rule) -> bool {
    let own = [
        "/api/auth/profile",
        "/api/auth/password",
        "/api/auth/api-keys",
        "/api/auth/api-keys/{id}",
        "/api/auth/api-keys/{id}/rotate",
        "/api/auth/sessions",
        "/api/auth/sessions/{id}",
        "/api/auth/identities/{provider}",
    ];
    rule.method() != Method::GET && own.contains(&rule.pattern())
}

/// Routes of administrators that hand out credentials.
fn hands_out(rule: &Rule) -> bool {
    let (method, pattern) = (rule.method().as_str(), rule.pattern());
    let posts = ["/api/auth/admin/keys", "/api/auth/admin/users/{id}/impersonate"];
    let puts = ["/api/auth/admin/shared-keys", "/api/auth/admin/users/{id}/password"];
    match method {
        "POST" => posts.contains(&pattern),
        "PUT" => puts.contains(&pattern),
        _ => false,
    }
}

/// Routes of administrators that change what binds everyone, and with them whoever asks.
fn binds_everyone(rule: &Rule) -> bool {
    let pattern = rule.pattern();
    let of_house = [
        "/api/auth/admin/tiers",
        "/api/auth/admin/limits",
        "/api/auth/admin/prices",
    ];
    rule.method() != Method::GET && of_house.iter().any(|prefix| pattern.starts_with(prefix))
}

/// What nobody may do who acts as somebody else.
fn not_as_somebody_else(rule: &Rule) -> bool {
    needs_minting(rule)
        && !matches!(rule.pattern(), "/api/auth/profile")
        && !(rule.method() == Method::DELETE && rule.pattern() == "/api/auth/api-keys/{id}")
}

/// The status that somebody must get, where they must be refused.
fn refusal(rule: &Rule, who: &str) -> Option<u16> {
    // Forward auth decides itself: without a question of a trusted proxy, by whether somebody is signed in.
    if *rule.access() == Access::Public && rule.pattern() != "/api/auth/verify" {
        return None;
    }
    let is_admins = *rule.access() == Access::Admin;
    match who {
        "anonymous" | "wrong key" | "disabled user" => Some(401),
        "disabled user's key" | "user's scoped key" | "admin's scoped key" => Some(403),
        "user" | "other user" | "user's minting key" if is_admins => Some(403),
        "user's key" if is_admins || needs_minting(rule) => Some(403),
        "impersonator" if is_admins || not_as_somebody_else(rule) => Some(403),
        "admin's key" if needs_minting(rule) || hands_out(rule) || binds_everyone(rule) => Some(403),
        // Ada's things are nobody else's.
        "other user" if rule.pattern().contains("{id}") => Some(404),
        _ => None,
    }
}

async fn everybody(url: &str) {
    let (world, personas) = World::new(url).await;
    let table = api::routes(RouteTable::builder());
    let before = (
        world.auth.find_user(world.bob).await.unwrap(),
        world.auth.find_user(world.ada).await.unwrap(),
        world.auth.list_keys(world.ada).await.unwrap().len(),
        world.auth.list_keys(world.bob).await.unwrap().len(),
        world.auth.list_invites().await.unwrap().len(),
        world.auth.shared_keys().await.unwrap(),
        world.auth.list_sessions(world.ada).await.unwrap().len(),
        world.auth.user_limits(world.bob).await.unwrap(),
        world.auth.house_rules().await.unwrap(),
    );
    for rule in table.rules() {
        let (method, pattern) = (rule.method().as_str(), rule.pattern());
        for (who, credential) in &personas.0 {
            if let Some(status) = refusal(rule, who) {
                let body = world.body(method, pattern);
                let answer = world.send(method, &world.path(pattern), credential, body).await;
                assert_eq!(answer.status, status, "{who}: {method} {pattern}: {}", answer.body);
                assert!(
                    answer.body["error"].is_string(),
                    "{who}: {method} {pattern}: {}",
                    answer.body
                );
                assert_eq!(answer.headers["cache-control"], "no-store", "{method} {pattern}");
                if status == 401 {
                    assert!(answer.headers.contains_key("www-authenticate"), "{method} {pattern}");
                }
            }
        }
    }
    let after = (
        world.auth.find_user(world.bob).await.unwrap(),
        world.auth.find_user(world.ada).await.unwrap(),
        world.auth.list_keys(world.ada).await.unwrap().len(),
        world.auth.list_keys(world.bob).await.unwrap().len(),
        world.auth.list_invites().await.unwrap().len(),
        world.auth.shared_keys().await.unwrap(),
        world.auth.list_sessions(world.ada).await.unwrap().len(),
        world.auth.user_limits(world.bob).await.unwrap(),
        world.auth.house_rules().await.unwrap(),
    );
    assert_eq!(before, after, "whoever is refused changes nothing");

    // Those who may, in an order in which nothing takes away what a later one needs.
    for who in ["user", "admin", "shared key"] {
        let credential = personas.get(who);
        for rule in table.rules() {
            let (method, pattern) = (rule.method().as_str(), rule.pattern());
            let ends = method == "DELETE" || matches!(pattern, "/api/auth/logout" | "/api/auth/password");
            if ends || refusal(rule, who).is_some() {
                continue;
            }
            let body = world.body(method, pattern);
            let answer = world.send(method, &world.path(pattern), &credential, body).await;
            let fits = match (who, pattern) {
                (_, "/api/auth/token-login") => answer.status == 401,
                // There is no account, and so nothing of its own, behind a shared key.
                ("shared key", p) if !p.starts_with("/api/auth/admin/") => answer.status < 500,
                ("admin", p) if p.contains("/api-keys/{id}") => answer.status == 404,
                _ => (200..300).contains(&answer.status),
            };
            assert!(fits, "{who}: {method} {pattern}: {} {}", answer.status, answer.body);
            assert_eq!(answer.headers["cache-control"], "no-store", "{method} {pattern}");
        }
    }
    // Nobody became what they asked to be.
    let ada = world.auth.find_user(world.ada).await.unwrap().unwrap();
    assert_eq!((ada.name.as_str(), ada.email.as_str()), ("Ada L.", "ada@example.org"));
    assert!(ada.role == localauth_core::Role::User);

    let admin = personas.get("admin");
    for rule in table.rules() {
        let (method, pattern) = (rule.method().as_str(), rule.pattern());
        if method == "DELETE" && *rule.access() == Access::Admin && pattern != "/api/auth/admin/users/{id}" {
            let answer = world.send(method, &world.path(pattern), &admin, None).await;
            assert_eq!(answer.status, 200, "{method} {pattern}: {}", answer.body);
        }
    }
    let bob = format!("/api/auth/admin/users/{}", world.bob);
    assert_eq!(world.send("DELETE", &bob, &admin, None).await.status, 200);
    assert_eq!(world.send("DELETE", &bob, &admin, None).await.status, 404);
    let user = personas.get("user");
    let session = format!("/api/auth/sessions/{}", world.session);
    assert_eq!(world.send("DELETE", &session, &user, None).await.status, 200);
    let key = format!("/api/auth/api-keys/{}", world.key);
    assert_eq!(world.send("DELETE", &key, &user, None).await.status, 200);
    let out = world.send("POST", "/api/auth/logout", &user, None).await;
    assert_eq!((out.status, out.body), (200, json!({"message": "logged out"})));
    assert_eq!(world.send("GET", "/api/auth/me", &user, None).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_for_everybody_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    everybody(&sqlite(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_for_everybody_on_postgresql() {
    let database = Postgres::create("routes").await;
    everybody(&database.url).await;
    database.drop().await;
}
