//! Real sign-in: a certified OpenID Connect provider, a stand-in for GitHub that answers as the real one does, a browser.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

use localauth_tests::{Github, GithubEndpoint, GithubFault, GithubPerson, Idp, Person, Server, sign_in_by_browser};
use reqwest::Client;
use serde_json::{Value, json};

/// Somebody at a browser without a screen: keeps cookies, follows redirects.
struct Visitor {
    client: Client,
    server: String,
}

/// Where a visitor ended: the URL without the server's origin, and what stood there.
struct Landing {
    at: String,
    body: Value,
}

impl Visitor {
    fn new(server: &Server) -> Self {
        Self::with(server, Client::builder().cookie_store(true).build().unwrap())
    }

    fn with(server: &Server, client: Client) -> Self {
        Self {
            client,
            server: server.url.clone(),
        }
    }

    async fn visit(&self, path_or_url: &str) -> Landing {
        let url = if path_or_url.starts_with('/') {
            format!("{}{path_or_url}", self.server)
        } else {
            path_or_url.to_owned()
        };
        let answer = self.client.get(url).send().await.unwrap();
        let at = answer.url().to_string();
        let at = at.strip_prefix(&self.server).unwrap_or(&at).to_owned();
        Landing {
            at,
            body: answer.json().await.unwrap_or(Value::Null),
        }
    }

    /// Signs in at a provider that asks nothing.
    async fn sign_in(&self, provider: &str) -> Landing {
        self.visit(&format!("/api/auth/{provider}/login?next=/api/auth/me"))
            .await
    }

    /// Goes through the provider's form, and answers it with `fields`.
    async fn by_form(&self, fields: &[(&str, &str)]) -> Landing {
        let url = format!("{}/api/auth/oidc/login?next=/api/auth/me", self.server);
        let form = self.client.get(url).send().await.unwrap();
        let page = form.url().clone();
        let html = form.text().await.unwrap();
        let action = html
            .split("action=\"")
            .nth(1)
            .expect("a form")
            .split('"')
            .next()
            .unwrap();
        let action = page.join(&action.replace("&amp;", "&")).unwrap();
        let answer = self.client.post(action).form(fields).send().await.unwrap();
        let at = answer.url().to_string();
        Landing {
            at: at.strip_prefix(&self.server).unwrap_or(&at).to_owned(),
            body: answer.json().await.unwrap_or(Value::Null),
        }
    }
}

const ALICE: &[(&str, &str)] = &[("username", "alice"), ("password", "alice-password"), ("do", "login")];

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_and_place_of_claims_and_only_a_vouched_address_is_an_admin() {
    for (alg, in_token, verified, role) in [
        ("RS256", "1", "true", "admin"),
        ("PS256", "0", "true", "admin"),
        ("ES256", "0", "false", "user"),
        ("EdDSA", "1", "absent", "user"),
    ] {
        let mut idp = Idp::builder()
            .env("ALG", alg)
            .env("CLAIMS_IN_ID_TOKEN", in_token)
            .env("EMAIL_VERIFIED", verified)
            .env("DECOY_KEYS", "1")
            .env("AUTO_LOGIN", "alice")
            .start()
            .await;
        let email = "alice@example.test";
        let server = idp.serve(Server::builder().env("LOCALAUTH_ADMIN_EMAIL", email)).await;
        Person::register(&server, "root@example.org").await;
        let landing = Visitor::new(&server).sign_in("oidc").await;
        assert_eq!(landing.at, "/api/auth/me", "{alg}: {}", landing.body);
        assert_eq!(landing.body["provider"], "oidc", "{alg}");
        assert_eq!(
            landing.body["role"], role,
            "{alg}, verified {verified}: {}",
            landing.body
        );
        if role == "admin" {
            assert_eq!(landing.body["email"], email);
        }
        // The provider restarts with new keys: their ids are unknown, and asked for once.
        idp.restart().await;
        let landing = Visitor::new(&server).sign_in("oidc").await;
        assert_eq!(landing.at, "/api/auth/me", "{alg} after a restart: {}", landing.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_a_denial_a_replay_and_a_state_that_was_changed() {
    let mut idp = Idp::start().await;
    let server = idp.serve(Server::builder()).await;
    let alice = Visitor::new(&server);
    let status = alice.visit("/api/auth/status").await.body;
    assert_eq!(status["providers"], json!(["local", "oidc"]));
    let landing = alice.by_form(ALICE).await;
    assert_eq!(
        (landing.at.as_str(), &landing.body["role"]),
        ("/api/auth/me", &json!("admin"))
    );
    let denied = Visitor::new(&server).by_form(&[("do", "deny")]).await;
    assert_eq!(denied.at, "/login?error=denied");

    // What the provider sends back, taken before the server sees it.
    let stopping = reqwest::redirect::Policy::custom(|attempt| {
        if attempt.url().path().ends_with("/callback") {
            attempt.stop()
        } else {
            attempt.follow()
        }
    });
    let jar = std::sync::Arc::new(reqwest::cookie::Jar::default());
    let careful = Client::builder()
        .cookie_provider(jar.clone())
        .redirect(stopping)
        .build()
        .unwrap();
    let follows = Client::builder().cookie_provider(jar).build().unwrap();
    let visitor = Visitor::with(&server, careful);
    let url = format!("{}/api/auth/oidc/login?next=/api/auth/me", server.url);
    let form = visitor.client.get(url).send().await.unwrap();
    let page = form.url().clone();
    let html = form.text().await.unwrap();
    let action = html.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
    let action = page.join(&action.replace("&amp;", "&")).unwrap();
    let back = visitor.client.post(action).form(ALICE).send().await.unwrap();
    let callback = back.headers()["location"].to_str().unwrap().to_owned();
    assert!(callback.contains("/api/auth/oidc/callback"), "{callback}");
    // Another browser has no such state.
    let stranger = Visitor::new(&server).visit(&callback).await;
    assert_eq!(stranger.at, "/login?error=provider");
    let changed = callback.replacen("state=", "state=x", 1);
    let follows = Visitor::with(&server, follows);
    assert_eq!(follows.visit(&changed).await.at, "/login?error=provider");
    // The right one works, once.
    assert_eq!(follows.visit(&callback).await.at, "/api/auth/me");
    assert_eq!(follows.visit(&callback).await.at, "/login?error=provider");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_keeps_nobody_from_starting() {
    let mut idp = Idp::builder().env("AUTO_LOGIN", "bob").start().await;
    idp.stop().await;
    let server = idp.configure(Server::builder()).start().await;
    Person::register(&server, "root@example.org").await;
    let visitor = Visitor::new(&server);
    assert_eq!(
        visitor.visit("/api/auth/status").await.body["providers"],
        json!(["local", "oidc"])
    );
    assert_eq!(visitor.sign_in("oidc").await.at, "/login?error=provider");
    idp.restart().await;
    idp.accept(&format!("{}/api/auth/oidc/callback", server.url)).await;
    // It is asked again after a short pause, which is the server's to choose.
    let until = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    loop {
        let landing = visitor.sign_in("oidc").await;
        if landing.at == "/api/auth/me" {
            break;
        }
        assert!(tokio::time::Instant::now() < until, "{}", landing.at);
        assert_eq!(landing.at, "/login?error=provider");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_links_nothing_and_whoever_is_signed_in_links_it() {
    let mut idp = Idp::builder().env("AUTO_LOGIN", "alice").start().await;
    let server = idp.serve(Server::builder()).await;
    Person::register(&server, "root@example.org").await;
    let alice = Person::register(&server, "alice@example.test").await;
    let refused = Visitor::new(&server).sign_in("oidc").await;
    assert_eq!(refused.at, "/login?error=email_taken");

    let ask = |headers: &'static [(&str, &str)]| {
        let mut request = alice
            .browser
            .post(format!("{}/api/auth/oidc/link?next=/api/auth/identities", server.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send()
    };
    assert_eq!(ask(&[("origin", "https://evil.example")]).await.unwrap().status(), 403);
    let answer: Value = ask(&[]).await.unwrap().json().await.unwrap();
    let url = answer["url"].as_str().unwrap().to_owned();
    let browser = Visitor::with(&server, alice.browser.clone());
    let linked = browser.visit(&url).await;
    assert_eq!(linked.at, "/api/auth/identities");
    assert_eq!(linked.body["identities"][0]["provider"], "oidc", "{}", linked.body);

    let me = Visitor::new(&server).sign_in("oidc").await;
    assert_eq!(
        (&me.body["email"], &me.body["provider"]),
        (&json!("alice@example.test"), &json!("local"))
    );
    // Somebody else cannot have it too.
    let root = Person::sign_in(&server, "root@example.org", localauth_tests::PASSWORD)
        .await
        .unwrap();
    let answer = root
        .browser
        .post(format!("{}/api/auth/oidc/link", server.url))
        .send()
        .await
        .unwrap();
    let url = answer.json::<Value>().await.unwrap()["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let taken = Visitor::with(&server, root.browser.clone()).visit(&url).await;
    assert!(taken.at.starts_with("/account?error="), "{}", taken.at);

    let away = alice
        .browser
        .delete(format!("{}/api/auth/identities/oidc", server.url))
        .send()
        .await
        .unwrap();
    assert_eq!(away.status(), 200);
    assert_eq!(
        Visitor::new(&server).sign_in("oidc").await.at,
        "/login?error=email_taken"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_decide_about_role_and_features() {
    for (who, role, agents) in [
        ("alice", "admin", true),
        ("bob", "user", true),
        ("carol", "user", false),
    ] {
        let mut idp = Idp::builder().env("AUTO_LOGIN", who).start().await;
        let server = Server::builder()
            .env("LOCALAUTH_OIDC_SCOPES", "openid profile email groups")
            .env("LOCALAUTH_OIDC_GROUPS_CLAIM", "groups")
            .env("LOCALAUTH_OIDC_ADMIN_GROUPS", "admins")
            .env("LOCALAUTH_OIDC_GROUP_FEATURES", "staff:agents");
        let server = idp.serve(server).await;
        Person::register(&server, "root@example.org").await;
        let landing = Visitor::new(&server).sign_in("oidc").await;
        assert_eq!(landing.body["role"], role, "{who}: {}", landing.body);
        assert_eq!(landing.body["permissions"]["agents"], agents, "{who}: {}", landing.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_lets_one_person_in_through_a_provider() {
    let mut idp = Idp::start().await;
    let server = idp
        .serve(Server::builder().env("LOCALAUTH_REGISTRATION_MODE", "invite"))
        .await;
    let root = Person::register(&server, "root@example.org").await;
    let invite: Value = root
        .browser
        .post(format!("{}/api/auth/admin/invites", server.url))
        .json(&json!({}))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let code = invite["code"].as_str().unwrap();
    let arrive = async |who: &str, query: &str| {
        let visitor = Visitor::new(&server);
        let url = format!("{}/api/auth/oidc/login?next=/api/auth/me{query}", server.url);
        let form = visitor.client.get(url).send().await.unwrap();
        let page = form.url().clone();
        let html = form.text().await.unwrap();
        let action = html.split("action=\"").nth(1).unwrap().split('"').next().unwrap();
        let action = page.join(&action.replace("&amp;", "&")).unwrap();
        let password = format!("{who}-password");
        let fields = [("username", who), ("password", password.as_str()), ("do", "login")];
        let answer = visitor.client.post(action).form(&fields).send().await.unwrap();
        answer.url().as_str().strip_prefix(&server.url).unwrap().to_owned()
    };
    assert_eq!(arrive("alice", "").await, "/login?error=invite_required");
    assert_eq!(
        arrive("alice", "&invite_code=guessed").await,
        "/login?error=invalid_invite"
    );
    assert_eq!(arrive("alice", &format!("&invite_code={code}")).await, "/api/auth/me");
    assert_eq!(
        arrive("bob", &format!("&invite_code={code}")).await,
        "/login?error=invalid_invite"
    );
    assert_eq!(arrive("alice", "").await, "/api/auth/me", "who is known needs none");
}

#[tokio::test(flavor = "multi_thread")]
async fn github_with_its_odd_parts() {
    let private = GithubPerson::new(42, "octocat", "old@example.org")
        .without_emails()
        .with_email("unverified@example.org", false, false)
        .with_email("octo@example.org", true, true);
    let github = Github::start(private).await;
    let server = github.configure(Server::builder()).start().await;
    github.register_callback(&format!("{}/api/auth/github/callback", server.url));
    Person::register(&server, "root@example.org").await;
    let me = Visitor::new(&server).sign_in("github").await;
    assert_eq!(me.at, "/api/auth/me", "{}", me.body);
    assert_eq!(
        (&me.body["email"], &me.body["provider"]),
        (&json!("octo@example.org"), &json!("github"))
    );
    assert!(
        github
            .requests()
            .iter()
            .all(|r| !r.target.contains(localauth_tests::GITHUB_CLIENT_SECRET))
    );

    for (endpoint, fault) in [
        (
            GithubEndpoint::Token,
            GithubFault::Json(
                json!({"error": "bad_verification_code", "error_description": "The code passed is incorrect"}),
            ),
        ),
        (GithubEndpoint::Token, GithubFault::Garbage),
        (GithubEndpoint::User, GithubFault::Status(500)),
        (GithubEndpoint::Emails, GithubFault::Status(502)),
        (GithubEndpoint::User, GithubFault::Garbage),
    ] {
        github.fail(endpoint, fault);
        assert_eq!(
            Visitor::new(&server).sign_in("github").await.at,
            "/login?error=provider"
        );
        github.mend();
    }
    github.deny();
    assert_eq!(Visitor::new(&server).sign_in("github").await.at, "/login?error=denied");
    // Renamed, with another address: still the same person.
    github.sign_in(GithubPerson::new(42, "octocat-2", "other@example.org"));
    assert_eq!(
        Visitor::new(&server).sign_in("github").await.body["email"],
        "octo@example.org"
    );
    // Another one who took the old name is another person.
    github.sign_in(GithubPerson::new(43, "octocat", "third@example.org"));
    assert_eq!(
        Visitor::new(&server).sign_in("github").await.body["email"],
        "third@example.org"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn github_enterprise_has_its_own_addresses() {
    let github = Github::start(GithubPerson::new(7, "octocat", "octo@corp.example")).await;
    let server = github.configure_enterprise(Server::builder()).start().await;
    github.register_callback(&format!("{}/api/auth/github/callback", server.url));
    let me = Visitor::new(&server).sign_in("github").await;
    assert_eq!(me.body["email"], "octo@corp.example", "{}: {}", me.at, me.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_browser_across_sites_for_every_algorithm() {
    for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
        // `localhost` and `127.0.0.1` are two sites: a cookie that is too strict would not come back.
        let mut idp = Idp::builder().on_localhost().env("ALG", alg).start().await;
        let server = idp.serve(Server::builder()).await;
        let seen = sign_in_by_browser(&server.url, &["--user", "alice"]).await.unwrap();
        assert_eq!(seen["url"], format!("{}/api/auth/me", server.url), "{alg}: {seen}");
        assert!(
            seen["text"].as_str().unwrap().contains("alice@example.test"),
            "{alg}: {seen}"
        );
        let cookies = seen["cookies"].as_array().unwrap();
        let session = cookies.iter().find(|c| c["name"] == "session").expect("a session");
        assert_eq!(
            (&session["httpOnly"], &session["sameSite"]),
            (&json!(true), &json!("Lax"))
        );
        let left = cookies
            .iter()
            .any(|c| c["name"].as_str().unwrap().starts_with("localauth-oauth"));
        assert!(!left, "{alg}: what the attempt needed is gone: {seen}");
        let denied = sign_in_by_browser(&server.url, &["--deny"]).await.unwrap();
        assert_eq!(denied["url"], format!("{}/login?error=denied", server.url), "{alg}");
    }
}
