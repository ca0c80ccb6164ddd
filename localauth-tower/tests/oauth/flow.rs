//! There and back.

use std::collections::HashMap;

use http::StatusCode;
use localauth_core::{Caller, Provider, RegistrationMode, ServerSecret, SetupCode, Status};
use localauth_tower::{Proxies, Site};

use crate::world::{HOST, Setup, World, but};

#[tokio::test]
async fn somebody_signs_in_and_comes_back() {
    let world = World::new().await;
    let mut browser = world.browser();
    let url = browser.start("/api/auth/oidc/login?next=/account%3Fa%3Db").await;
    let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(query["scope"], "openid profile email");
    assert_eq!(query["redirect_uri"], format!("http://{HOST}/api/auth/oidc/callback"));
    assert!(query["state"].len() >= 43 && query["nonce"].len() >= 43 && query["code_challenge"].len() == 43);
    assert_ne!(query["state"], query["nonce"]);

    let answer = browser.callback("oidc", &world.idp.approve(&url)).await;
    assert_eq!(answer.location(), "/account?a=b");
    let session = answer.cookie("session=").remove(0);
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(session.contains(part), "{session}");
    }
    assert_eq!(
        browser.cookies.keys().collect::<Vec<_>>(),
        ["session"],
        "the state is spent"
    );
    assert_eq!(browser.me().await["email"], "alice@example.org");

    let user = world.user().await;
    assert_eq!(user.provider, Provider::Oidc);
    let identities = world.auth.identities(user.id).await.unwrap();
    assert_eq!(identities[0].identity.subject, format!("{} user-1", world.idp.issuer));
    // And again, as the same.
    assert_eq!(world.sign_in().await.location(), "/");
    assert_eq!(world.user().await.id, user.id);
}

#[tokio::test]
async fn nothing_leads_elsewhere() {
    let world = World::new().await;
    for next in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/.//evil.example",
        "/\tx",
        "/\r\nx: y",
        "javascript:alert(1)",
        "evil",
        "",
    ] {
        let mut browser = world.browser();
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let url = browser.start(&format!("/api/auth/oidc/login?next={next}")).await;
        let answer = browser.callback("oidc", &world.idp.approve(&url)).await;
        assert_eq!(answer.location(), "/", "{next}");
    }
}

#[tokio::test]
async fn over_https_everything_is_secure() {
    let world = World::with(Setup {
        site: Site::new().base_url("https://ai.example.org"),
        ..Setup::default()
    })
    .await;
    let mut browser = world.browser();
    let answer = browser.get("/api/auth/oidc/login").await;
    let cookie = answer.cookie("__Host-localauth-oauth-").remove(0).to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/;", "Max-Age=600"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let url = answer.location().parse().unwrap();
    let answer = browser.callback("oidc", &world.idp.approve(&url)).await;
    assert!(answer.location() == "/" && answer.cookie("__Host-session=")[0].contains("Secure"));
    assert!(answer.cookie("__Host-localauth-oauth-")[0].contains("Secure"));
}

#[tokio::test]
async fn the_address_of_the_server_is_the_requests_or_what_a_trusted_proxy_says() {
    use http::Method;
    let uri = |answer: &crate::world::Answer| {
        let url = url::Url::parse(answer.location()).unwrap();
        url.query_pairs()
            .find_map(|(name, value)| (name == "redirect_uri").then(|| value.into_owned()))
            .unwrap()
    };
    let forwarded = &[("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https")][..];
    let world = World::with(Setup {
        site: Site::new().trusted_proxies(Proxies::new(["10.0.0.0/8".parse().unwrap()])),
        ..Setup::default()
    })
    .await;
    let answer = world
        .browser()
        .send(Method::GET, "/api/auth/oidc/login", forwarded)
        .await;
    assert_eq!(
        uri(&answer),
        format!("http://{HOST}/api/auth/oidc/callback"),
        "no proxy said so"
    );
    let mut browser = world.browser();
    browser.address = "10.0.0.1".parse().unwrap();
    let answer = browser.send(Method::GET, "/api/auth/oidc/login", forwarded).await;
    assert_eq!(
        uri(&answer),
        "https://evil.example/api/auth/oidc/callback",
        "one of ours said so"
    );
    assert!(answer.cookie("__Host-localauth-oauth-")[0].contains("Secure"));
    for host in ["", "a b", "a/b", "user@ai.example.org", "ai.example.org:x", "a\u{e4}"] {
        let answer = world
            .browser()
            .send(Method::GET, "/api/auth/oidc/login", &[("host", host)])
            .await;
        assert!(
            answer.status == StatusCode::BAD_REQUEST || answer.location() == "/login?error=provider",
            "{host}"
        );
    }
}

#[tokio::test]
async fn every_refusal_has_its_code() {
    let invite_only = |auth: localauth_core::AuthBuilder| auth.registration(RegistrationMode::Invite);
    let world = World::with(Setup {
        auth: invite_only,
        ..Setup::default()
    })
    .await;
    // The first one is let in, and is the administrator.
    let mut admin = world.browser();
    world.sign_in_with(&mut admin).await;
    world.idp.claims(|claims| {
        claims["sub"] = "user-2".into();
        claims["email"] = "bob@example.org".into();
    });
    world.refused("invite_required", "no invite").await;
    for code in ["wrong".to_owned(), "x".repeat(4_000)] {
        let mut browser = world.browser();
        let url = browser.start(&format!("/api/auth/oidc/login?invite_code={code}")).await;
        let answer = browser.callback("oidc", &world.idp.approve(&url)).await;
        assert_eq!(answer.location(), "/login?error=invalid_invite");
    }
    let caller = Caller::from_identity(world.identity(&admin.cookies["session"]).await);
    let invite = world.auth.create_invite(&caller, None).await.unwrap();
    let mut browser = world.browser();
    let url = browser
        .start(&format!("/api/auth/oidc/login?invite_code={}", invite.code.expose()))
        .await;
    let answer = browser.callback("oidc", &world.idp.approve(&url)).await;
    assert_eq!(answer.location(), "/");
    assert_eq!(browser.me().await["email"], "bob@example.org");

    let bob = world
        .users()
        .await
        .into_iter()
        .find(|user| user.email.as_str() == "bob@example.org")
        .unwrap();
    world.auth.set_status(&caller, bob.id, Status::Disabled).await.unwrap();
    world.refused("denied", "a disabled account").await;
}

#[tokio::test]
async fn approval_is_waited_for() {
    let world = World::with(Setup {
        auth: |auth| auth.registration(RegistrationMode::Approval),
        ..Setup::default()
    })
    .await;
    world.sign_in().await;
    world.idp.claims(|claims| {
        claims["sub"] = "user-2".into();
        claims["email"] = "bob@example.org".into();
    });
    world.refused("pending", "nobody has let them in").await;
    world.refused("pending", "still nobody").await;
}

#[tokio::test]
async fn whoever_comes_first_has_the_setup_code() {
    let world = World::with(Setup {
        auth: |auth| {
            let entropy = localauth_core::SeededEntropy::insecure(7);
            auth.setup_code(SetupCode::generate(&entropy).unwrap())
        },
        ..Setup::default()
    })
    .await;
    world.refused("setup_code", "a stranger").await;
    let code = SetupCode::generate(&localauth_core::SeededEntropy::insecure(7)).unwrap();
    let mut browser = world.browser();
    let url = browser
        .start(&format!("/api/auth/oidc/login?setup_code={}", code.expose()))
        .await;
    assert!(
        !url.as_str().contains(code.expose()),
        "the provider has nothing to do with it"
    );
    assert_eq!(browser.callback("oidc", &world.idp.approve(&url)).await.location(), "/");
}

#[tokio::test]
async fn callbacks_are_limited() {
    let world = World::with(Setup {
        auth: |auth| auth.attempt_limits(true),
        ..Setup::default()
    })
    .await;
    let mut browser = world.browser();
    for _ in 0..60 {
        let answer = browser.get("/api/auth/oidc/callback?state=12345678&code=x").await;
        assert_eq!(answer.location(), "/login?error=provider");
    }
    world.refused("rate_limited", "too many").await;
    world.clock.advance(std::time::Duration::from_mins(1));
    assert_eq!(world.sign_in().await.location(), "/");
}

#[tokio::test]
async fn a_provider_that_is_not_configured_does_not_exist() {
    let world = World::new().await;
    for path in [
        "/api/auth/github/login",
        "/api/auth/github/callback",
        "/api/auth/google/login",
    ] {
        assert_eq!(world.browser().get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_server_with_the_same_secret_finishes_what_another_began() {
    let setup = || Setup {
        auth: |auth| auth.secret(ServerSecret::new(&[7; 32]).unwrap()),
        ..Setup::default()
    };
    let (one, two) = (World::with(setup()).await, World::with(setup()).await);
    let mut browser = one.browser();
    let url = browser.start("/api/auth/oidc/login").await;
    let parameters = one.idp.approve(&url);
    let mut moved = two.browser();
    moved.cookies = browser.cookies;
    // The cookie opens there; its provider, another one, is what refuses.
    let answer = moved
        .callback("oidc", &but(&parameters, "iss", Some(&two.idp.issuer)))
        .await;
    assert_eq!(answer.location(), "/login?error=provider");
    assert_eq!(two.idp.asked("token"), 1);
}

#[tokio::test]
async fn either_way_of_showing_the_secret_works() {
    let world = World::new().await;
    world.idp.be(|script| {
        script.metadata = Box::new(|metadata| {
            metadata["token_endpoint_auth_methods_supported"] = serde_json::json!(["client_secret_post"]);
        });
    });
    assert_eq!(world.sign_in().await.location(), "/");
}
