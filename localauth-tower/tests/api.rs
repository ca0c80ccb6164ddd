//! The REST API as a client sees it, in process.
#![cfg(feature = "api")]

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use localauth_core::policy::{Access, RouteTable};
use localauth_core::{
    Auth, MemoryStore, NewAccount, NewKey, Password, PasswordCost, RegistrationMode, Role, UserQuery,
};
use localauth_tower::api;
use serde_json::{Value, json};
use tower::ServiceExt as _;

const PASSWORD: &str = "correct-horse-battery-staple";

struct Server {
    auth: Auth,
    store: MemoryStore,
    app: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn session(&self) -> String {
        let cookie = self.headers.get_all("set-cookie").iter().find_map(|v| {
            let v = v.to_str().unwrap();
            v.strip_prefix("session=").filter(|v| !v.starts_with(';'))
        });
        cookie.expect("a session cookie").split(';').next().unwrap().to_owned()
    }

    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

impl Server {
    fn new(mode: RegistrationMode) -> Self {
        Self::limited(mode, false)
    }

    /// With the limits of attempts or without: most tests are not about them.
    fn limited(mode: RegistrationMode, limits: bool) -> Self {
        let store = MemoryStore::new();
        let auth = Auth::builder(store.clone())
            .password_cost(PasswordCost::INSECURE)
            .registration(mode)
            .shared_key("shared-secret-key")
            .attempt_limits(limits)
            .build()
            .unwrap();
        let app = api::router(&auth);
        Self { auth, store, app }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
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
        let response = self.app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).expect("JSON")
        };
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    async fn register(&self, email: &str) -> Answer {
        self.send(
            "POST",
            "/api/auth/register",
            &[],
            Some(json!({"email": email, "password": PASSWORD, "name": "N"})),
        )
        .await
    }

    async fn get(&self, path: &str, session: &str) -> Answer {
        self.send("GET", path, &[("cookie", &format!("session={session}"))], None)
            .await
    }
}

#[tokio::test]
async fn the_walk_register_key_use_revoke() {
    let server = Server::new(RegistrationMode::Approval);
    let status = server.send("GET", "/api/auth/status", &[], None).await.expect(200);
    assert_eq!(
        status.body,
        json!({"authEnabled": true, "staticApiKeyRequired": false, "providers": ["local"], "hasUsers": false,
               "registrationMode": "approval", "user": null})
    );
    let registered = server.register("Root@Example.org").await.expect(201);
    let id = registered.body["user"]["id"].as_str().unwrap();
    let user = json!({"id": id, "email": "root@example.org", "name": "N", "role": "admin"});
    assert_eq!(registered.body, json!({ "user": user }));
    let cookies: Vec<_> = registered
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|v| v.to_str().unwrap())
        .collect();
    assert!(
        cookies[0].ends_with("; HttpOnly; SameSite=Lax; Path=/; Max-Age=2592000"),
        "{}",
        cookies[0]
    );
    assert_eq!(registered.headers["cache-control"], "no-store");
    let session = registered.session();

    let me = server.get("/api/auth/me", &session).await.expect(200).body;
    assert_eq!(
        (&me["id"], &me["provider"], &me["quotas"]),
        (&json!(id), &json!("local"), &json!([]))
    );
    assert_eq!(
        (&me["avatarUrl"], &me["permissions"]["agents"]),
        (&json!(""), &json!(true))
    );

    let cookie = format!("session={session}");
    let new = json!({"name": "laptop", "expiresIn": "30d", "role": "admin", "id": "x"});
    let made = server
        .send("POST", "/api/auth/api-keys", &[("cookie", &cookie)], Some(new))
        .await
        .expect(201)
        .body;
    let key = made["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with(made["keyPrefix"].as_str().unwrap()));
    assert!(made["expiresAt"].is_string() && made["createdAt"].is_string());

    let listed = server.get("/api/auth/api-keys", &session).await.expect(200).body;
    assert_eq!(listed["keys"][0]["id"], made["id"]);
    assert!(listed["keys"][0]["lastUsed"].is_null() && listed["keys"][0].get("key").is_none());
    let bearer = format!("Bearer {key}");
    server
        .send("GET", "/api/auth/me", &[("authorization", &bearer)], None)
        .await
        .expect(200);
    let listed = server.get("/api/auth/api-keys", &session).await.expect(200).body;
    assert!(listed["keys"][0]["lastUsed"].is_string(), "{listed}");

    // A key that leaked neither makes nor revokes keys.
    let by_key = [("authorization", bearer.as_str())];
    server
        .send("POST", "/api/auth/api-keys", &by_key, Some(json!({"name": "more"})))
        .await
        .expect(403);
    let path = format!("/api/auth/api-keys/{}", made["id"].as_str().unwrap());
    server.send("DELETE", &path, &by_key, None).await.expect(403);

    let revoked = server
        .send("DELETE", &path, &[("cookie", &cookie)], None)
        .await
        .expect(200);
    assert_eq!(revoked.body, json!({"message": "API key revoked"}));
    server
        .send("DELETE", &path, &[("cookie", &cookie)], None)
        .await
        .expect(404);
    server.send("GET", "/api/auth/me", &by_key, None).await.expect(401);

    let out = server
        .send("POST", "/api/auth/logout", &[("cookie", &cookie)], None)
        .await
        .expect(200);
    assert_eq!(out.body, json!({"message": "logged out"}));
    let gone = server.get("/api/auth/me", &session).await.expect(401);
    assert!(gone.body["error"].is_string(), "flat under /api/auth/: {}", gone.body);
    assert!(gone.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn registration_and_sign_in_answer_as_the_contract_says() {
    let server = Server::new(RegistrationMode::Approval);
    server.register("root@example.org").await.expect(201);
    let pending = server.register("ada@example.org").await.expect(200);
    assert_eq!(pending.body["pending"], true);
    let taken = server.register("root@example.org").await.expect(200);
    assert_eq!(
        taken.body, pending.body,
        "whoever asks does not learn that the address is known"
    );
    assert!(!taken.headers.contains_key("set-cookie"));

    let login = |email: &str, password: &str| json!({"email": email, "password": password});
    let send = async |server: &Server, body: Value| server.send("POST", "/api/auth/login", &[], Some(body)).await;
    let unknown = send(&server, login("nobody@example.org", PASSWORD)).await.expect(401);
    let wrong = send(&server, login("root@example.org", "wrong")).await.expect(401);
    assert_eq!(unknown.body, wrong.body);
    assert_eq!(wrong.body, json!({"error": "invalid email or password"}));
    let pending = send(&server, login("ada@example.org", PASSWORD)).await.expect(403);
    assert_eq!(pending.body, json!({"error": "account pending admin approval"}));
    let right = send(&server, login(" ROOT@example.org", PASSWORD)).await.expect(200);
    assert_eq!(right.body["user"]["role"], "admin");
    for missing in [
        json!({}),
        json!({"email": "a@b.c"}),
        json!({"email": "", "password": ""}),
    ] {
        let answer = send(&server, missing).await.expect(400);
        assert_eq!(answer.body, json!({"error": "email and password are required"}));
    }
    let weak = json!({"email": "bob@example.org", "password": "hunter2"});
    let weak = server
        .send("POST", "/api/auth/register", &[], Some(weak))
        .await
        .expect(400);
    assert_eq!(
        (&weak.body["error_code"], &weak.body["overridable"]),
        (&json!("password_too_short"), &json!(true))
    );

    let open = Server::new(RegistrationMode::Open);
    open.register("root@example.org").await.expect(201);
    let taken = open.register("root@example.org").await.expect(201);
    assert_eq!(taken.body, json!({"message": "registration processed"}));
    assert!(!taken.headers.contains_key("set-cookie"));
    let invite = Server::new(RegistrationMode::Invite);
    invite.register("root@example.org").await.expect(201);
    let without = invite.register("ada@example.org").await.expect(400);
    assert_eq!(without.body, json!({"error": "an invite code is required to register"}));
}

#[tokio::test]
async fn the_sixth_attempt_in_a_minute_waits() {
    let server = Server::limited(RegistrationMode::Open, true);
    for n in 0..5 {
        server.register(&format!("u{n}@example.org")).await.expect(201);
    }
    let limited = server.register("u6@example.org").await.expect(429);
    let wait: u64 = limited.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    // A forged header gives nobody a fresh bucket.
    let forged = [("x-forwarded-for", "203.0.113.9")];
    let body = json!({"email": "u0@example.org", "password": PASSWORD});
    server
        .send("POST", "/api/auth/login", &forged, Some(body))
        .await
        .expect(429);
    assert_eq!(server.auth.list_users(&UserQuery::default()).await.unwrap().len(), 5);
}

#[tokio::test]
async fn another_site_cannot_act_in_a_browsers_name() {
    let server = Server::new(RegistrationMode::Open);
    let session = server.register("root@example.org").await.expect(201).session();
    let cookie = format!("session={session}");
    let body = || Some(json!({"name": "evil"}));
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "https://127.0.0.1:8080"),
        ("origin", "http://127.0.0.1:8081"),
        ("origin", "http://127.0.0.1"),
        ("origin", "null"),
    ] {
        let headers = [("cookie", cookie.as_str()), ("host", "127.0.0.1:8080"), foreign];
        let answer = server
            .send("POST", "/api/auth/api-keys", &headers, body())
            .await
            .expect(403);
        assert!(answer.body["error"].is_string());
        let login = json!({"email": "root@example.org", "password": PASSWORD});
        server
            .send("POST", "/api/auth/login", &headers[1..], Some(login))
            .await
            .expect(403);
    }
    for own in [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
        ("origin", "http://127.0.0.1:8080"),
    ] {
        let same = [("cookie", cookie.as_str()), ("host", "127.0.0.1:8080"), own];
        server
            .send("POST", "/api/auth/api-keys", &same, body())
            .await
            .expect(201);
    }
    // A header that is no credential vouches for nothing: the cookie beside it does not count.
    for junk in [
        ("authorization", "x"),
        ("authorization", ""),
        ("x-api-key", "junk"),
        ("authorization", "Bearer junk"),
    ] {
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site"), junk];
        server
            .send("POST", "/api/auth/api-keys", &headers, body())
            .await
            .expect(401);
        let login = json!({"email": "root@example.org", "password": PASSWORD});
        server
            .send("POST", "/api/auth/login", &headers[1..], Some(login))
            .await
            .expect(403);
    }
    // A program that shows its key in a header may come from anywhere.
    let by_header = [
        ("authorization", format!("Bearer {session}")),
        ("sec-fetch-site", "cross-site".into()),
    ];
    let by_header: Vec<(&str, &str)> = by_header.iter().map(|(n, v)| (*n, v.as_str())).collect();
    server
        .send("POST", "/api/auth/api-keys", &by_header, body())
        .await
        .expect(201);
}

#[tokio::test]
async fn bad_bodies_get_a_clear_answer() {
    let server = Server::new(RegistrationMode::Open);
    let send = |app: Router, kind: &'static str, body: Vec<u8>| async move {
        let request = Request::post("/api/auth/login")
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        app.oneshot(request).await.unwrap().status()
    };
    let cases: [(&str, Vec<u8>, u16); 6] = [
        ("application/json", b"{".to_vec(), 400),
        ("application/json", b"[]".to_vec(), 400),
        ("application/json", br#"{"email":1,"password":"x"}"#.to_vec(), 400),
        ("application/json", vec![0xff; 100], 400),
        ("text/plain", b"{}".to_vec(), 415),
        ("application/json", vec![b' '; 70_000], 413),
    ];
    for (kind, body, status) in cases {
        let app = server.app.clone();
        assert_eq!(send(app, kind, body).await, status);
    }
}

/// The API's own table says what is tried: every route × (anonymous, wrong key, user, admin).
#[tokio::test]
async fn every_route_of_the_table_is_guarded_and_routed() {
    let server = Server::new(RegistrationMode::Open);
    let account = |email: &str| NewAccount::local(email, Password::new(PASSWORD));
    let mut keys = vec![None, Some("sk-local-wrong".to_owned())];
    for role in [Role::User, Role::Admin] {
        let new = NewAccount {
            role,
            ..account(&format!("{role}@example.org"))
        };
        let user = server.auth.add_user(new).await.unwrap();
        let key = server.auth.create_key(user.id, NewKey::named("k")).await.unwrap();
        keys.push(Some(key.plain.expose().to_owned()));
    }
    for rule in api::routes(RouteTable::builder()).rules() {
        let path = rule.pattern().replace("{id}", "0192f0c1-2345-7890-abcd-ef0123456789");
        for (n, key) in keys.iter().enumerate() {
            let bearer = key.as_ref().map(|k| format!("Bearer {k}"));
            let headers: Vec<(&str, &str)> = bearer.iter().map(|b| ("authorization", b.as_str())).collect();
            let body = (*rule.method() == Method::POST).then(|| json!({}));
            let status = server.send(rule.method().as_str(), &path, &headers, body).await.status;
            let signed_in = n >= 2;
            // Decides itself, by what a proxy asks about: here by nothing but whether somebody is signed in.
            let decides_itself = path == "/api/auth/verify";
            match (rule.access(), signed_in) {
                (Access::Public, _) if !decides_itself => {
                    assert!(status != 401 && status != 404 && status != 405, "{path}: {status}");
                }
                (_, false) => assert_eq!(status, 401, "{path}"),
                (_, true) => assert!(status != 401 && status != 405, "{path}: {status}"),
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_503_everywhere() {
    let server = Server::new(RegistrationMode::Open);
    let session = server.register("root@example.org").await.expect(201).session();
    server.store.set_outage(true);
    server.send("GET", "/api/auth/status", &[], None).await.expect(503);
    let login = json!({"email": "root@example.org", "password": PASSWORD});
    let answer = server
        .send("POST", "/api/auth/login", &[], Some(login))
        .await
        .expect(503);
    assert!(answer.headers.contains_key("retry-after"));
    server.get("/api/auth/me", &session).await.expect(503);
}

#[tokio::test]
async fn a_shared_key_is_the_synthetic_administrator() {
    let server = Server::new(RegistrationMode::Open);
    let headers = [("x-api-key", "shared-secret-key")];
    let me = server
        .send("GET", "/api/auth/me", &headers, None)
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&me["id"], &me["name"], &me["role"]),
        (&json!("legacy-api-key"), &json!("API Key User"), &json!("admin"))
    );
    server
        .send("POST", "/api/auth/api-keys", &headers, Some(json!({"name": "x"})))
        .await
        .expect(400);
    server
        .send("GET", "/api/auth/usage?period=week", &headers, None)
        .await
        .expect(200);
    server
        .send("GET", "/api/auth/usage?period=year", &headers, None)
        .await
        .expect(400);
}

#[tokio::test]
async fn an_id_that_is_none_is_nobodys_key() {
    let server = Server::new(RegistrationMode::Open);
    let session = server.register("root@example.org").await.expect(201).session();
    let cookie = format!("session={session}");
    for id in ["x", "%ff", "%00", "..", "0192f0c1-2345-7890-abcd-ef0123456789"] {
        let path = format!("/api/auth/api-keys/{id}");
        let answer = server
            .send("DELETE", &path, &[("cookie", &cookie)], None)
            .await
            .expect(404);
        assert_eq!(answer.body, json!({"error": "API key not found"}), "{id}");
    }
}

#[tokio::test]
async fn wrong_key_wishes_are_refused() {
    let server = Server::new(RegistrationMode::Open);
    let session = server.register("root@example.org").await.expect(201).session();
    let cookie = format!("session={session}");
    for wish in [
        json!({}),
        json!({"name": "  "}),
        json!({"name": "x".repeat(129)}),
        json!({"name": "x", "expiresIn": "0d"}),
        json!({"name": "x", "expiresIn": "-1d"}),
        json!({"name": "x", "expiresIn": "soon"}),
        json!({"name": "x", "expiresAt": "2001-01-01T00:00:00Z"}),
        json!({"name": "x", "expiresAt": "tomorrow"}),
        json!({"name": "x", "expiresIn": "1d", "expiresAt": "2031-01-01T00:00:00Z"}),
    ] {
        let answer = server
            .send("POST", "/api/auth/api-keys", &[("cookie", &cookie)], Some(wish))
            .await
            .expect(400);
        assert!(answer.body["error"].is_string());
    }
    assert_eq!(server.get("/api/auth/api-keys", &session).await.body["keys"], json!([]));
}
