//! An OpenID Connect provider that does as it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use localauth_core::{Clock as _, ManualClock};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::keys::Signer;

pub(crate) const CLIENT: &str = "localauth test";
pub(crate) const SECRET: &str = "p%ss+w&rd/:";

/// What is done to something that is sent, and what that makes it.
pub(crate) type Case = (&'static str, fn(&mut Value));
type Edit = Box<dyn Fn(&mut Value) + Send>;

/// How an endpoint behaves.
#[derive(Clone, Default)]
pub(crate) enum Mood {
    #[default]
    Good,
    Down,
    Slow,
    Says(StatusCode, &'static str, String),
    Redirects,
    Huge,
    HugeInParts,
}

struct Code {
    nonce: String,
    challenge: String,
    redirect_uri: String,
    spent: bool,
}

/// What the provider is like at the moment.
pub(crate) struct Script {
    pub(crate) signer: Signer,
    pub(crate) published: Vec<Value>,
    pub(crate) header: Edit,
    pub(crate) claims: Edit,
    pub(crate) answer: Edit,
    pub(crate) metadata: Edit,
    pub(crate) userinfo: Value,
    pub(crate) moods: HashMap<&'static str, Mood>,
    pub(crate) asked: HashMap<String, usize>,
    codes: HashMap<String, Code>,
}

#[derive(Clone)]
pub(crate) struct Idp {
    pub(crate) issuer: String,
    script: Arc<Mutex<Script>>,
    clock: Arc<ManualClock>,
}

impl Idp {
    pub(crate) async fn start(clock: Arc<ManualClock>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let signer = Signer::new("ES256", "one");
        let idp = Self {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            script: Arc::new(Mutex::new(Script {
                published: vec![signer.jwk()],
                signer,
                header: Box::new(|_| {}),
                claims: Box::new(|_| {}),
                answer: Box::new(|_| {}),
                metadata: Box::new(|_| {}),
                userinfo: json!({ "sub": "user-1" }),
                moods: HashMap::new(),
                asked: HashMap::new(),
                codes: HashMap::new(),
            })),
            clock,
        };
        let app = Router::new().fallback(serve).with_state(idp.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        idp
    }

    /// Changes what it is like.
    pub(crate) fn be<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        change(&mut self.script.lock().unwrap())
    }

    pub(crate) fn claims(&self, edit: impl Fn(&mut Value) + Send + 'static) {
        self.be(|script| script.claims = Box::new(edit));
    }

    pub(crate) fn mood(&self, endpoint: &'static str, mood: Mood) {
        self.be(|script| script.moods.insert(endpoint, mood));
    }

    pub(crate) fn asked(&self, endpoint: &str) -> usize {
        self.be(|script| script.asked.get(endpoint).copied().unwrap_or(0))
    }

    /// Signs with `signer` from now on, and publishes it.
    pub(crate) fn signs_with(&self, signer: Signer) {
        self.be(|script| {
            script.published = vec![signer.jwk()];
            script.signer = signer;
        });
    }

    /// What somebody's browser brings back when they say yes: the parameters of the callback.
    pub(crate) fn approve(&self, url: &Url) -> Vec<(String, String)> {
        assert!(
            url.as_str().starts_with(&format!("{}/authorize?", self.issuer)),
            "{url}"
        );
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(query.get(name).map(String::as_str), Some(value), "{name} in {url}");
        }
        assert!(query["scope"].split(' ').any(|scope| scope == "openid"));
        let code = Code {
            nonce: query["nonce"].clone(),
            challenge: query["code_challenge"].clone(),
            redirect_uri: query["redirect_uri"].clone(),
            spent: false,
        };
        let name = self.be(|script| {
            let name = format!("code-{}", script.codes.len());
            script.codes.insert(name.clone(), code);
            name
        });
        [
            ("code", name),
            ("state", query["state"].clone()),
            ("iss", self.issuer.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn token(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let form: HashMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = BASE64_STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(SECRET)));
        let error = |error: &str| (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": error }))).into_response();
        let by_basic = headers
            .get("authorization")
            .is_some_and(|value| value == &format!("Basic {basic}"));
        let by_post = form.get("client_secret").is_some_and(|secret| secret == SECRET);
        if !by_basic && !by_post {
            return error("invalid_client");
        }
        let mut script = self.script.lock().unwrap();
        let Some(code) = form.get("code").and_then(|code| script.codes.get_mut(code)) else {
            return error("invalid_grant");
        };
        let verifier = form.get("code_verifier").map(String::as_str).unwrap_or_default();
        let hash = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
        let held = BASE64_URL_SAFE_NO_PAD.encode(hash) == code.challenge;
        if code.spent || !held || form.get("redirect_uri") != Some(&code.redirect_uri) {
            return error("invalid_grant");
        }
        code.spent = true;
        let now = self.clock.now().as_millis() / 1_000;
        let mut claims = json!({
            "iss": self.issuer, "sub": "user-1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": code.nonce,
            "email": "alice@example.org", "email_verified": true, "name": "Alice",
            "picture": "https://example.org/alice.png",
        });
        (script.claims)(&mut claims);
        let mut header = json!({ "typ": "JWT", "alg": script.signer.alg });
        if let Some(kid) = &script.signer.kid {
            header["kid"] = kid.as_str().into();
        }
        (script.header)(&mut header);
        let mut answer = json!({
            "access_token": "at-hunter2", "token_type": "Bearer", "expires_in": 300,
            "id_token": script.signer.sign(&header, &claims),
        });
        (script.answer)(&mut answer);
        axum::Json(answer).into_response()
    }

    fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        let mut metadata = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256K"],
            "authorization_response_iss_parameter_supported": true,
        });
        (self.script.lock().unwrap().metadata)(&mut metadata);
        metadata
    }
}

async fn serve(State(idp): State<Idp>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let name = match parts.uri.path() {
        "/.well-known/openid-configuration" => "discovery",
        path => path.trim_start_matches('/'),
    };
    let mood = idp.be(|script| {
        *script.asked.entry(name.to_owned()).or_default() += 1;
        script.moods.get(name).cloned().unwrap_or_default()
    });
    match mood {
        Mood::Good => {}
        Mood::Down => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mood::Slow => std::future::pending::<()>().await,
        Mood::Says(status, kind, text) => return (status, [(header::CONTENT_TYPE, kind)], text).into_response(),
        Mood::Redirects => {
            let location = format!("{}/elsewhere", idp.issuer);
            return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response();
        }
        Mood::Huge => return axum::Json(json!({ "x": "x".repeat(2_000_000) })).into_response(),
        Mood::HugeInParts => {
            let parts = (0..200).map(|_| Ok::<_, std::io::Error>(vec![b' '; 10_000]));
            return Response::new(Body::from_stream(futures_util::stream::iter(parts)));
        }
    }
    match name {
        "discovery" => axum::Json(idp.metadata()).into_response(),
        "jwks" => axum::Json(json!({ "keys": idp.be(|script| script.published.clone()) })).into_response(),
        "token" => idp.token(&parts.headers, &body),
        "userinfo" => {
            assert_eq!(parts.headers["authorization"], "Bearer at-hunter2");
            axum::Json(idp.be(|script| script.userinfo.clone())).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
