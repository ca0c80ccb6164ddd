//! The whole application in process, around a model that says one word.

use std::{
    fmt::Debug,
    io,
    net::SocketAddr,
    str::FromStr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Path},
    routing::{get, post},
};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use localauth_core::{Auth, MemoryStore, NewAccount, NewKey, Password, PasswordCost, RegistrationMode, Role};
use localauth_tower::oauth::OAuth;
use openai_server::{
    app::{Doors, Model, compose},
    health::Readiness,
    logging,
    settings::{LogFormat, Settings},
};
use serde_json::Value;
use tower::ServiceExt as _;
use tracing_subscriber::EnvFilter;

pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";

pub(crate) struct World {
    app: Router,
    pub(crate) auth: Auth,
    /// A key of an administrator, and one of a user.
    pub(crate) admin: String,
    pub(crate) user: String,
    pub(crate) user_id: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let settings = Settings::new([], variables.iter().map(|(name, value)| (name.into(), value.into()))).unwrap();
        let auth = Auth::builder(MemoryStore::new())
            .password_cost(PasswordCost::INSECURE)
            .registration(RegistrationMode::Open)
            .build()
            .unwrap();
        auth.follow_changes().await.unwrap();
        let mut keys = Vec::new();
        let mut user_id = String::new();
        for role in [Role::Admin, Role::User] {
            let mut account = NewAccount::local(format!("{role}@example.org"), Password::new(PASSWORD));
            account.role = role;
            let user = auth.add_user(account).await.unwrap();
            let key = auth.create_key(user.id, NewKey::named("k")).await.unwrap();
            keys.push(key.plain.expose().to_owned());
            user_id = user.id.to_string();
        }
        let providers = OAuth::builder(&auth).build().unwrap();
        let routes = Router::new()
            .route("/v1/chat/completions", post(async || [("server", "secret-engine/1.0")]))
            .route("/v1/models", get(async || "{}"))
            .route("/v1/responses/{id}", get(async |Path(id): Path<String>| id));
        let model = Model {
            routes,
            ..Model::default()
        };
        let readiness = Readiness::default();
        readiness.set(true);
        let app = compose(&settings, Doors::Accounts(auth.clone(), providers), readiness, model).unwrap();
        Self {
            app,
            auth,
            user: keys.pop().unwrap(),
            admin: keys.pop().unwrap(),
            user_id,
        }
    }

    pub(crate) async fn send(&self, request: http::request::Builder, body: &str) -> Answer {
        let mut request = request
            .header("host", "ai.example")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let peer: SocketAddr = "192.0.2.7:4711".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let (head, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Answer {
        self.send(authorized(Request::get(path), key), "").await
    }

    pub(crate) async fn chat(&self, key: &str) -> Answer {
        let request = Request::post("/v1/chat/completions").header("content-type", "application/json");
        self.send(authorized(request, key), r#"{"model": "m", "messages": []}"#)
            .await
    }

    pub(crate) async fn sign_in(&self, password: &str) -> Answer {
        let request = Request::post("/api/auth/login").header("content-type", "application/json");
        let body = serde_json::json!({"email": "user@example.org", "password": password});
        self.send(request, &body.to_string()).await
    }

    /// One number of the metrics, by its name and labels.
    pub(crate) async fn measured<T: Default + FromStr<Err: Debug>>(&self, line: &str) -> T {
        let answer = self.get("/metrics", &self.admin).await;
        assert_eq!(answer.status, 200);
        let found = answer
            .text
            .lines()
            .find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
        found.map(|value| value.parse().unwrap()).unwrap_or_default()
    }
}

pub(crate) fn authorized(request: http::request::Builder, key: &str) -> http::request::Builder {
    if key.is_empty() {
        request
    } else {
        request.header("authorization", format!("Bearer {key}"))
    }
}

/// The log of this thread.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Begins to write it.
    pub(crate) fn start(filter: &str, format: LogFormat) -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = logging::subscriber(EnvFilter::new(filter), format, move || writer.clone());
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
