//! Sign-out.

use localauth_core::{Caller, Role};

use crate::support::World;

#[tokio::test]
async fn the_session_ends_and_the_cookies_go() {
    let world = World::new();
    let (ada, mut browser) = world.visitor("Ada", Role::User).await;
    let mut elsewhere = world.signed_in(&ada).await;
    let token = browser.cookie("session").unwrap().to_owned();
    browser.post("/logout", &[]).await.leads_to("/login?done=signed-out");
    assert!(browser.cookie("session").is_none());
    browser
        .get("/login?done=signed-out")
        .await
        .expect(200)
        .says("You are signed out.");
    browser.set_cookie("session", &token);
    browser.get("/account").await.leads_to("/login?next=%2Faccount");
    // Only this one.
    elsewhere.get("/account").await.expect(200);
    // A second time is no harm.
    browser.post("/logout", &[]).await.leads_to("/login?done=signed-out");
    browser.get("/logout").await.leads_to("/login");
}

#[tokio::test]
async fn acting_as_somebody_ends_at_the_sign_in() {
    let world = World::new();
    let (root, _) = world.visitor("Root", Role::Admin).await;
    let ada = world.user("Ada", Role::User).await;
    let mut browser = world.signed_in(&root).await;
    let path = format!("/api/auth/admin/users/{}/impersonate", ada.id);
    browser.post(&path, &[]).await.expect(200);
    browser.get("/account").await.expect(200).says("ada@example.org");
    let seen = browser.post("/logout", &[]).await;
    seen.leads_to("/login?next=%2Fadmin%2Fusers&done=impersonation-ended");
    assert!(browser.cookie("session").is_none());
    let page = browser
        .get("/login?next=%2Fadmin%2Fusers&done=impersonation-ended")
        .await;
    page.expect(200)
        .says("You no longer act as somebody else.")
        .says("name=\"next\" value=\"/admin/users\"");
    assert!(world.auth.list_sessions(ada.id).await.unwrap().is_empty());
    let caller = Caller::operator();
    world.auth.delete_user(&caller, ada.id).await.unwrap();
}
