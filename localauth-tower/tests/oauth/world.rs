//! A server, a clock, and browsers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use localauth_core::{
    Auth, AuthBuilder, Clock as _, Identity, ManualClock, MemoryStore, PasswordCost, RegistrationMode, SystemClock,
    User, UserQuery,
};
use localauth_tower::oauth::{GithubConfig, OAuth, OidcConfig};
use localauth_tower::{PeerAddress, RequireAuth, Site, api};
use serde_json::Value;
use tower::ServiceExt as _;
use url::Url;

use crate::idp::{CLIENT, Idp, SECRET};

pub(crate) const HOST: &str = "ai.example.org:8080";

pub(crate) struct World {
    pub(crate) auth: Auth,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) idp: Idp,
    app: Router,
}

/// What makes a server other than usual.
pub(crate) struct Setup {
    pub(crate) auth: fn(AuthBuilder) -> AuthBuilder,
    pub(crate) oidc: fn(OidcConfig) -> OidcConfig,
    pub(crate) github: Option<String>,
    pub(crate) site: Site,
    pub(crate) timeout: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            auth: |auth| auth,
            oidc: |config| config,
            github: None,
            site: Site::new(),
            timeout: Duration::from_secs(5),
        }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let builder = Auth::builder(MemoryStore::new())
            .clock(Arc::clone(&clock))
            .password_cost(PasswordCost::INSECURE)
            .registration(RegistrationMode::Open)
            .attempt_limits(false);
        let auth = (setup.auth)(builder).build().unwrap();
        let idp = Idp::start(Arc::clone(&clock)).await;
        let config = OidcConfig::new(&idp.issuer, CLIENT).client_secret(SECRET);
        let mut oauth = OAuth::builder(&auth)
            .oidc((setup.oidc)(config))
            .timeouts(setup.timeout, setup.timeout);
        if let Some(url) = setup.github {
            oauth = oauth.github(
                GithubConfig::new("github client", "github secret")
                    .url(&url)
                    .api_url(format!("{url}/api/v3/")),
            );
        }
        let oauth = oauth.build().unwrap();
        let layers = RequireAuth::new(&auth).allow_anonymous();
        let app = api::router(&auth).merge(oauth.router(&setup.site).route_layer(layers));
        Self { auth, clock, idp, app }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser {
            app: self.app.clone(),
            cookies: BTreeMap::new(),
            address: IpAddr::from([192, 0, 2, 1]),
        }
    }

    /// Signs in and says where that leads.
    pub(crate) async fn sign_in(&self) -> Answer {
        self.sign_in_with(&mut self.browser()).await
    }

    pub(crate) async fn sign_in_with(&self, browser: &mut Browser) -> Answer {
        let url = browser.start("/api/auth/oidc/login").await;
        browser.callback("oidc", &self.idp.approve(&url)).await
    }

    /// Signs in and expects it to be refused with `code`.
    pub(crate) async fn refused(&self, code: &str, why: &str) {
        let mut browser = self.browser();
        let answer = self.sign_in_with(&mut browser).await;
        assert_eq!(answer.location(), format!("/login?error={code}"), "{why}");
        assert!(!browser.cookies.contains_key("session"), "{why}");
        assert!(browser.cookies.is_empty(), "{why}: the state is spent");
    }

    /// Whose session this is.
    pub(crate) async fn identity(&self, session: &str) -> Arc<Identity> {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", format!("session={session}").parse().unwrap());
        self.auth.authenticate(&headers).await.unwrap()
    }

    pub(crate) async fn users(&self) -> Vec<User> {
        self.auth.list_users(&UserQuery::default()).await.unwrap()
    }

    pub(crate) async fn user(&self) -> User {
        let mut users = self.users().await;
        assert_eq!(users.len(), 1);
        users.remove(0)
    }
}

#[derive(Clone)]
pub(crate) struct Browser {
    app: Router,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) address: IpAddr,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.headers["location"].to_str().unwrap()
    }

    /// What is set, by name.
    pub(crate) fn cookie(&self, prefix: &str) -> Vec<&str> {
        let all = self.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap());
        all.filter(|cookie| cookie.starts_with(prefix)).collect()
    }
}

impl Browser {
    pub(crate) async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", HOST);
        for (name, value) in headers {
            request
                .headers_mut()
                .unwrap()
                .insert(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header("cookie", pairs.join("; "));
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(PeerAddress(self.address));
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all("set-cookie") {
            let cookie = cookie::Cookie::parse(cookie.to_str().unwrap().to_owned()).unwrap();
            if cookie.max_age() == Some(cookie::time::Duration::ZERO) {
                self.cookies.remove(cookie.name());
            } else {
                self.cookies.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[]).await
    }

    /// Wants to sign in, and is led to this address.
    pub(crate) async fn start(&mut self, path: &str) -> Url {
        let answer = self.get(path).await;
        Url::parse(answer.location()).unwrap_or_else(|_| panic!("led to {}", answer.location()))
    }

    pub(crate) async fn callback(&mut self, provider: &str, parameters: &[(String, String)]) -> Answer {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish();
        self.get(&format!("/api/auth/{provider}/callback?{query}")).await
    }

    /// Who it is signed in as.
    pub(crate) async fn me(&mut self) -> Value {
        self.get("/api/auth/me").await.body
    }
}

/// The parameters, one of them changed or, with `None`, left away.
pub(crate) fn but(parameters: &[(String, String)], name: &str, value: Option<&str>) -> Vec<(String, String)> {
    let mut out: Vec<_> = parameters.iter().filter(|(n, _)| n != name).cloned().collect();
    out.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    out
}
