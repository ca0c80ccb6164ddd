//! A stub of GitHub inside the test's process: it answers as the real one does, odd parts included.

mod api;
mod web;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::ServerBuilder;

/// What it knows the server under test as.
pub const GITHUB_CLIENT_ID: &str = "Iv1.0123456789abcdef";
/// The server's secret.
pub const GITHUB_CLIENT_SECRET: &str = "0123456789abcdef0123456789abcdef01234567";

/// A running stub: the site and its API on two ports, as the real ones are two hosts. Ends when dropped.
#[derive(Debug)]
pub struct Github {
    /// The site, such as `http://127.0.0.1:4711`.
    pub url: String,
    /// The API of the public GitHub.
    pub api_url: String,
    shared: Shared,
    tasks: [JoinHandle<()>; 2],
}

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct GithubPerson {
    /// What stays when everything else is renamed.
    pub id: u64,
    /// The name in URLs.
    pub login: String,
    /// The name as it is written, if they gave one.
    pub name: Option<String>,
    /// The address on their profile, if they show one.
    pub public_email: Option<String>,
    /// All addresses.
    pub emails: Vec<GithubEmail>,
}

/// An address of somebody.
#[derive(Clone, Debug)]
pub struct GithubEmail {
    /// The address.
    pub email: String,
    /// Whether it is the one to write to.
    pub primary: bool,
    /// Whether they proved that it is theirs.
    pub verified: bool,
}

impl GithubPerson {
    /// Somebody with one verified address, which they do not show.
    pub fn new(id: u64, login: &str, email: &str) -> Self {
        Self {
            id,
            login: login.to_owned(),
            name: Some(login.to_uppercase()),
            public_email: None,
            emails: Vec::new(),
        }
        .with_email(email, true, true)
    }

    /// With another address.
    #[must_use]
    pub fn with_email(mut self, email: &str, primary: bool, verified: bool) -> Self {
        self.emails.push(GithubEmail {
            email: email.to_owned(),
            primary,
            verified,
        });
        self
    }

    /// Without any address so far.
    #[must_use]
    pub fn without_emails(mut self) -> Self {
        self.emails.clear();
        self
    }
}

/// Something that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GithubEndpoint {
    /// `POST /login/oauth/access_token`.
    Token,
    /// `GET /user`.
    User,
    /// `GET /user/emails`.
    Emails,
}

/// How it fails.
#[derive(Clone, Debug)]
pub enum GithubFault {
    /// With this status and a page for people.
    Status(u16),
    /// With status 200 and this instead of the answer.
    Json(Value),
    /// With status 200 and what is no JSON.
    Garbage,
    /// By never answering.
    Hang,
}

/// A request that was seen.
#[derive(Clone, Debug)]
pub struct GithubRequest {
    /// How.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

#[derive(Debug)]
struct Inner {
    /// Who sits at the browser. Nobody: they say no.
    person: Option<GithubPerson>,
    /// The callback that is registered, if any is.
    callback: Option<String>,
    faults: HashMap<GithubEndpoint, GithubFault>,
    codes: HashMap<String, Grant>,
    tokens: HashMap<String, Grant>,
    issued: u64,
    seen: Vec<GithubRequest>,
}

/// What somebody said yes to.
#[derive(Clone, Debug)]
struct Grant {
    person: GithubPerson,
    scopes: Vec<String>,
    redirect_uri: Option<String>,
    /// The challenge of PKCE.
    challenge: Option<String>,
}

type Shared = Arc<Mutex<Inner>>;

impl Github {
    /// Starts it, with this person at the browser, who says yes.
    pub async fn start(person: GithubPerson) -> Self {
        let shared = Arc::new(Mutex::new(Inner {
            person: Some(person),
            callback: None,
            faults: HashMap::new(),
            codes: HashMap::new(),
            tokens: HashMap::new(),
            issued: 0,
            seen: Vec::new(),
        }));
        // An Enterprise server has its API below its own address.
        let site = web::router().nest("/api/v3", api::router());
        let (url, site) = listen(site, &shared).await;
        let (api_url, api) = listen(api::router(), &shared).await;
        Self {
            url,
            api_url,
            shared,
            tasks: [site, api],
        }
    }

    /// The API as an Enterprise server has it.
    pub fn enterprise_api_url(&self) -> String {
        format!("{}/api/v3", self.url)
    }

    /// Tells a server about this stub as if it were the public GitHub.
    #[must_use]
    pub fn configure(&self, server: ServerBuilder) -> ServerBuilder {
        server
            .env("GITHUB_CLIENT_ID", GITHUB_CLIENT_ID)
            .env("GITHUB_CLIENT_SECRET", GITHUB_CLIENT_SECRET)
            .env("LOCALAUTH_GITHUB_URL", &self.url)
            .env("LOCALAUTH_GITHUB_API_URL", &self.api_url)
    }

    /// Tells a server about this stub as an Enterprise server.
    #[must_use]
    pub fn configure_enterprise(&self, server: ServerBuilder) -> ServerBuilder {
        self.configure(server)
            .env("LOCALAUTH_GITHUB_API_URL", self.enterprise_api_url())
    }

    /// Puts somebody else at the browser, or the same person after a change. They say yes.
    pub fn sign_in(&self, person: GithubPerson) {
        self.shared.lock().unwrap().person = Some(person);
    }

    /// From now on whoever is asked says no.
    pub fn deny(&self) {
        self.shared.lock().unwrap().person = None;
    }

    /// Registers a callback; another one, but for what is below it, is refused from now on.
    pub fn register_callback(&self, url: &str) {
        self.shared.lock().unwrap().callback = Some(url.to_owned());
    }

    /// Lets something fail until [`Self::mend`].
    pub fn fail(&self, endpoint: GithubEndpoint, fault: GithubFault) {
        self.shared.lock().unwrap().faults.insert(endpoint, fault);
    }

    /// Ends all failures.
    pub fn mend(&self) {
        self.shared.lock().unwrap().faults.clear();
    }

    /// Forgets all tokens, as if each had been revoked.
    pub fn revoke_tokens(&self) {
        self.shared.lock().unwrap().tokens.clear();
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<GithubRequest> {
        self.shared.lock().unwrap().seen.clone()
    }
}

impl Drop for Github {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Inner {
    /// Something that was never given before, in the digits of the real thing.
    fn fresh(&mut self, digits: usize) -> String {
        self.issued += 1;
        format!("{:0digits$x}", 0xDEC0_DE00 + self.issued)
    }
}

async fn listen(router: Router<Shared>, shared: &Shared) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let router = router
        .layer(from_fn_with_state(Arc::clone(shared), watch))
        .with_state(Arc::clone(shared));
    let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it can serve") });
    (url, task)
}

/// Remembers each request, and fails where it shall.
async fn watch(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a small body");
    let path = parts.uri.path();
    let endpoint = match path.strip_prefix("/api/v3").unwrap_or(path) {
        "/login/oauth/access_token" => Some(GithubEndpoint::Token),
        "/user" => Some(GithubEndpoint::User),
        "/user/emails" => Some(GithubEndpoint::Emails),
        _ => None,
    };
    let fault = {
        let mut inner = shared.lock().unwrap();
        inner.seen.push(GithubRequest {
            method: parts.method.clone(),
            target: parts.uri.to_string(),
            headers: parts.headers.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        endpoint.and_then(|endpoint| inner.faults.get(&endpoint).cloned())
    };
    match fault {
        None => next.run(Request::from_parts(parts, Body::from(body))).await,
        Some(GithubFault::Status(status)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, axum::response::Html("<h1>Unicorn!</h1>")).into_response()
        }
        Some(GithubFault::Json(value)) => axum::Json(value).into_response(),
        Some(GithubFault::Garbage) => ([(header::CONTENT_TYPE, "application/json")], "{\"id\": 1, ").into_response(),
        Some(GithubFault::Hang) => std::future::pending().await,
    }
}
