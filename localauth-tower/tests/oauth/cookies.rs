//! What binds an attempt to its browser.

use std::time::Duration;

use localauth_tower::Site;
use url::Url;

use crate::world::{Answer, Browser, Setup, World, but};

/// Comes back with these parameters in this browser, and is refused.
async fn refused(browser: &mut Browser, parameters: &[(String, String)], why: &str) -> Answer {
    let answer = browser.callback("oidc", parameters).await;
    assert_eq!(answer.location(), "/login?error=provider", "{why}");
    assert!(!browser.cookies.contains_key("session"), "{why}");
    answer
}

#[tokio::test]
async fn a_callback_out_of_nowhere_is_refused() {
    let world = World::new().await;
    let mut browser = world.browser();
    for query in [
        "",
        "code=x",
        "code=x&state=",
        "code=x&state=short",
        "code=x&state=0123456789abcdef",
        "code=x&state=%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4",
        "code=x&state=;%20Path=/;%20x=y",
        "code=x&state=a&state=b",
        "error=access_denied",
        "%ff",
    ] {
        let answer = browser.get(&format!("/api/auth/oidc/callback?{query}")).await;
        assert_eq!(answer.location(), "/login?error=provider", "{query}");
        assert!(answer.cookie("").is_empty(), "{query}");
    }
    assert_eq!(world.idp.asked("token"), 0);
}

#[tokio::test]
async fn a_state_belongs_to_one_browser() {
    let world = World::new().await;
    let (mut mallory, mut alice) = (world.browser(), world.browser());
    // Mallory has signed in over there, and wants Alice to be signed in as her.
    let parameters = world.idp.approve(&mallory.start("/api/auth/oidc/login").await);
    refused(&mut alice, &parameters, "no attempt at all").await;
    alice.start("/api/auth/oidc/login").await;
    refused(&mut alice, &parameters, "an attempt of her own").await;
    assert_eq!(world.idp.asked("token"), 0);
}

#[tokio::test]
async fn a_changed_state_is_refused() {
    let world = World::new().await;
    for change in [
        |state: &str| format!("{state}x"),
        |state: &str| state[..state.len() - 1].to_owned(),
        |state: &str| state[..8].to_owned(),
        |state: &str| format!("{}{}", &state[..8], "A".repeat(state.len() - 8)),
    ] {
        let mut browser = world.browser();
        let parameters = world.idp.approve(&browser.start("/api/auth/oidc/login").await);
        let state = change(&parameters[1].1);
        let answer = refused(&mut browser, &but(&parameters, "state", Some(&state)), &state).await;
        assert_eq!(answer.cookie("localauth-oauth-").len(), 1, "and the attempt is over");
        refused(&mut browser, &parameters, "also with the right state").await;
    }
    assert_eq!(world.idp.asked("token"), 0);
}

#[tokio::test]
async fn a_sealed_cookie_is_only_what_it_was() {
    let world = World::new().await;
    let mut browser = world.browser();
    let parameters = world.idp.approve(&browser.start("/api/auth/oidc/login").await);
    let (name, value) = browser
        .cookies
        .first_key_value()
        .map(|(n, v)| (n.clone(), v.clone()))
        .unwrap();
    for secret in [&parameters[1].1, "example.org"] {
        assert!(!value.contains(secret), "it is sealed");
    }
    let mut flipped = value.clone().into_bytes();
    flipped[30] = if flipped[30] == b'A' { b'B' } else { b'A' };
    for other in [
        String::from_utf8(flipped).unwrap(),
        value[..40].to_owned(),
        String::new(),
        "{}".to_owned(),
    ] {
        let mut browser = browser.clone();
        browser.cookies.insert(name.clone(), other);
        refused(&mut browser, &parameters, "a forged cookie").await;
    }
    // Under the name of another attempt.
    let mut moved = browser.clone();
    let other = world.idp.approve(&moved.start("/api/auth/oidc/login").await);
    let name = format!("localauth-oauth-{}", &other[1].1[..8]);
    moved.cookies.insert(name, value);
    refused(&mut moved, &other, "a cookie of another attempt").await;
    assert_eq!(browser.callback("oidc", &parameters).await.location(), "/");
}

#[tokio::test]
async fn an_attempt_lasts_ten_minutes() {
    let world = World::new().await;
    for (wait, ends_at) in [(599, "/"), (600, "/login?error=provider")] {
        let mut browser = world.browser();
        let url = browser.start("/api/auth/oidc/login").await;
        world.clock.advance(Duration::from_secs(wait));
        let answer = browser.callback("oidc", &world.idp.approve(&url)).await;
        assert_eq!(answer.location(), ends_at);
        assert!(browser.cookies.keys().all(|name| name == "session"));
    }
}

#[tokio::test]
async fn a_callback_works_once() {
    let world = World::new().await;
    let mut browser = world.browser();
    let url = browser.start("/api/auth/oidc/login").await;
    let before = browser.cookies.clone();
    let parameters = world.idp.approve(&url);
    assert_eq!(browser.callback("oidc", &parameters).await.location(), "/");
    browser.cookies.clear();
    refused(&mut browser, &parameters, "the cookie is gone").await;
    browser.cookies = before;
    refused(&mut browser, &parameters, "the code is spent").await;
}

#[tokio::test]
async fn tabs_do_not_break_each_other() {
    let world = World::new().await;
    let mut browser = world.browser();
    let first = world
        .idp
        .approve(&browser.start("/api/auth/oidc/login?next=/first").await);
    let second = world
        .idp
        .approve(&browser.start("/api/auth/oidc/login?next=/second").await);
    assert_eq!(browser.callback("oidc", &second).await.location(), "/second");
    assert_eq!(browser.callback("oidc", &first).await.location(), "/first");
}

#[tokio::test]
async fn a_browser_keeps_few_attempts() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser
        .cookies
        .insert("localauth-oauth-notasealed".to_owned(), "x".to_owned());
    browser
        .cookies
        .insert("localauth-oauth-badseals".to_owned(), "x".to_owned());
    let mut all = Vec::new();
    for _ in 0..8 {
        all.push(world.idp.approve(&browser.start("/api/auth/oidc/login").await));
        world.clock.advance(Duration::from_secs(1));
    }
    browser
        .cookies
        .remove("localauth-oauth-notasealed")
        .expect("not ours, not touched");
    assert_eq!(browser.cookies.len(), 5);
    for old in &all[..3] {
        refused(&mut browser, old, "one too many").await;
    }
    for new in &all[3..] {
        assert_eq!(browser.callback("oidc", new).await.location(), "/");
    }
}

#[tokio::test]
async fn what_goes_into_the_cookie_fits_into_it() {
    let world = World::new().await;
    let mut browser = world.browser();
    let long = "a".repeat(1_000);
    let url = browser
        .start(&format!(
            "/api/auth/oidc/login?next=/{long}&invite_code={long}&setup_code={long}"
        ))
        .await;
    // RFC 6265, section 6.1.
    assert!(
        browser
            .cookies
            .iter()
            .all(|(name, value)| name.len() + value.len() < 4_000)
    );
    let answer = browser.callback("oidc", &world.idp.approve(&url)).await;
    assert_eq!(answer.location(), format!("/{long}"));
}

#[tokio::test]
async fn over_https_no_neighbour_plants_an_attempt() {
    let world = World::with(Setup {
        site: Site::new().base_url("https://ai.example.org"),
        ..Setup::default()
    })
    .await;
    let mut browser = world.browser();
    let answer = browser.get("/api/auth/oidc/login").await;
    let set = answer.cookie("__Host-localauth-oauth-");
    assert_eq!(set.len(), 1);
    // Or browsers refuse the prefix.
    assert!(
        set[0].contains("; Secure") && set[0].contains("; Path=/;"),
        "{}",
        set[0]
    );
    assert!(!set[0].contains("Domain"), "{}", set[0]);
    assert!(answer.cookie("localauth-oauth-").is_empty());

    // What a neighbour could set is the plain name only, with an attempt of theirs.
    let parameters = world.idp.approve(&Url::parse(answer.location()).unwrap());
    let mut victim = world.browser();
    for (name, value) in &browser.cookies {
        let plain = name.strip_prefix("__Host-").unwrap();
        victim.cookies.insert(plain.to_owned(), value.clone());
    }
    refused(&mut victim, &parameters, "a planted cookie").await;

    let answer = browser.callback("oidc", &parameters).await;
    assert_eq!(answer.location(), "/");
    assert!(
        browser.cookies.keys().all(|name| name == "__Host-session"),
        "{:?}",
        browser.cookies.keys()
    );
}
