//! Providers that are away, slow, or not themselves.

use std::time::Duration;

use http::StatusCode;
use localauth_core::{AuditOutcome, AuditQuery};
use localauth_tower::oauth::{GithubConfig, GroupMapping, OAuth, OidcConfig};
use serde_json::json;

use crate::idp::{Case, Mood};
use crate::world::{Setup, World, but};

async fn hasty() -> World {
    World::with(Setup {
        timeout: Duration::from_millis(300),
        ..Setup::default()
    })
    .await
}

fn moods() -> Vec<(&'static str, Mood)> {
    let says = |status, kind, text: &str| Mood::Says(status, kind, text.to_owned());
    vec![
        ("down", Mood::Down),
        ("slow", Mood::Slow),
        ("redirecting", Mood::Redirects),
        ("huge", Mood::Huge),
        ("huge, in parts", Mood::HugeInParts),
        ("empty", says(StatusCode::OK, "application/json", "")),
        ("garbage", says(StatusCode::OK, "application/json", "{\"a\":")),
        ("a list", says(StatusCode::OK, "application/json", "[]")),
        ("a page", says(StatusCode::OK, "text/html", "<html>")),
        ("deep", says(StatusCode::OK, "application/json", &"[".repeat(100_000))),
        (
            "an error",
            says(
                StatusCode::BAD_REQUEST,
                "application/json",
                "{\"error\":\"invalid_grant\"}",
            ),
        ),
        (
            "an error with 200",
            says(StatusCode::OK, "application/json", "{\"error\":\"invalid_grant\"}"),
        ),
        (
            "an empty error",
            says(StatusCode::INTERNAL_SERVER_ERROR, "application/json", ""),
        ),
    ]
}

#[tokio::test]
async fn the_server_needs_no_provider_to_start_and_finds_it_later() {
    let world = hasty().await;
    for (n, (why, mood)) in moods().into_iter().enumerate() {
        world.idp.mood("discovery", mood);
        let answer = world.browser().get("/api/auth/oidc/login").await;
        assert_eq!(answer.location(), "/login?error=provider", "{why}");
        assert!(answer.cookie("").is_empty(), "{why}");
        assert_eq!(world.idp.asked("discovery"), n + 1, "{why}");
        world.clock.advance(Duration::from_secs(5));
    }
    world.idp.mood("discovery", Mood::Good);
    for (why, mood) in moods() {
        world.idp.mood("jwks", mood);
        let answer = world.browser().get("/api/auth/oidc/login").await;
        assert_eq!(answer.location(), "/login?error=provider", "{why}");
        world.clock.advance(Duration::from_secs(5));
    }
    world.idp.mood("jwks", Mood::Good);
    assert_eq!(world.sign_in().await.location(), "/");
}

#[tokio::test]
async fn a_provider_that_is_away_is_left_alone_for_a_while() {
    let world = World::new().await;
    world.idp.mood("discovery", Mood::Down);
    for _ in 0..5 {
        assert_eq!(
            world.browser().get("/api/auth/oidc/login").await.location(),
            "/login?error=provider"
        );
    }
    assert_eq!(world.idp.asked("discovery"), 1);
    world.idp.mood("discovery", Mood::Good);
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(world.sign_in().await.location(), "/");
    // What is known stays good while it cannot be asked again.
    world.idp.mood("discovery", Mood::Down);
    world.clock.advance(Duration::from_hours(1));
    assert_eq!(world.sign_in().await.location(), "/");
    assert_eq!(world.sign_in().await.location(), "/");
    assert_eq!(world.idp.asked("discovery"), 3);
}

#[tokio::test]
async fn many_at_once_ask_once() {
    let world = World::new().await;
    let asked = (0..20).map(|_| {
        let mut browser = world.browser();
        tokio::spawn(async move { browser.get("/api/auth/oidc/login").await.status })
    });
    for one in asked.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), StatusCode::SEE_OTHER);
    }
    assert_eq!(world.idp.asked("discovery"), 1);
}

#[tokio::test]
async fn metadata_that_leads_astray_is_refused() {
    let world = World::new().await;
    let cases: [Case; 8] = [
        ("another issuer", |m| m["issuer"] = "https://evil.example".into()),
        ("almost the issuer", |m| {
            m["issuer"] = format!("{}/", m["issuer"].as_str().unwrap()).into();
        }),
        ("tokens in the clear", |m| {
            m["token_endpoint"] = "http://evil.example/token".into();
        }),
        ("userinfo in the clear", |m| {
            m["userinfo_endpoint"] = "http://evil.example/me".into();
        }),
        ("keys in the clear", |m| {
            m["jwks_uri"] = "http://127.0.0.1.evil.example/jwks".into();
        }),
        ("a script", |m| {
            m["authorization_endpoint"] = "javascript:alert(1)//".into();
        }),
        ("a file", |m| m["jwks_uri"] = "file:///etc/passwd".into()),
        ("no keys", |m| m["jwks_uri"] = serde_json::Value::Null),
    ];
    for (why, edit) in cases {
        world.idp.be(|script| script.metadata = Box::new(edit));
        let answer = world.browser().get("/api/auth/oidc/login").await;
        assert_eq!(answer.location(), "/login?error=provider", "{why}");
        world.clock.advance(Duration::from_secs(5));
    }
    world.idp.be(|script| {
        script.metadata = Box::new(|m| {
            m["authorization_endpoint"] = format!("{}?tenant=x", m["authorization_endpoint"].as_str().unwrap()).into();
        });
    });
    let url = world.browser().start("/api/auth/oidc/login").await;
    assert!(
        url.as_str().contains("/authorize?tenant=x&"),
        "endpoints may have a query: {url}"
    );
}

#[tokio::test]
async fn a_token_endpoint_that_fails_signs_nobody_in() {
    let world = hasty().await;
    world.sign_in().await;
    for (why, mood) in moods() {
        world.idp.mood("token", mood);
        world.refused("provider", why).await;
    }
    assert_eq!(world.idp.asked("elsewhere"), 0, "no code goes elsewhere");
}

#[tokio::test]
async fn a_userinfo_endpoint_that_fails_signs_nobody_in() {
    let world = hasty().await;
    world.idp.claims(|claims| claims["email"] = serde_json::Value::Null);
    world.idp.claims(|claims| {
        claims.as_object_mut().unwrap().remove("email");
    });
    for (why, mood) in moods() {
        world.idp.mood("userinfo", mood);
        world.refused("provider", why).await;
    }
    assert_eq!(world.idp.asked("elsewhere"), 0, "no token goes elsewhere");
    world
        .idp
        .be(|script| script.answer = Box::new(|answer| answer["access_token"] = "a\nb".into()));
    world.refused("provider", "a token that can be no header").await;
}

#[tokio::test]
async fn whatever_the_provider_calls_an_error_is_one() {
    let world = World::new().await;
    for (error, code) in [
        ("access_denied", "denied"),
        ("server_error", "provider"),
        ("temporarily_unavailable", "provider"),
        ("", "provider"),
        ("x\r\nforged log line", "provider"),
    ] {
        let mut browser = world.browser();
        let parameters = world.idp.approve(&browser.start("/api/auth/oidc/login").await);
        for with_code in [false, true] {
            let mut browser = browser.clone();
            let mut parameters = but(&parameters, "error", Some(error));
            if !with_code {
                parameters = but(&parameters, "code", None);
            }
            let answer = browser.callback("oidc", &parameters).await;
            assert_eq!(answer.location(), format!("/login?error={code}"), "{error}");
            assert!(browser.cookies.is_empty());
        }
    }
    assert_eq!(world.idp.asked("token"), 0);
}

#[tokio::test]
async fn an_answer_says_which_issuer_it_is_of() {
    let world = World::new().await;
    for iss in [
        None,
        Some(""),
        Some("https://evil.example"),
        Some(&*format!("{}/", world.idp.issuer)),
    ] {
        let mut browser = world.browser();
        let parameters = world.idp.approve(&browser.start("/api/auth/oidc/login").await);
        let answer = browser.callback("oidc", &but(&parameters, "iss", iss)).await;
        assert_eq!(answer.location(), "/login?error=provider", "{iss:?}");
    }
    assert_eq!(world.idp.asked("token"), 0, "no code goes to the wrong one");
    // A provider that does not say that it says so need not.
    let world = World::new().await;
    world.idp.be(|script| {
        script.metadata = Box::new(|m| {
            m.as_object_mut()
                .unwrap()
                .remove("authorization_response_iss_parameter_supported");
        });
    });
    let mut browser = world.browser();
    let parameters = world.idp.approve(&browser.start("/api/auth/oidc/login").await);
    assert_eq!(
        browser
            .callback("oidc", &but(&parameters, "iss", None))
            .await
            .location(),
        "/"
    );
}

#[tokio::test]
async fn failures_are_in_the_audit_log_without_secrets() {
    let world = World::new().await;
    world.idp.mood(
        "token",
        Mood::Says(
            StatusCode::BAD_REQUEST,
            "application/json",
            json!({ "error": "invalid_grant", "error_description": "code-0 is spent" }).to_string(),
        ),
    );
    world.refused("provider", "a spent code").await;
    let events = world.auth.audit_events(&AuditQuery::default()).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].outcome, events[0].target.as_str()),
        (AuditOutcome::Failure, "oidc")
    );
    assert!(!events[0].detail.contains("code-0"), "{}", events[0].detail);
}

#[tokio::test]
async fn wrong_settings_stop_the_start() {
    let world = World::new().await;
    let oidc = |config| OAuth::builder(&world.auth).oidc(config).build().map(|_| ());
    let github = |config| OAuth::builder(&world.auth).github(config).build().map(|_| ());
    let errors = [
        oidc(OidcConfig::new("http://id.example.org", "x")),
        oidc(OidcConfig::new("id.example.org", "x")),
        oidc(OidcConfig::new("https://id.example.org", "")),
        oidc(OidcConfig::new("https://id.example.org", "x").client_secret("")),
        oidc(OidcConfig::new("https://id.example.org", "x").groups(GroupMapping::new("g").feature("a", "no such"))),
        github(GithubConfig::new("", "x")),
        github(GithubConfig::new("x", "")),
        github(GithubConfig::new("x", "y").url("http://github.example.org")),
        github(GithubConfig::new("x", "y").api_url("ftp://github.example.org")),
    ];
    for (n, error) in errors.into_iter().enumerate() {
        let error = error.expect_err(&n.to_string()).to_string();
        assert!(!error.contains('\n') && error.len() > 10, "{error}");
    }
    let oauth = OAuth::builder(&world.auth)
        .oidc(OidcConfig::new("https://id.example.org", "x").client_secret("hunter2"))
        .github(GithubConfig::new("x", "hunter3"));
    let shown = format!("{oauth:?} {:?}", oauth.clone().build().unwrap());
    assert!(!shown.contains("hunter"), "{shown}");
}
