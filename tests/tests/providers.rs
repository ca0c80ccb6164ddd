//! The providers that other tests sign in with are what those tests take them for.

use std::collections::HashSet;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use localauth_tests::{GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET, Github, GithubEndpoint, GithubFault, GithubPerson, Idp};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const CALLBACK: &str = "http://127.0.0.1:9/api/auth/github/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn client() -> Client {
    Client::builder()
        .redirect(Policy::none())
        .user_agent("localauth-tests")
        .build()
        .unwrap()
}

async fn discovered(idp: &Idp) -> Value {
    let url = format!("{}/.well-known/openid-configuration", idp.issuer());
    client().get(url).send().await.unwrap().json().await.unwrap()
}

/// The ids of the provider's keys.
async fn keys(idp: &Idp) -> HashSet<String> {
    let metadata = discovered(idp).await;
    let url = metadata["jwks_uri"].as_str().unwrap();
    let set: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    set["keys"].as_array().unwrap().iter().map(kid).collect()
}

/// The status of a request to sign in and come back to `callback`.
async fn asked_for(idp: &Idp, callback: &str) -> u16 {
    let metadata = discovered(idp).await;
    let url = Url::parse_with_params(
        metadata["authorization_endpoint"].as_str().unwrap(),
        [
            ("client_id", localauth_tests::IDP_CLIENT_ID),
            ("redirect_uri", callback),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "s"),
            ("code_challenge", &challenge()),
            ("code_challenge_method", "S256"),
        ],
    )
    .unwrap();
    client().get(url).send().await.unwrap().status().as_u16()
}

fn challenge() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

#[tokio::test]
async fn a_provider_restarts_with_new_keys() {
    let mut idp = Idp::builder()
        .env("DECOY_KEYS", "1")
        .env("ALG", "EdDSA")
        .on_localhost()
        .start()
        .await;
    assert_eq!(idp.issuer(), idp.url.replace("127.0.0.1", "localhost"));
    assert_eq!(discovered(&idp).await["issuer"], idp.issuer());
    let before = keys(&idp).await;
    assert_eq!(before.len(), 5);

    assert_eq!(asked_for(&idp, CALLBACK).await, 400);
    idp.accept(CALLBACK).await;
    assert!(matches!(asked_for(&idp, CALLBACK).await, 302 | 303));

    let issuer = idp.issuer().to_owned();
    idp.restart().await;
    assert_eq!(discovered(&idp).await["issuer"], *issuer);
    assert!(keys(&idp).await.is_disjoint(&before));
    assert!(matches!(asked_for(&idp, CALLBACK).await, 302 | 303));

    idp.stop().await;
    assert!(client().get(&idp.url).send().await.is_err());
    idp.restart().await;
    assert_eq!(keys(&idp).await.len(), 5);
}

/// Asks GitHub's site, and takes the query that it sends the browser back with.
async fn authorize(github: &Github, scope: &str) -> Vec<(String, String)> {
    let url = Url::parse_with_params(
        &format!("{}/login/oauth/authorize", github.url),
        [
            ("client_id", GITHUB_CLIENT_ID),
            ("redirect_uri", CALLBACK),
            ("scope", scope),
            ("state", "s t"),
            ("code_challenge", &challenge()),
            ("code_challenge_method", "S256"),
        ],
    )
    .unwrap();
    let answer = client().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(CALLBACK), "{location}");
    let owned = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| (name.into(), value.into());
    Url::parse(location).unwrap().query_pairs().map(owned).collect()
}

async fn redeem(github: &Github, code: &str, verifier: &str, secret: &str) -> Value {
    let form = [
        ("client_id", GITHUB_CLIENT_ID),
        ("client_secret", secret),
        ("code", code),
        ("code_verifier", verifier),
        ("redirect_uri", CALLBACK),
    ];
    let answer = client()
        .post(format!("{}/login/oauth/access_token", github.url))
        .header("accept", "application/json")
        .form(&form)
        .send()
        .await
        .unwrap();
    // Whatever comes of it.
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

async fn token(github: &Github, scope: &str) -> String {
    let code = &authorize(github, scope).await[0].1;
    let answer = redeem(github, code, VERIFIER, GITHUB_CLIENT_SECRET).await;
    assert_eq!(answer["token_type"], "bearer");
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn get(url: String, token: &str) -> Response {
    client().get(url).bearer_auth(token).send().await.unwrap()
}

#[tokio::test]
async fn the_stub_of_github_gives_tokens() {
    let github = Github::start(GithubPerson::new(583_231, "octocat", "octocat@example.org")).await;

    let back = authorize(&github, "read:user user:email").await;
    assert_eq!(
        (back[0].0.as_str(), &back[1]),
        ("code", &("state".into(), "s t".into()))
    );
    let wrong = redeem(&github, &back[0].1, VERIFIER, "wrong").await;
    assert_eq!(wrong["error"], "incorrect_client_credentials");
    let right = redeem(&github, &back[0].1, VERIFIER, GITHUB_CLIENT_SECRET).await;
    assert_eq!(right["scope"], "read:user,user:email");
    assert!(right["access_token"].as_str().unwrap().starts_with("gho_"));
    let again = redeem(&github, &back[0].1, VERIFIER, GITHUB_CLIENT_SECRET).await;
    assert_eq!(again["error"], "bad_verification_code");
    assert!(again["error_description"].is_string() && again["error_uri"].is_string());
    let code = &authorize(&github, "").await[0].1;
    assert_eq!(
        redeem(&github, code, "another", GITHUB_CLIENT_SECRET).await["error"],
        "bad_verification_code"
    );

    github.deny();
    let back = authorize(&github, "").await;
    assert_eq!(back[0], ("error".into(), "access_denied".into()));
    assert_eq!(back.last().unwrap(), &("state".into(), "s t".into()));
}

#[tokio::test]
async fn the_stub_of_github_tells_who_somebody_is() {
    let mut person =
        GithubPerson::new(583_231, "octocat", "octocat@example.org").with_email("old@example.org", false, false);
    person.name = None;
    let github = Github::start(person).await;
    let token = &token(&github, "read:user user:email").await;

    for base in [github.api_url.clone(), github.enterprise_api_url()] {
        let user: Value = get(format!("{base}/user"), token).await.json().await.unwrap();
        assert_eq!(
            (&user["id"], &user["name"], &user["email"]),
            (&json!(583_231), &Value::Null, &Value::Null)
        );
        let emails: Value = get(format!("{base}/user/emails"), token).await.json().await.unwrap();
        assert_eq!(emails[0]["primary"], true);
        assert_eq!(
            emails[1],
            json!({"email": "old@example.org", "primary": false, "verified": false, "visibility": null})
        );
    }
    let page = get(format!("{}/user/emails?per_page=1", github.api_url), token).await;
    assert!(
        page.headers()["link"]
            .to_str()
            .unwrap()
            .ends_with("page=2>; rel=\"next\"")
    );

    // The site is not the API, and a program has to say what it is.
    assert_eq!(get(format!("{}/user", github.url), token).await.status(), 404);
    let anonymous = Client::new().get(format!("{}/user", github.api_url)).bearer_auth(token);
    let anonymous = anonymous.send().await.unwrap();
    assert_eq!(anonymous.status(), 403);
    assert!(anonymous.text().await.unwrap().contains("User-Agent header"));
    let narrow = &self::token(&github, "read:user").await;
    assert_eq!(
        get(format!("{}/user/emails", github.api_url), narrow).await.status(),
        404
    );

    github.fail(GithubEndpoint::User, GithubFault::Status(502));
    assert_eq!(get(format!("{}/user", github.api_url), token).await.status(), 502);
    github.fail(GithubEndpoint::User, GithubFault::Garbage);
    let garbage = get(format!("{}/user", github.api_url), token).await;
    assert!(garbage.json::<Value>().await.is_err());
    github.mend();
    github.revoke_tokens();
    assert_eq!(get(format!("{}/user", github.api_url), token).await.status(), 401);
    let last = github.requests().pop().unwrap();
    assert_eq!(
        (last.target.as_str(), last.headers["user-agent"].as_bytes()),
        ("/user", &b"localauth-tests"[..])
    );
}
