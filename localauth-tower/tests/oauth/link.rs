//! An identity is linked to an account by whoever is signed in to it, and by nobody else.

use http::{Method, StatusCode};
use localauth_core::{Auth, Caller, NewAccount, NewKey, Password, Provider};
use url::Url;

use crate::world::{Answer, Browser, World};

const PASSWORD: &str = "correct-horse-battery-staple";

/// Somebody with an address and a password.
async fn registered(world: &World, email: &str) -> Browser {
    let mut account = NewAccount::local(email, Password::new(PASSWORD));
    account.name = email.to_owned();
    world.auth.add_user(account).await.unwrap();
    signed_in(&world.auth, world, email).await
}

async fn signed_in(auth: &Auth, world: &World, email: &str) -> Browser {
    let session = auth
        .sign_in(email, Password::new(PASSWORD), &Caller::anonymous())
        .await
        .unwrap();
    let mut browser = world.browser();
    browser
        .cookies
        .insert("session".to_owned(), session.token.expose().to_owned());
    browser
}

async fn begin(browser: &mut Browser, query: &str) -> Url {
    let answer = browser
        .send(Method::POST, &format!("/api/auth/oidc/link{query}"), &[])
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body["url"].as_str().unwrap().parse().unwrap()
}

async fn finish(world: &World, browser: &mut Browser, url: &Url) -> Answer {
    browser.callback("oidc", &world.idp.approve(url)).await
}

#[tokio::test]
async fn whoever_is_signed_in_links() {
    let world = World::new().await;
    // The same address: it is not what matters.
    let mut browser = registered(&world, "alice@example.org").await;
    world.refused("email_taken", "not linked yet").await;
    let url = begin(&mut browser, "").await;
    assert_eq!(
        finish(&world, &mut browser, &url).await.location(),
        "/account?linked=oidc"
    );
    let identities = world.auth.identities(world.user().await.id).await.unwrap();
    assert_eq!(identities[0].identity.provider, Provider::Oidc);

    let mut other = world.browser();
    assert_eq!(world.sign_in_with(&mut other).await.location(), "/");
    assert_eq!(other.me().await["email"], "alice@example.org");
    assert_eq!(other.me().await["provider"], "local");
    // Again is no harm, and leads where it should.
    let url = begin(&mut browser, "?next=/settings").await;
    assert_eq!(finish(&world, &mut browser, &url).await.location(), "/settings");
    let url = begin(&mut browser, "?next=//evil.example").await;
    assert_eq!(
        finish(&world, &mut browser, &url).await.location(),
        "/account?linked=oidc"
    );
}

#[tokio::test]
async fn an_identity_has_one_account() {
    let world = World::new().await;
    world.sign_in().await;
    let mut bob = registered(&world, "bob@example.org").await;
    let url = begin(&mut bob, "").await;
    assert_eq!(
        finish(&world, &mut bob, &url).await.location(),
        "/account?error=identity_taken"
    );
    assert_eq!(bob.me().await["email"], "bob@example.org", "still signed in as before");
}

#[tokio::test]
async fn the_browser_has_to_be_the_same_and_signed_in_as_the_same() {
    let world = World::new().await;
    let mut bob = registered(&world, "bob@example.org").await;
    let mut eve = registered(&world, "eve@example.org").await;
    for (why, change) in [
        ("signed out", None),
        ("signed in as somebody else", Some(eve.cookies["session"].clone())),
        (
            "in another session",
            Some(signed_in(&world.auth, &world, "bob@example.org").await.cookies["session"].clone()),
        ),
    ] {
        let url = begin(&mut bob, "").await;
        let mut browser = bob.clone();
        browser.cookies.remove("session");
        browser
            .cookies
            .extend(change.map(|session| ("session".to_owned(), session)));
        let before = browser.cookies.get("session").cloned();
        assert_eq!(
            finish(&world, &mut browser, &url).await.location(),
            "/account?error=denied",
            "{why}"
        );
        assert_eq!(
            browser.cookies.get("session").cloned(),
            before,
            "{why}: nobody is signed in by it"
        );
        bob.cookies.retain(|name, _| name == "session");
    }
    // Mallory's answer in Bob's browser, or Bob's in hers.
    let url = begin(&mut bob, "").await;
    assert_eq!(finish(&world, &mut eve, &url).await.location(), "/login?error=provider");
    assert_eq!(world.idp.asked("token"), 0);
    for user in world.users().await {
        assert!(world.auth.identities(user.id).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn refusals_lead_to_the_account() {
    let world = World::new().await;
    let mut bob = registered(&world, "bob@example.org").await;
    let url = begin(&mut bob, "").await;
    let parameters = crate::world::but(&world.idp.approve(&url), "error", Some("access_denied"));
    assert_eq!(
        bob.callback("oidc", &parameters).await.location(),
        "/account?error=denied"
    );
    let url = begin(&mut bob, "").await;
    world.idp.claims(|claims| claims["nonce"] = "x".into());
    assert_eq!(
        finish(&world, &mut bob, &url).await.location(),
        "/account?error=provider"
    );
    let url = begin(&mut bob, "").await;
    world.clock.advance(std::time::Duration::from_mins(10));
    assert_eq!(
        finish(&world, &mut bob, &url).await.location(),
        "/account?error=provider"
    );
}

#[tokio::test]
async fn only_a_person_in_a_browser_links() {
    let world = World::new().await;
    let link = "/api/auth/oidc/link";
    let answer = world.browser().send(Method::POST, link, &[]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    registered(&world, "bob@example.org").await;
    let key = world
        .auth
        .create_key(world.user().await.id, NewKey::named("key"))
        .await
        .unwrap();
    let bearer = format!("Bearer {}", key.plain.expose());
    let answer = world
        .browser()
        .send(Method::POST, link, &[("authorization", &bearer)])
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    let answer = world.browser().get(link).await;
    assert_eq!(
        answer.status,
        StatusCode::METHOD_NOT_ALLOWED,
        "no link of another site links"
    );
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_to_be() {
    let world = World::new().await;
    let mut bob = registered(&world, "bob@example.org").await;
    world.idp.mood("discovery", crate::idp::Mood::Down);
    let answer = bob.send(Method::POST, "/api/auth/oidc/link", &[]).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.body["error"].as_str().unwrap().contains("try again"));
}
