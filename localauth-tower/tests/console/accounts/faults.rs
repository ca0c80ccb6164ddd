//! While the store is away nothing is wrong with what anybody typed.

use localauth_core::Role;

use crate::support::{PASSWORD, World};

#[tokio::test]
async fn an_outage_is_no_wrong_password() {
    let world = World::new();
    let ada = world.user("Ada", Role::User).await;
    let mut browser = world.signed_in(&ada).await;
    let mut stranger = world.browser();
    world.store.set_outage(true);
    let password = [("email", ada.email.as_str()), ("password", PASSWORD), ("invite", "x")];
    let key = [("key", "sk-local-000000000000-0000")];
    let mut seen = vec![
        stranger.get("/login").await,
        stranger.get("/register").await,
        stranger.get("/invite/x").await,
        stranger.post("/login", &password).await,
        stranger.post("/register", &password).await,
    ];
    for (path, fields) in [
        ("/account/profile", vec![("name", "Eve")]),
        (
            "/account/password",
            vec![("current", PASSWORD), ("new", "another-good-password-of-mine")],
        ),
        ("/account/sessions/others", vec![]),
        ("/logout", vec![]),
    ] {
        seen.push(browser.post(path, &fields).await);
    }
    seen.push(browser.get("/account").await);
    for seen in seen {
        let seen = seen.expect(503).says("The database does not answer");
        assert!(seen.headers.contains_key("retry-after"), "{:?}", seen.headers);
        let seen = seen.does_not_say("is wrong").does_not_say(PASSWORD);
        assert!(!seen.headers.contains_key("set-cookie"), "nobody is signed out by it");
    }
    // A key is either no key, which needs no look, or cannot be looked up.
    let status = stranger.post("/login/key", &key).await.status;
    assert!(matches!(status, 401 | 503), "{status}");
    world.store.set_outage(false);
    browser.get("/account").await.expect(200).says("value=\"Ada\"");
}
