//! GitHub with its habits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use http_body_util::BodyExt as _;
use localauth_core::Provider;
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::world::{Setup, World};

/// What GitHub answers, by path; `None` is never.
type Answers = Arc<Mutex<HashMap<&'static str, Option<(u16, Value)>>>>;

#[derive(Clone)]
struct Github {
    url: String,
    answers: Answers,
    challenge: Arc<Mutex<String>>,
}

fn alice() -> Value {
    json!({ "id": 42, "login": "alice", "name": "Alice", "email": null, "avatar_url": "https://example.org/a.png" })
}

fn addresses() -> Value {
    json!([
        { "email": "old@example.org", "primary": false, "verified": true, "visibility": null },
        { "email": "alice@example.org", "primary": true, "verified": true, "visibility": "private" },
        { "email": "42+alice@users.noreply.github.com", "primary": false, "verified": true, "visibility": null },
    ])
}

impl Github {
    async fn start() -> (Self, World) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let github = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            answers: Answers::default(),
            challenge: Arc::default(),
        };
        github.says("/api/v3/user", 200, alice());
        github.says("/api/v3/user/emails", 200, addresses());
        let app = Router::new().fallback(serve).with_state(github.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let world = World::with(Setup {
            github: Some(github.url.clone()),
            timeout: Duration::from_millis(300),
            ..Setup::default()
        })
        .await;
        (github, world)
    }

    fn says(&self, path: &'static str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(path, Some((status, body)));
    }

    fn token(&self, form: &HashMap<String, String>) -> Value {
        let hash = ring::digest::digest(&ring::digest::SHA256, form["code_verifier"].as_bytes());
        let held = BASE64_URL_SAFE_NO_PAD.encode(hash) == *self.challenge.lock().unwrap();
        // GitHub says what is wrong with 200.
        if form["client_id"] != "github client" || form["client_secret"] != "github secret" {
            return json!({ "error": "incorrect_client_credentials", "error_description": "…" });
        }
        if form["code"] != "code" || !held {
            return json!({ "error": "bad_verification_code", "error_description": "The code passed is incorrect or expired.", "error_uri": "https://docs.github.com" });
        }
        json!({ "access_token": "gho_hunter2", "token_type": "bearer", "scope": "read:user,user:email" })
    }

    /// Signs in with `code`.
    async fn sign_in(&self, world: &World, code: &str) -> String {
        let mut browser = world.browser();
        let url: Url = browser.start("/api/auth/github/login").await;
        assert!(
            url.as_str()
                .starts_with(&format!("{}/login/oauth/authorize?", self.url))
        );
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(
            (query["scope"].as_str(), query["code_challenge_method"].as_str()),
            ("read:user user:email", "S256")
        );
        assert!(!query.contains_key("nonce"));
        self.challenge.lock().unwrap().clone_from(&query["code_challenge"]);
        let parameters = [("code", code), ("state", &query["state"])].map(|(n, v)| (n.to_owned(), v.to_owned()));
        let answer = browser.callback("github", &parameters).await;
        assert_eq!(browser.cookies.contains_key("session"), answer.location() == "/");
        answer.location().to_owned()
    }
}

async fn serve(State(github): State<Github>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    if !header("user-agent").starts_with("localauth/") {
        return (StatusCode::FORBIDDEN, "Request forbidden by administrative rules.").into_response();
    }
    let path = parts.uri.path();
    let told = github.answers.lock().unwrap().get(path).cloned();
    match told {
        Some(None) => std::future::pending().await,
        Some(Some((status, body))) => {
            if path != "/login/oauth/access_token" && header("authorization") != "Bearer gho_hunter2" {
                return StatusCode::UNAUTHORIZED.into_response();
            }
            (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
        }
        None if path == "/login/oauth/access_token" => {
            // Without this GitHub answers with a form.
            assert_eq!(header("accept"), "application/json");
            let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
            axum::Json(github.token(&form)).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[tokio::test]
async fn somebody_signs_in() {
    let (github, world) = Github::start().await;
    assert_eq!(github.sign_in(&world, "code").await, "/");
    let user = world.user().await;
    assert_eq!(
        (user.email.as_str(), user.name.as_str()),
        ("alice@example.org", "Alice")
    );
    assert_eq!(
        (user.provider, user.avatar_url.as_str()),
        (Provider::Github, "https://example.org/a.png")
    );
    let identities = world.auth.identities(user.id).await.unwrap();
    assert_eq!(identities[0].identity.subject, "42");
    // Renamed, with another address: still the same.
    github.says(
        "/api/v3/user",
        200,
        json!({ "id": 42, "login": "alicia", "name": "Alicia" }),
    );
    github.says(
        "/api/v3/user/emails",
        200,
        json!([{ "email": "new@example.org", "primary": true, "verified": true }]),
    );
    assert_eq!(github.sign_in(&world, "code").await, "/");
    assert_eq!(world.user().await.id, user.id);
}

#[tokio::test]
async fn errors_that_come_with_200_are_errors() {
    let (github, world) = Github::start().await;
    assert_eq!(github.sign_in(&world, "spent").await, "/login?error=provider");
    assert!(world.users().await.is_empty());
}

#[tokio::test]
async fn whoever_has_no_name_is_called_as_they_sign_in() {
    let (github, world) = Github::start().await;
    for name in [Value::Null, json!(""), json!("  ")] {
        github.says(
            "/api/v3/user",
            200,
            json!({ "id": 42, "login": "alice", "name": name, "avatar_url": null }),
        );
        assert_eq!(github.sign_in(&world, "code").await, "/");
        assert_eq!(world.user().await.name, "alice");
    }
}

#[tokio::test]
async fn only_a_verified_primary_address_counts() {
    for list in [
        json!([]),
        json!([{ "email": "alice@example.org", "primary": true, "verified": false }]),
        json!([{ "email": "alice@example.org", "primary": false, "verified": true }]),
        json!([{ "email": "alice@example.org" }]),
        json!([["alice@example.org", true, true]]),
        json!([{ "email": "alice@example.org", "primary": "true", "verified": "true" }]),
        json!([{ "email": null, "primary": true, "verified": true }]),
    ] {
        let (github, world) = Github::start().await;
        let mut person = alice();
        person["email"] = "alice@example.org".into();
        github.says("/api/v3/user", 200, person);
        github.says("/api/v3/user/emails", 200, list.clone());
        assert_eq!(github.sign_in(&world, "code").await, "/", "{list}");
        assert!(world.user().await.email.as_str().ends_with("@github.invalid"), "{list}");
    }
}

#[tokio::test]
async fn what_is_not_understood_signs_nobody_in() {
    let (github, world) = Github::start().await;
    for path in ["/login/oauth/access_token", "/api/v3/user", "/api/v3/user/emails"] {
        let before = github.answers.lock().unwrap().get(path).cloned();
        for answer in [
            Some((500, json!({ "message": "oops" }))),
            Some((403, json!({ "message": "Resource not accessible by integration" }))),
            Some((302, json!({}))),
            Some((200, json!({ "message": "what?" }))),
            Some((200, json!("x"))),
            Some((200, json!([7]))),
            None,
        ] {
            // A list with something odd in it is a list without an address.
            if path.ends_with("emails") && answer == Some((200, json!([7]))) {
                continue;
            }
            github.answers.lock().unwrap().insert(path, answer.clone());
            assert_eq!(
                github.sign_in(&world, "code").await,
                "/login?error=provider",
                "{path}: {answer:?}"
            );
        }
        let mut answers = github.answers.lock().unwrap();
        match before {
            Some(before) => answers.insert(path, before),
            None => answers.remove(path),
        };
    }
    for id in [json!(null), json!("42"), json!(-1), json!(4.2)] {
        github.says("/api/v3/user", 200, json!({ "id": id, "login": "alice" }));
        assert_eq!(github.sign_in(&world, "code").await, "/login?error=provider", "{id}");
    }
    assert!(world.users().await.is_empty());
}

#[tokio::test]
async fn one_provider_does_not_finish_what_another_began() {
    let (_, world) = Github::start().await;
    let mut browser = world.browser();
    let parameters = world.idp.approve(&browser.start("/api/auth/oidc/login").await);
    assert_eq!(
        browser.callback("github", &parameters).await.location(),
        "/login?error=provider"
    );
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn one_person_may_have_both() {
    let (github, world) = Github::start().await;
    assert_eq!(github.sign_in(&world, "code").await, "/");
    world.refused("email_taken", "the same address, another provider").await;
    assert_eq!(world.users().await.len(), 1);
}
