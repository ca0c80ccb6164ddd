//! Who tries too often.

use localauth_core::Role;

use crate::support::{PASSWORD, World};

fn limited() -> World {
    World::with(|auth| auth.attempt_limits(true), |console| console)
}

#[tokio::test]
async fn guesses_are_few_and_it_is_said_for_how_long() {
    let world = limited();
    let ada = world.user("Ada", Role::User).await;
    let mut browser = world.browser();
    let right = [("email", ada.email.as_str()), ("password", PASSWORD)];
    let wrong = [("email", ada.email.as_str()), ("password", "wrong")];
    for _ in 0..3 {
        browser.post("/login", &wrong).await.expect(401);
    }
    browser.post("/login/key", &[("key", "wrong")]).await.expect(401);
    let weak = [("email", "eve@example.org"), ("password", "")];
    browser.post("/register", &weak).await.expect(400);
    // The sixth within a minute, even with what is right.
    for (path, fields) in [("/login", &right), ("/register", &right)] {
        let seen = browser.post(path, fields).await.expect(429);
        let seconds = seen.headers["retry-after"].to_str().unwrap().to_owned();
        seen.says(&format!("Try again in {seconds} seconds."))
            .says("value=\"ada@example.org\"");
    }
    browser.post("/login/key", &[("key", "wrong")]).await.expect(429);
    assert!(browser.cookie("session").is_none());
    world.clock.advance(std::time::Duration::from_secs(61));
    browser.post("/login", &right).await.leads_to("/");
}

#[tokio::test]
async fn invites_cannot_be_guessed_at_leisure() {
    let world = limited();
    let invite = super::invite(&world).await;
    let mut browser = world.browser();
    for n in 0..30 {
        browser.get(&format!("/invite/guess-{n}")).await.expect(404);
    }
    let seen = browser.get(&format!("/invite/{invite}")).await.expect(429);
    assert!(seen.headers.contains_key("retry-after"));
    seen.says("Too many attempts.").does_not_say(&format!("<code>{invite}"));
}

#[tokio::test]
async fn changing_the_password_counts_too() {
    let world = limited();
    let (_, mut browser) = world.visitor("Ada", Role::User).await;
    let fields = [("current", "wrong"), ("new", "another-good-password-of-mine")];
    for _ in 0..4 {
        browser.post("/account/password", &fields).await.expect(401);
    }
    let seen = browser.post("/account/password", &fields).await.expect(429);
    seen.says("Too many attempts.").says("action=\"/account/password\"");
}
