//! What the tests of the administrators' routes share.
#![cfg(feature = "api")]
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses a part of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use localauth_core::policy::RouteTable;
use localauth_core::{
    AuditQuery, Auth, Caller, ManualClock, MemoryStore, NewAccount, NewKey, Password, PasswordCost, RegistrationMode,
    Role, ServerSecret, Timestamp, User,
};
use localauth_tower::api::{self, ApiBuilder};
use localauth_tower::{RequireAuth, RequireFeature};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";
pub(crate) const SHARED: &str = "shared-secret-key";
/// An id that nobody has.
pub(crate) const NOBODY: &str = "0192f0c1-2345-7890-abcd-ef0123456789";

/// A server in process, with a clock that moves a millisecond with each request.
pub(crate) struct World {
    pub(crate) auth: Auth,
    pub(crate) store: MemoryStore,
    pub(crate) clock: Arc<ManualClock>,
    app: Router,
    /// Whatever no list may show.
    secrets: Mutex<Vec<String>>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn error(&self) -> &str {
        self.body["error"].as_str().expect("LocalAI's flat form")
    }

    /// What `body[name]` holds, as a text.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        self.body[name].as_str().expect(name).to_owned()
    }

    pub(crate) fn session_cookie(&self) -> Option<String> {
        let cookies = self.headers.get_all("set-cookie").iter();
        let mut values = cookies.filter_map(|value| value.to_str().ok()?.strip_prefix("session="));
        let value = values.find(|value| !value.starts_with(';'))?;
        Some(value.split(';').next().unwrap().to_owned())
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_mode(RegistrationMode::Invite).await
    }

    pub(crate) async fn with_mode(mode: RegistrationMode) -> Self {
        let store = MemoryStore::new();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_800_000_000_000)));
        let auth = Auth::builder(store.clone())
            .secret(ServerSecret::new(&[7; 32]).unwrap())
            .clock(Arc::clone(&clock))
            .password_cost(PasswordCost::INSECURE)
            .registration(mode)
            .shared_key(SHARED)
            .attempt_limits(false)
            .background(false)
            .build()
            .unwrap();
        auth.follow_changes().await.unwrap();
        let app = Router::new()
            .route("/v1/chat/completions", post(async || "said"))
            .layer(RequireFeature::new("chat"))
            .layer(RequireAuth::new(&auth))
            .merge(ApiBuilder::new(&auth).models(["demo".to_owned()]).build());
        let secrets = Mutex::new(vec![PASSWORD.to_owned(), SHARED.to_owned()]);
        Self {
            auth,
            store,
            clock,
            app,
            secrets,
        }
    }

    pub(crate) async fn user(&self, name: &str, role: Role) -> User {
        self.clock.advance(Duration::from_millis(1));
        let account = NewAccount {
            role,
            name: name.to_owned(),
            // The strength of a password is not what these tests are about, and takes long to find out.
            acknowledge_weak: true,
            ..NewAccount::local(format!("{name}@example.org"), Password::new(PASSWORD))
        };
        self.auth.add_user(account).await.unwrap()
    }

    /// A key, as its owner would make it at the console.
    pub(crate) async fn key(&self, user: &User, new: NewKey) -> String {
        let made = self.auth.create_key(user.id, new).await.unwrap();
        self.secret(made.plain.expose())
    }

    /// A key that may make others.
    pub(crate) async fn minting_key(&self, user: &User) -> String {
        let mut new = NewKey::named("minting");
        new.scope.can_mint = true;
        self.key(user, new).await
    }

    pub(crate) async fn session(&self, user: &User) -> String {
        let password = Password::new(PASSWORD);
        let caller = Caller::anonymous();
        let signed_in = self.auth.sign_in(user.email.as_str(), password, &caller).await.unwrap();
        self.secret(signed_in.token.expose())
    }

    /// An administrator, and a session of theirs.
    pub(crate) async fn admin(&self, name: &str) -> (User, String) {
        let user = self.user(name, Role::Admin).await;
        let session = self.session(&user).await;
        (user, session)
    }

    /// Notes that no list may show this.
    pub(crate) fn secret(&self, text: &str) -> String {
        self.secrets.lock().unwrap().push(text.to_owned());
        text.to_owned()
    }

    /// Sends a request with `token` as the bearer; an empty one is nobody's. Checks what holds for every answer.
    pub(crate) async fn send(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        self.clock.advance(Duration::from_millis(1));
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
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
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        };
        if path.starts_with("/api/") {
            assert_eq!(answer.headers["cache-control"], "no-store", "{method} {path}");
            if answer.status >= 400 {
                assert!(!answer.error().is_empty(), "{method} {path}");
            }
        }
        if method == "GET" {
            for secret in &*self.secrets.lock().unwrap() {
                assert!(!answer.text.contains(secret.as_str()), "{path} shows {secret}");
            }
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send("GET", path, token, None).await
    }

    pub(crate) async fn put(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send("PUT", path, token, Some(body)).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.send("POST", path, token, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Answer {
        self.send("DELETE", path, token, None).await
    }

    /// The session in which `token` acts as `user`.
    pub(crate) async fn act_as(&self, token: &str, user: &User) -> String {
        let path = format!("/api/auth/admin/users/{}/impersonate", user.id);
        let answer = self.send("POST", &path, token, None).await.expect(200);
        self.secret(&answer.session_cookie().expect("a session"))
    }

    /// Whether `token` may do what needs the feature `chat`.
    pub(crate) async fn may_chat(&self, token: &str) -> u16 {
        self.post("/v1/chat/completions", token, json!({})).await.status
    }

    /// Everything the audit log says, oldest first.
    pub(crate) async fn audit(&self) -> Vec<(String, String)> {
        let events = self.auth.audit_events(&AuditQuery::default()).await.unwrap();
        let said = events.iter().rev().map(|e| (e.action.to_string(), e.target.clone()));
        said.collect()
    }
}

/// Every route that is for administrators: method, path about `id`, and a body that would do something.
pub(crate) fn admin_routes(id: &str) -> Vec<(Method, String, Option<Value>)> {
    let table = api::routes(RouteTable::builder());
    let ours = table
        .rules()
        .iter()
        .filter(|rule| rule.pattern().starts_with("/api/auth/admin/"));
    let route = |rule: &localauth_core::policy::Rule| {
        let body = match (rule.method().as_str(), rule.pattern().rsplit('/').next().unwrap()) {
            ("PUT", "role") => Some(json!({"role": "admin"})),
            ("PUT", "status") => Some(json!({"status": "disabled"})),
            ("PUT", "password") => Some(json!({"password": "another-horse-battery-staple"})),
            ("PUT", "permissions") => Some(json!({"chat": false})),
            ("PUT", "models") => Some(json!({"enabled": true, "models": []})),
            ("PUT", "quotas") => Some(json!({"max_requests": 100, "window": "1h"})),
            ("PUT", "tier") => Some(json!({"tier": null})),
            ("PUT", "{name}") => Some(json!({"limits": [{"max_requests": 100, "window": "1h"}]})),
            ("PUT", "limits") => Some(json!({"limits": []})),
            ("PUT", "prices") => Some(json!({"prices": {"demo": {"prompt": 1}}})),
            ("PUT", "shared-keys") => Some(json!({"keys": ["a-key-that-everybody-shares"]})),
            ("POST", "keys") => Some(json!({"name": "made", "userId": id})),
            ("POST", "invites") => Some(json!({})),
            _ => None,
        };
        let path = rule.pattern().replace("{id}", id).replace("{quota_id}", NOBODY);
        (rule.method().clone(), path.replace("{name}", "pro"), body)
    };
    ours.map(route).collect()
}
