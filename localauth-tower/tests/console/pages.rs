//! What holds for all pages.

use std::time::Duration;

use localauth_core::{Caller, KeyScope, NewKey, Role, Status};

use crate::support::World;

#[tokio::test]
async fn whoever_is_not_signed_in_is_led_to_where_they_can_be_and_back() {
    let world = World::new();
    let mut browser = world.browser();
    browser.get("/").await.leads_to("/login");
    browser.get("/keys?a=b").await.leads_to("/login?next=%2Fkeys%3Fa%3Db");
    browser
        .get("/admin/users")
        .await
        .leads_to("/login?next=%2Fadmin%2Fusers");
}

#[tokio::test]
async fn nobody_sees_a_page_of_administrators_by_its_address() {
    let world = World::new();
    world.user("root", Role::Admin).await;
    let (_, mut browser) = world.visitor("ada", Role::User).await;
    for path in ["/admin/users", "/admin/audit", "/admin/usage", "/admin/health"] {
        browser.get(path).await.expect(403).says("for administrators");
    }
}

#[tokio::test]
async fn every_page_has_its_policy_and_is_not_kept() {
    let world = World::new();
    let mut browser = world.browser();
    for path in ["/login", "/", "/nothing/here"] {
        let seen = browser.get(path).await;
        if path != "/nothing/here" {
            let policy = seen.headers["content-security-policy"].to_str().unwrap();
            assert!(
                policy.starts_with("default-src 'self';") && !policy.contains("unsafe"),
                "{policy}"
            );
            assert_eq!(seen.headers["cache-control"], "no-store");
            assert_eq!(seen.headers["x-frame-options"], "DENY");
        }
    }
}

#[tokio::test]
async fn what_pages_load_is_kept_for_good() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get("/login").await.expect(200);
    for kind in ["rel=\"stylesheet\" href=\"", "<script src=\"", "rel=\"icon\" href=\""] {
        let asset = browser.get(&page.after(kind)).await.expect(200);
        assert_eq!(asset.headers["cache-control"], "public, max-age=31536000, immutable");
    }
    browser.get("/console/other.css").await.expect(404);
}

#[tokio::test]
async fn forms_of_other_sites_do_nothing() {
    let world = World::new();
    let user = world.user("ada", Role::Admin).await;
    let mut browser = world.browser();
    let fields = [("email", user.email.as_str()), ("password", crate::support::PASSWORD)];
    browser
        .post_from_elsewhere("/login", &fields)
        .await
        .expect(403)
        .says("came from another site");
    assert!(browser.cookie("session").is_none());
}

#[tokio::test]
async fn what_caches_keep_has_no_session_in_it() {
    let world = World::new();
    let (_, mut browser) = world.visitor("ada", Role::User).await;
    let script = browser.get("/account").await.expect(200).after("<script src=\"");
    world.clock.advance(Duration::from_hours(2));
    let asset = browser.get(&script).await.expect(200);
    assert!(!asset.headers.contains_key("set-cookie"), "{:?}", asset.headers);
    assert!(asset.headers["cache-control"].to_str().unwrap().starts_with("public"));
    assert!(asset.headers.contains_key("content-security-policy"));
    // It was due for one all the time.
    let page = browser.get("/account").await.expect(200);
    assert!(page.headers.contains_key("set-cookie"), "{:?}", page.headers);
    assert_eq!(page.headers["cache-control"], "no-store");
}

/// What a page's script hears.
async fn asked_by_script(browser: &mut crate::support::Browser<'_>) -> u16 {
    let request = http::Request::get("/console/session").header("sec-fetch-dest", "empty");
    browser.send(request, axum::body::Body::empty()).await.status
}

#[tokio::test]
async fn open_pages_hear_of_the_end_of_a_session_and_of_nothing_else() {
    let world = World::new();
    let mut browser = world.browser();
    assert_eq!(asked_by_script(&mut browser).await, 401);
    let (ada, mut browser) = world.visitor("ada", Role::User).await;
    let scope = KeyScope {
        routes: Some(vec!["GET /keys".parse().unwrap()]),
        ..KeyScope::default()
    };
    let key = world
        .auth
        .create_key(ada.id, NewKey::named("narrow").scoped(scope))
        .await
        .unwrap();
    let mut narrowed = world.signed_in_by(key.plain.expose()).await;
    narrowed.get("/keys").await.expect(200);
    narrowed.get("/account").await.expect(403);
    assert_eq!(asked_by_script(&mut narrowed).await, 204);
    assert_eq!(asked_by_script(&mut browser).await, 204);
    // Its script leads away from the page for nothing else than that.
    let script = browser.get("/account").await.after("<script src=\"");
    browser
        .get(&script)
        .await
        .says("answer?.status === 401")
        .does_not_say("answer?.status === 403");
    world
        .auth
        .set_status(&Caller::operator(), ada.id, Status::Disabled)
        .await
        .unwrap();
    assert_eq!(asked_by_script(&mut browser).await, 401);
    assert_eq!(asked_by_script(&mut narrowed).await, 401);
}

#[tokio::test]
async fn a_refused_form_keeps_the_way_back() {
    let world = World::new();
    world.user("root", Role::Admin).await;
    let (_, mut browser) = world.visitor("ada", Role::User).await;
    // The navigation and the sign-out stay.
    for path in ["/admin/users", "/keys/nonsense"] {
        let seen = browser.get(path).await;
        assert!(matches!(seen.status, 403 | 404), "{}", seen.status);
        seen.says("href=\"/keys\"")
            .says("action=\"/logout\"")
            .says("ada")
            .does_not_say("href=\"/admin/users\"")
            .does_not_say("go back in your browser");
    }
    let refused = browser.post("/keys/nonsense/revoke", &[("a", "b")]).await;
    refused
        .expect(404)
        .says("go back in your browser")
        .says("action=\"/logout\"");
    // Signed out meanwhile: back to the page with the form, and to none of another server.
    let mut nobody = world.browser();
    for (referer, address) in [
        ("http://house.example/keys/new?a=b", "/login?next=%2Fkeys%2Fnew%3Fa%3Db"),
        ("http://house.example//evil.example/", "/login"),
        ("http://house.example.evil.example/keys", "/login"),
        ("https://evil.example/keys", "/login"),
    ] {
        let request = http::Request::post("/keys/new")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "http://house.example")
            .header("sec-fetch-site", "same-origin")
            .header("referer", referer);
        let seen = nobody.send(request, axum::body::Body::from("name=x")).await.expect(401);
        seen.says(&format!("href=\"{address}\""))
            .says("go back in your browser")
            .does_not_say("evil");
    }
    nobody.language = "de";
    let german = nobody.post("/keys/new", &[]).await.expect(401);
    german.says("Gehen Sie im Browser zurück");
}

#[tokio::test]
async fn every_form_has_a_page_to_come_back_to() {
    let world = World::new();
    let (_, mut browser) = world.visitor("root", Role::Admin).await;
    let table = localauth_tower::console::routes(localauth_core::policy::RouteTable::builder(), "/");
    let posts: Vec<String> = table
        .rules()
        .iter()
        .filter(|rule| *rule.method() == http::Method::POST)
        .map(|rule| rule.pattern().to_owned())
        .collect();
    assert!(posts.len() > 20, "{posts:?}");
    let mut missing = Vec::new();
    for pattern in &posts {
        let path = pattern
            .replace("{id}", crate::support::NOBODY)
            .replace("{limit}", "1")
            .replace("{name}", "basic")
            .replace("{provider}", "github");
        let seen = browser.get(&path).await;
        let declared = table
            .rules()
            .iter()
            .any(|rule| *rule.method() == http::Method::GET && rule.pattern() == pattern);
        let is_there = declared && seen.status != 405 && !seen.text.contains("There is no such page");
        if !is_there {
            missing.push(pattern.as_str());
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}
