//! A real browser, the provider, and something in the place of the server: what the sign-in tests build on.

use std::collections::HashMap;
use std::path::Path;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use localauth_tests::{IDP_CLIENT_ID, IDP_CLIENT_SECRET, Idp, sign_in_by_browser};
use reqwest::{Client, Url};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[derive(Clone)]
struct StandIn {
    url: String,
    metadata: Value,
}

/// Something that signs in as the server does, but for all checks. Its address.
async fn stand_in(idp: &mut Idp) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    idp.accept(&format!("{url}/api/auth/oidc/callback")).await;
    let discovery = format!("{}/.well-known/openid-configuration", idp.issuer());
    let metadata = reqwest::get(discovery).await.unwrap().json().await.unwrap();
    let router = Router::new()
        .route("/api/auth/oidc/login", get(login))
        .route("/api/auth/oidc/callback", get(callback))
        .route("/api/auth/me", get(me))
        .route("/login", get(async || "sign in"))
        .with_state(StandIn {
            url: url.clone(),
            metadata,
        });
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn login(State(server): State<StandIn>) -> impl IntoResponse {
    let url = Url::parse_with_params(
        server.metadata["authorization_endpoint"].as_str().unwrap(),
        [
            ("client_id", IDP_CLIENT_ID),
            ("redirect_uri", &format!("{}/api/auth/oidc/callback", server.url)),
            ("response_type", "code"),
            ("scope", "openid email"),
            ("state", "s"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ],
    )
    .unwrap();
    (StatusCode::FOUND, [(LOCATION, url.to_string())])
}

async fn callback(State(server): State<StandIn>, Query(query): Query<HashMap<String, String>>) -> Response {
    let Some(code) = query.get("code") else {
        return (StatusCode::FOUND, [(LOCATION, "/login?error=denied")]).into_response();
    };
    let encoded = |text: &str| {
        let url = Url::parse_with_params("http://x", [("x", text)]).unwrap();
        url.query().unwrap()[2..].to_owned()
    };
    let answer = Client::new()
        .post(server.metadata["token_endpoint"].as_str().unwrap())
        // RFC 6749, section 2.3.1.
        .basic_auth(encoded(IDP_CLIENT_ID), Some(encoded(IDP_CLIENT_SECRET)))
        .form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", &format!("{}/api/auth/oidc/callback", server.url)),
        ])
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let tokens: Value = answer.json().await.unwrap();
    let claims = Client::new()
        .get(server.metadata["userinfo_endpoint"].as_str().unwrap())
        .bearer_auth(tokens["access_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    let claims: Value = claims.json().await.unwrap();
    let cookie = format!(
        "session={}; HttpOnly; SameSite=Lax; Path=/",
        claims["email"].as_str().unwrap()
    );
    (
        StatusCode::FOUND,
        [(SET_COOKIE, cookie), (LOCATION, "/api/auth/me".to_owned())],
    )
        .into_response()
}

async fn me(headers: HeaderMap) -> String {
    headers
        .get("cookie")
        .map(|cookie| cookie.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[tokio::test]
async fn somebody_signs_in_and_says_no() {
    let mut idp = Idp::builder().on_localhost().start().await;
    let server = stand_in(&mut idp).await;
    let folder = tempfile::tempdir().unwrap();
    let screenshot = folder.path().join("me.png");

    let seen = sign_in_by_browser(
        &server,
        &["--user", "bob", "--screenshot", screenshot.to_str().unwrap()],
    )
    .await
    .unwrap();
    assert_eq!(
        (&seen["url"], &seen["status"]),
        (&json!(format!("{server}/api/auth/me")), &json!(200))
    );
    // No cookie of the provider: it is another site.
    assert_eq!(seen["text"], "session=bob@example.test");
    assert_eq!(
        seen["cookies"],
        json!([{"name": "session", "httpOnly": true, "sameSite": "Lax", "secure": false, "path": "/"}])
    );
    assert!(is_png(&screenshot));

    let seen = sign_in_by_browser(&server, &["--deny"]).await.unwrap();
    assert_eq!(
        (&seen["url"], &seen["cookies"]),
        (&json!(format!("{server}/login?error=denied")), &json!([]))
    );
}

#[tokio::test]
async fn a_provider_that_knows_them_shows_no_form() {
    let mut idp = Idp::builder().on_localhost().env("AUTO_LOGIN", "carol").start().await;
    let server = stand_in(&mut idp).await;
    let seen = sign_in_by_browser(&server, &["--no-form"]).await.unwrap();
    assert_eq!(seen["text"], "session=carol@example.test");
}

fn is_png(file: &Path) -> bool {
    std::fs::read(file).unwrap().starts_with(b"\x89PNG")
}

#[tokio::test]
async fn a_browser_that_does_not_come_back_says_where_it_is() {
    // The provider itself has neither such a page nor, there, a form.
    let idp = Idp::start().await;
    let said = sign_in_by_browser(&idp.url, &["--timeout", "5"]).await.unwrap_err();
    assert!(said.contains("input[name=username]"), "{said}");
    assert!(said.contains(&format!("at {}/api/auth/oidc/login", idp.url)), "{said}");
}
