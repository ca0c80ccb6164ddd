//! How good a password is, for scripts.

use std::time::Duration;

use localauth_core::Role;

use crate::support::{Browser, MARKUP, World};

/// Whether it would be taken, how good it is, and what is said.
async fn ask(browser: &mut Browser<'_>, fields: &[(&str, &str)]) -> (bool, u8, String) {
    let seen = browser.post("/password-strength", fields).await.expect(200);
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.headers["cache-control"], "no-store");
    let ok = seen.text.contains("\"ok\":true");
    let (_, rest) = seen.text.split_once("\"score\":").unwrap();
    (ok, rest[..1].parse().unwrap(), seen.after("\"text\":\""))
}

#[tokio::test]
async fn it_says_what_registration_would() {
    let world = World::new();
    world.user("Root", Role::Admin).await;
    let mut browser = world.browser();
    let (ok, score, text) = ask(&mut browser, &[("password", "correct-horse-battery-staple")]).await;
    assert_eq!((ok, score, text.as_str()), (true, 4, "Very good."));
    let (ok, score, _) = ask(&mut browser, &[("password", "passwordpassword")]).await;
    assert!(!ok && score < 3, "{score}");
    let (ok, score, text) = ask(&mut browser, &[("password", "xK9$vQ!2z")]).await;
    assert!(!ok && score < 3 && text.contains("12 characters"), "{score} {text}");
    let (ok, score, _) = ask(&mut browser, &[("password", "")]).await;
    assert_eq!((ok, score), (false, 0));
    let long = "correct-horse-battery-staple".repeat(5);
    let (ok, score, text) = ask(&mut browser, &[("password", &long)]).await;
    assert_eq!((ok, score), (false, 0));
    assert!(text.contains("128"), "{text}");
    // What is known of somebody is guessed first.
    let own = [
        ("password", "ada.lovelace.1815@example.org"),
        ("email", "ada.lovelace.1815@example.org"),
    ];
    let (ok, ..) = ask(&mut browser, &own).await;
    assert!(!ok);
}

#[tokio::test]
async fn it_repeats_nothing_and_speaks_the_readers_language() {
    let world = World::new();
    let mut browser = world.browser();
    browser.language = "de";
    let fields = [("password", MARKUP), ("email", MARKUP), ("name", MARKUP)];
    let seen = browser.post("/password-strength", &fields).await.expect(200);
    seen.does_not_say("alert");
    let (_, _, text) = ask(&mut browser, &[("password", "correct-horse-battery-staple")]).await;
    assert_eq!(text, "Sehr gut.");
}

#[tokio::test]
async fn many_at_once_are_answered_or_sent_away() {
    let world = World::new();
    let asking = (0..64).map(|_| async {
        let mut browser = world.browser();
        let fields = [("password", "correct-horse-battery-staple")];
        browser.post("/password-strength", &fields).await.status
    });
    let statuses = futures_util::future::join_all(asking).await;
    assert!(
        statuses.iter().all(|status| matches!(status, 200 | 429 | 503)),
        "{statuses:?}"
    );
    assert!(statuses.contains(&200));
    // And then again.
    world.clock.advance(Duration::from_mins(1));
    let (ok, ..) = ask(&mut world.browser(), &[("password", "correct-horse-battery-staple")]).await;
    assert!(ok);
}

#[tokio::test]
async fn nobody_keeps_the_place_to_themselves() {
    let world = World::new();
    let mut browser = world.browser();
    for _ in 0..60 {
        ask(&mut browser, &[("password", "a")]).await;
    }
    let seen = browser
        .post("/password-strength", &[("password", "a")])
        .await
        .expect(429);
    let seconds: u64 = seen.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    world.clock.advance(Duration::from_secs(seconds));
    ask(&mut browser, &[("password", "a")]).await;
}
