//! Sign-out.

use std::net::IpAddr;

use localauth_core::{Caller, KeyScope, NewKey, Password, Role};

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

#[tokio::test]
async fn a_session_that_may_nothing_from_here_ends_all_the_same() {
    let world = World::new();
    let ada = world.user("Ada", Role::User).await;
    let scope = KeyScope {
        ips: Some(["10.1.0.0/16".parse().unwrap()].into_iter().collect()),
        ..KeyScope::default()
    };
    let key = world
        .auth
        .create_key(ada.id, NewKey::named("at home").scoped(scope))
        .await
        .unwrap();
    let home = Caller::anonymous().at(Some(IpAddr::from([10, 1, 2, 3])));
    let signed_in = world
        .auth
        .sign_in_with_token(Password::new(key.plain.expose()), &home)
        .await
        .unwrap();
    let mut browser = world.browser();
    browser.set_cookie("session", signed_in.token.expose());
    browser.get("/keys").await.expect(403);
    assert_eq!(world.auth.list_sessions(ada.id).await.unwrap().len(), 1);
    browser.post("/logout", &[]).await.leads_to("/login?done=signed-out");
    assert!(world.auth.list_sessions(ada.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn sessions_of_two_people_in_one_browser_both_end() {
    let world = World::new();
    let (ada, mut browser) = world.visitor("Ada", Role::User).await;
    let (bob, other) = world.visitor("Bob", Role::User).await;
    browser.set_cookie("token", other.cookie("session").unwrap());
    browser.post("/logout", &[]).await.leads_to("/login?done=signed-out");
    for user in [&ada, &bob] {
        assert!(world.auth.list_sessions(user.id).await.unwrap().is_empty());
    }
    assert!(browser.cookie("session").is_none() && browser.cookie("token").is_none());
}
