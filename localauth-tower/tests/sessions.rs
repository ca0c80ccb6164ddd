//! Sessions and credentials as a browser or a program carries them, in process.
#![cfg(feature = "api")]

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use localauth_core::policy::{RouteTable, openai_routes};
use localauth_core::{
    Auth, Caller, FeatureRegistry, KeyScope, ManualClock, MemoryStore, ModelAllowList, NewAccount, NewKey, Password,
    PasswordCost, RegistrationMode, Timestamp, UserId,
};
use localauth_tower::{PeerAddress, Proxies, Site, api};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const PASSWORD: &str = "correct-horse-battery-staple";

struct Server {
    auth: Auth,
    clock: std::sync::Arc<ManualClock>,
    app: Router,
}

#[derive(Debug)]
struct Clock(std::sync::Arc<ManualClock>);

impl localauth_core::Clock for Clock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// The cookie of this name that the answer sets, whole; one that is taken away is none.
    fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap());
        set.filter(|v| v.split('=').next() == Some(name) && !v.contains("Max-Age=0"))
            .map(str::to_owned)
            .next()
    }

    fn token(&self) -> String {
        let cookie = self.cookie("session").or_else(|| self.cookie("__Host-session"));
        let cookie = cookie.expect("a session cookie");
        cookie.split(['=', ';']).nth(1).unwrap().to_owned()
    }
}

impl Server {
    async fn new(site: Site) -> Self {
        Self::with(site, |api| api).await
    }

    async fn with(site: Site, more: impl FnOnce(api::ApiBuilder) -> api::ApiBuilder) -> Self {
        let clock = std::sync::Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
        let auth = Auth::builder(MemoryStore::new())
            .clock(Clock(clock.clone()))
            .password_cost(PasswordCost::INSECURE)
            .registration(RegistrationMode::Open)
            .attempt_limits(false)
            .background(false)
            .build()
            .unwrap();
        auth.follow_changes().await.unwrap();
        let app = more(api::ApiBuilder::new(&auth).site(site)).build();
        Self { auth, clock, app }
    }

    async fn later(&self, by: Duration) {
        self.clock.advance(by);
        self.auth.follow_changes().await.unwrap();
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "ai.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let mut request = request.body(body).unwrap();
        request
            .extensions_mut()
            .insert(PeerAddress("192.0.2.7".parse().unwrap()));
        let (parts, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.send("GET", path, &[("cookie", &format!("session={token}"))], None)
            .await
    }

    async fn add(&self, name: &str) -> UserId {
        let account = NewAccount::local(format!("{name}@example.org"), Password::new(PASSWORD));
        self.auth.add_user(account).await.unwrap().id
    }

    async fn sign_in(&self, name: &str) -> Answer {
        let body = json!({"email": format!("{name}@example.org"), "password": PASSWORD});
        let answer = self
            .send("POST", "/api/auth/login", &[("user-agent", "Browser 1.0")], Some(body))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }
}

#[tokio::test]
async fn a_browser_gets_a_new_token_each_hour_and_is_not_signed_out_by_it() {
    let server = Server::new(Site::new()).await;
    server.add("ada").await;
    let first = server.sign_in("ada").await;
    let cookie = first.cookie("session").unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure"));
    let first = first.token();
    server.later(Duration::from_mins(59)).await;
    let early = server.get("/api/auth/me", &first).await;
    assert!(early.status == 200 && early.cookie("session").is_none());

    server.later(Duration::from_mins(1)).await;
    // A program with the token in a header holds no cookie to renew.
    let bearer = format!("Bearer {first}");
    let program = server
        .send("GET", "/api/auth/me", &[("authorization", &bearer)], None)
        .await;
    assert!(program.status == 200 && program.cookie("session").is_none());
    let due = server.get("/api/auth/me", &first).await;
    let second = due.token();
    assert_ne!(first, second);
    let left = 30 * 24 * 3600 - 3600;
    assert!(
        due.cookie("session").unwrap().contains(&format!("Max-Age={left}")),
        "renewal does not extend the 30 days"
    );

    // Requests on their way with the old one still pass, and get none of their own.
    server.later(Duration::from_secs(59)).await;
    let parallel = server.get("/api/auth/me", &first).await;
    assert!(parallel.status == 200 && parallel.cookie("session").is_none());
    server.later(Duration::from_secs(1)).await;
    assert_eq!(server.get("/api/auth/me", &first).await.status, 401);
    assert_eq!(server.get("/api/auth/me", &second).await.status, 200);
    // It is one session all the time.
    let sessions = server.get("/api/auth/sessions", &second).await.body;
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{sessions}");
}

#[tokio::test]
async fn devices_are_listed_and_ended_one_by_one_and_all() {
    let server = Server::new(Site::new()).await;
    server.add("ada").await;
    server.add("eve").await;
    let (one, two, three) = (
        server.sign_in("ada").await.token(),
        server.sign_in("ada").await.token(),
        server.sign_in("ada").await.token(),
    );
    assert!(one != two && two != three, "each sign-in makes a new session");
    let eve = server.sign_in("eve").await.token();
    let listed = server.get("/api/auth/sessions", &one).await.body;
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|s| s["current"] == true).count(), 1);
    assert_eq!(sessions[0]["ip"], "192.0.2.7");
    assert_eq!(sessions[0]["userAgent"], "Browser 1.0");
    assert!(sessions[0]["createdAt"].is_string() && sessions[0]["lastSeen"].is_string());
    let other = sessions.iter().find(|s| s["current"] == false).unwrap();
    let path = format!("/api/auth/sessions/{}", other["id"].as_str().unwrap());
    let by = |token: &str| format!("session={token}");
    assert_eq!(
        server
            .send("DELETE", &path, &[("cookie", &by(&eve))], None)
            .await
            .status,
        404
    );
    assert_eq!(
        server
            .send("DELETE", &path, &[("cookie", &by(&one))], None)
            .await
            .status,
        200
    );
    assert_eq!(
        server
            .send("DELETE", &path, &[("cookie", &by(&one))], None)
            .await
            .status,
        404
    );
    let listed = server.get("/api/auth/sessions", &one).await.body;
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 2);

    server
        .send("DELETE", "/api/auth/sessions", &[("cookie", &by(&one))], None)
        .await;
    assert_eq!(server.get("/api/auth/me", &one).await.status, 200);
    for ended in [&two, &three] {
        assert_eq!(server.get("/api/auth/me", ended).await.status, 401);
    }
    assert_eq!(server.get("/api/auth/me", &eve).await.status, 200);
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions_and_gives_a_fresh_one() {
    let server = Server::new(Site::new()).await;
    server.add("ada").await;
    let (one, two) = (server.sign_in("ada").await.token(), server.sign_in("ada").await.token());
    let cookie = format!("session={one}");
    let new = "another horse battery staple 7";
    let change = |current: &str| Some(json!({"current_password": current, "new_password": new}));
    let wrong = server
        .send("PUT", "/api/auth/password", &[("cookie", &cookie)], change("wrong"))
        .await;
    assert_eq!(
        (wrong.status, &wrong.body),
        (401, &json!({"error": "current password is incorrect"}))
    );
    assert_eq!(server.get("/api/auth/me", &two).await.status, 200);
    let changed = server
        .send("PUT", "/api/auth/password", &[("cookie", &cookie)], change(PASSWORD))
        .await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let fresh = changed.token();
    assert_eq!(server.get("/api/auth/me", &one).await.status, 401);
    assert_eq!(server.get("/api/auth/me", &two).await.status, 401);
    assert_eq!(server.get("/api/auth/me", &fresh).await.status, 200);
}

#[tokio::test]
async fn over_https_the_cookie_belongs_to_the_host() {
    let server = Server::new(Site::new().base_url("https://ai.example")).await;
    server.add("ada").await;
    let answer = server.sign_in("ada").await;
    let cookie = answer.cookie("__Host-session").unwrap();
    assert!(cookie.contains("Secure") && cookie.contains("Path=/"), "{cookie}");
    assert!(answer.cookie("session").is_none());
    let host = format!("__Host-session={}", answer.token());
    let me = server.send("GET", "/api/auth/me", &[("cookie", &host)], None).await;
    assert_eq!(me.status, 200, "both names are read");
}

/// One path for every carrier, so that none skips a check: each with a key that is good, out of scope, from elsewhere,
/// expired, rotated away, revoked, and of a user who is shut out.
#[tokio::test]
async fn every_carrier_meets_every_check() {
    use base64::Engine as _;
    let carry = |carrier: &str, key: &str| -> (&'static str, String) {
        match carrier {
            "bearer" => ("authorization", format!("Bearer {key}")),
            "BEARER" => ("authorization", format!("bEARER  {key}")),
            "basic" => {
                let pair = base64::engine::general_purpose::STANDARD.encode(format!("any:{key}"));
                ("authorization", format!("Basic {pair}"))
            }
            "x-api-key" => ("x-api-key", key.to_owned()),
            "xi-api-key" => ("xi-api-key", key.to_owned()),
            _ => ("cookie", format!("token={key}")),
        }
    };
    for carrier in ["bearer", "BEARER", "basic", "x-api-key", "xi-api-key", "token cookie"] {
        let server = Server::new(Site::new()).await;
        let ada = server.add("ada").await;
        let make = async |scope: KeyScope| {
            server
                .auth
                .create_key(ada, NewKey::named("k").scoped(scope))
                .await
                .unwrap()
        };
        let me = async |key: &str| {
            let (name, value) = carry(carrier, key);
            let answer = server.send("GET", "/api/auth/me", &[(name, &value)], None).await;
            answer.status
        };
        let good = make(KeyScope::default()).await;
        assert_eq!(me(good.plain.expose()).await, 200, "{carrier}");
        let elsewhere = make(KeyScope {
            routes: Some(vec!["GET /api/auth/usage".parse().unwrap()]),
            ..KeyScope::default()
        });
        assert_eq!(me(elsewhere.await.plain.expose()).await, 403, "{carrier}: route");
        for (net, status) in [("192.0.2.0/24", 200), ("198.51.100.0/24", 403)] {
            let bound = make(KeyScope {
                ips: Some(vec![net.parse().unwrap()]),
                ..KeyScope::default()
            });
            assert_eq!(me(bound.await.plain.expose()).await, status, "{carrier}: {net}");
        }
        let soon = server.auth.now() + Duration::from_secs(10);
        let expiring = server
            .auth
            .create_key(ada, NewKey::named("k").expiring(soon))
            .await
            .unwrap();
        assert_eq!(me(expiring.plain.expose()).await, 200, "{carrier}");
        server.later(Duration::from_secs(10)).await;
        assert_eq!(me(expiring.plain.expose()).await, 401, "{carrier}: expired");
        let caller = localauth_core::Caller::operator();
        server.auth.revoke_key(&caller, good.key.id).await.unwrap();
        assert_eq!(me(good.plain.expose()).await, 401, "{carrier}: revoked");
        let last = make(KeyScope::default()).await;
        let second = server.add("root").await;
        server
            .auth
            .set_role(&caller, second, localauth_core::Role::Admin)
            .await
            .unwrap();
        server
            .auth
            .set_status(&caller, ada, localauth_core::Status::Disabled)
            .await
            .unwrap();
        assert_eq!(me(last.plain.expose()).await, 403, "{carrier}: shut out");
        assert_eq!(me("sk-local-guessed").await, 401, "{carrier}: guessed");
    }
}

#[tokio::test]
async fn keys_have_scopes_are_rotated_and_tell_who_still_uses_the_old_secret() {
    let server = Server::new(Site::new()).await;
    server.add("ada").await;
    let session = format!("session={}", server.sign_in("ada").await.token());
    let by = [("cookie", session.as_str())];
    let wish = json!({"name": "ci", "expiresIn": "30d", "models": ["demo"], "features": ["chat"],
        "routes": ["POST /v1/chat/*"], "ips": ["192.0.2.0/24"], "can_mint": false});
    let made = server.send("POST", "/api/auth/api-keys", &by, Some(wish)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    for (field, value) in [
        ("models", json!(["demo"])),
        ("features", json!(["chat"])),
        ("routes", json!(["POST /v1/chat/*"])),
        ("ips", json!(["192.0.2.0/24"])),
        ("can_mint", json!(false)),
    ] {
        assert_eq!(made.body[field], value, "{}", made.body);
    }
    for wrong in [
        json!({"name": "x", "features": ["no-such"]}),
        json!({"name": "x", "routes": ["everything"]}),
        json!({"name": "x", "ips": ["everywhere"]}),
        json!({"name": "x", "limits": [{"max_requests": 1}]}),
    ] {
        assert_eq!(
            server.send("POST", "/api/auth/api-keys", &by, Some(wrong)).await.status,
            400
        );
    }

    let made = server
        .send("POST", "/api/auth/api-keys", &by, Some(json!({"name": "laptop"})))
        .await
        .body;
    let path = format!("/api/auth/api-keys/{}/rotate", made["id"].as_str().unwrap());
    let rotated = server.send("POST", &path, &by, Some(json!({"grace": "1h"}))).await;
    assert_eq!(rotated.status, 200, "{}", rotated.body);
    let new = rotated.body["key"].as_str().unwrap();
    let old = made["key"].as_str().unwrap();
    assert!(new != old && new.starts_with(made["keyPrefix"].as_str().unwrap()));
    let me = async |key: &str| {
        let bearer = format!("Bearer {key}");
        server
            .send("GET", "/api/auth/me", &[("authorization", &bearer)], None)
            .await
    };
    assert_eq!(me(new).await.status, 200);
    assert_eq!(me(old).await.status, 200);
    let listed = server.send("GET", "/api/auth/api-keys", &by, None).await.body;
    let key = listed["keys"]
        .as_array()
        .unwrap()
        .iter()
        .find(|k| k["id"] == made["id"])
        .unwrap();
    assert!(key["oldSecret"]["lastUsed"].is_string(), "{key}");
    assert_eq!(key["oldSecret"]["lastUsedFrom"], "192.0.2.7");
    server.later(Duration::from_hours(1)).await;
    let over = me(old).await;
    assert_eq!(over.status, 401);
    assert_eq!(me(new).await.status, 200);
    // At once, when asked so.
    let rotated = server.send("POST", &path, &by, Some(json!({"grace": "0s"}))).await.body;
    assert_eq!(me(new).await.status, 401);
    assert_eq!(me(rotated["key"].as_str().unwrap()).await.status, 200);
    // Without a body: seven days.
    assert_eq!(server.send("POST", &path, &by, None).await.status, 200);
    for grace in ["-1d", "soon"] {
        let answer = server.send("POST", &path, &by, Some(json!({"grace": grace}))).await;
        assert_eq!(answer.status, 400, "{grace}");
    }
}

#[tokio::test]
async fn a_session_made_from_a_key_is_no_more_than_the_key() {
    let server = Server::new(Site::new()).await;
    let ada = server.add("ada").await;
    let scope = KeyScope {
        features: Some(["chat".to_owned()].into()),
        ..KeyScope::default()
    };
    let key = server
        .auth
        .create_key(ada, NewKey::named("k").scoped(scope))
        .await
        .unwrap();
    let body = Some(json!({"token": key.plain.expose()}));
    let answer = server.send("POST", "/api/auth/token-login", &[], body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let permissions = &answer.body["user"]["permissions"];
    assert!(
        permissions["chat"] == true && permissions["images"] == false,
        "{permissions}"
    );
    let session = answer.token();
    let cookie = format!("session={session}");
    let me = server.get("/api/auth/me", &session).await.body;
    assert_eq!(me["permissions"]["images"], false);
    for (method, path, body) in [
        ("POST", "/api/auth/api-keys", json!({"name": "x"})),
        ("PUT", "/api/auth/profile", json!({"name": "x"})),
        ("DELETE", "/api/auth/sessions", json!(null)),
    ] {
        let answer = server.send(method, path, &[("cookie", &cookie)], Some(body)).await;
        assert_eq!(answer.status, 403, "{method} {path}");
    }
    server
        .auth
        .revoke_key(&localauth_core::Caller::operator(), key.key.id)
        .await
        .unwrap();
    assert_eq!(server.get("/api/auth/me", &session).await.status, 401);
    for (token, status) in [
        (json!(""), 400),
        (json!(null), 400),
        (json!("sk-local-x"), 401),
        (json!(session), 401),
    ] {
        let answer = server
            .send("POST", "/api/auth/token-login", &[], Some(json!({"token": token})))
            .await;
        assert_eq!(answer.status, status, "{token}: {}", answer.body);
    }
}

#[tokio::test]
async fn forward_auth_judges_what_a_trusted_proxy_names_and_nobody_else() {
    let trusting = Site::new().trusted_proxies(Proxies::new(["192.0.2.0/24".parse().unwrap()]));
    for (site, trusted) in [(trusting, true), (Site::new(), false)] {
        let server = Server::new(site).await;
        let ada = server.add("ada").await;
        let key = server.auth.create_key(ada, NewKey::named("k")).await.unwrap();
        let bearer = format!("Bearer {}", key.plain.expose());
        let ask = async |headers: &[(&str, &str)]| {
            let mut all = vec![("authorization", bearer.as_str())];
            all.extend_from_slice(headers);
            server.send("GET", "/api/auth/verify", &all, None).await
        };
        let plain = ask(&[]).await;
        assert_eq!(plain.status, 200);
        assert_eq!(plain.headers["x-auth-user"], ada.to_string());
        assert_eq!(plain.headers["x-auth-email"], "ada@example.org");
        assert_eq!(plain.headers["x-auth-role"], "user");
        assert_eq!(plain.headers["x-auth-key"], key.key.id.to_string());
        let refused = if trusted { 403 } else { 200 };
        for (method, uri, status) in [
            ("GET", "/api/auth/me", 200),
            ("GET", "/api/auth/admin/users", refused),
            ("GET", "/nobody/declared/this", refused),
            ("BAD METHOD", "/api/auth/me", refused),
        ] {
            let answer = ask(&[("x-original-method", method), ("x-original-uri", uri)]).await;
            assert_eq!(answer.status, status, "{method} {uri}");
            let answer = ask(&[("x-forwarded-method", method), ("x-forwarded-uri", uri)]).await;
            assert_eq!(answer.status, status, "{method} {uri}");
        }
        let half = ask(&[("x-original-uri", "/api/auth/me")]).await;
        assert_eq!(half.status, refused, "half a request is none");
        let twice = ask(&[
            ("x-original-method", "GET"),
            ("x-original-uri", "/api/auth/me"),
            ("x-original-uri", "/api/auth/admin/users"),
        ]);
        assert_eq!(twice.await.status, refused);
        assert_eq!(server.send("GET", "/api/auth/verify", &[], None).await.status, 401);
    }
}

#[tokio::test]
async fn why_says_which_rule_decides() {
    let server = Server::new(Site::new()).await;
    server.add("ada").await;
    let session = format!("session={}", server.sign_in("ada").await.token());
    let ask = async |method: &str, path: &str| {
        let body = Some(json!({"method": method, "path": path}));
        server
            .send("POST", "/api/auth/why", &[("cookie", &session)], body)
            .await
            .body
    };
    assert_eq!(
        ask("get", "/api/auth/me").await,
        json!({"allowed": true, "status": 200, "code": null, "rule": "GET /api/auth/me: signed in"})
    );
    assert_eq!(
        ask("GET", "/api/auth/admin/users").await,
        json!({"allowed": false, "status": 403, "code": "admin_required", "rule": "GET /api/auth/admin/users: admin"})
    );
    assert_eq!(
        ask("GET", "/nowhere").await,
        json!({"allowed": false, "status": 404, "code": "unknown_route", "rule": null})
    );
}

#[tokio::test]
async fn why_judges_the_default_model_where_none_is_named() {
    let table = openai_routes(RouteTable::builder()).build(&FeatureRegistry::preset());
    let server = Server::with(Site::new(), |api| api.policy(table.unwrap()).default_model("demo")).await;
    let user = server.add("ada").await;
    let session = format!("session={}", server.sign_in("ada").await.token());
    let ask = async |method: &str, path: &str, model: Option<&str>| {
        let body = Some(json!({"method": method, "path": path, "model": model}));
        let headers = [("cookie", session.as_str())];
        server.send("POST", "/api/auth/why", &headers, body).await.body["code"].clone()
    };
    let chat = "/v1/chat/completions";
    assert_eq!(ask("POST", chat, None).await, Value::Null);
    let list = ModelAllowList {
        enabled: true,
        models: ["other".to_owned()].into(),
    };
    server.auth.set_models(&Caller::operator(), user, list).await.unwrap();
    for (model, code) in [
        (None, json!("model_not_allowed")),
        (Some("default"), json!("model_not_allowed")),
        (Some("demo"), json!("model_not_allowed")),
        (Some("other"), Value::Null),
    ] {
        assert_eq!(ask("POST", chat, model).await, code, "{model:?}");
    }
    // What asks no model needs none.
    assert_eq!(ask("GET", "/v1/models", None).await, Value::Null);
}
