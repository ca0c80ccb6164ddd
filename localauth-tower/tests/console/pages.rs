//! What holds for all pages.

use localauth_core::Role;

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
