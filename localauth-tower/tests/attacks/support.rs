//! A server to attack.

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::BodyExt as _;
use localauth_core::*;
use localauth_tower::{PeerAddress, Proxies, Site, api};
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt as _;
pub(crate) const PASSWORD: &str = "correct-horse-battery-staple";
pub(crate) struct Server {
    pub(crate) auth: Auth,
    pub(crate) clock: std::sync::Arc<ManualClock>,
    pub(crate) app: Router,
}
#[derive(Debug)]
pub(crate) struct Ck(pub(crate) std::sync::Arc<ManualClock>);
impl localauth_core::Clock for Ck {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}
impl Answer {
    pub(crate) fn token(&self) -> String {
        self.headers
            .get_all("set-cookie")
            .iter()
            .map(|v| v.to_str().unwrap())
            .find(|v| v.starts_with("session=ss-") || v.starts_with("__Host-session=ss-"))
            .expect("cookie")
            .split(['=', ';'])
            .nth(1)
            .unwrap()
            .to_owned()
    }
}
pub(crate) async fn server(mode: RegistrationMode, limits: bool, f: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Server {
    let clock = std::sync::Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    let b = Auth::builder(MemoryStore::new())
        .clock(Ck(clock.clone()))
        .password_cost(PasswordCost::INSECURE)
        .registration(mode)
        .attempt_limits(limits)
        .background(false);
    let auth = f(b).build().unwrap();
    auth.follow_changes().await.unwrap();
    let table = policy::openai_routes(policy::RouteTable::builder())
        .build(auth.features())
        .unwrap();
    let site = Site::new().trusted_proxies(Proxies::new(["10.0.0.0/8".parse().unwrap()]));
    let app = api::ApiBuilder::new(&auth).site(site).policy(table).build();
    Server { auth, clock, app }
}
impl Server {
    pub(crate) async fn later(&self, by: Duration) {
        self.clock.advance(by);
        self.auth.follow_changes().await.unwrap();
    }
    pub(crate) async fn from(
        &self,
        peer: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &[u8])],
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "ai.example");
        for (n, v) in headers {
            request = request.header(*n, HeaderValue::from_bytes(v).unwrap());
        }
        let body = match body {
            Some(b) => {
                request = request.header("content-type", "application/json");
                Body::from(b.to_string())
            }
            None => Body::empty(),
        };
        let mut request = request.body(body).unwrap();
        request.extensions_mut().insert(PeerAddress(peer.parse().unwrap()));
        let (parts, body) = self.app.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        }
    }
    pub(crate) async fn send(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        let t = format!("Bearer {token}");
        let h: Vec<(&str, &[u8])> = if token.is_empty() {
            vec![]
        } else {
            vec![("authorization", t.as_bytes())]
        };
        self.from("192.0.2.7", method, path, &h, body).await
    }
    pub(crate) async fn add(&self, name: &str, role: Role) -> UserId {
        let mut account = NewAccount::local(format!("{name}@example.org"), Password::new(PASSWORD));
        account.role = role;
        self.auth.add_user(account).await.unwrap().id
    }
    pub(crate) async fn key(&self, id: UserId, scope: KeyScope) -> (KeyId, String) {
        let k = self
            .auth
            .create_key(id, NewKey::named("k").scoped(scope))
            .await
            .unwrap();
        (k.key.id, k.plain.expose().to_owned())
    }
    pub(crate) async fn login(&self, name: &str) -> String {
        let a = self
            .send(
                "POST",
                "/api/auth/login",
                "",
                Some(json!({"email": format!("{name}@example.org"), "password": PASSWORD})),
            )
            .await;
        assert_eq!(a.status, 200, "{}", a.body);
        a.token()
    }
}

pub(crate) fn profile(sub: &str, email: &str, verified: bool) -> ExternalProfile {
    ExternalProfile {
        identity: ExternalIdentity {
            provider: Provider::Oidc,
            subject: format!("https://id.example {sub}"),
        },
        email: Some(email.into()),
        email_verified: verified,
        name: String::new(),
        avatar_url: String::new(),
        grant: None,
    }
}

/// Whoever comes with this token.
pub(crate) async fn who(s: &Server, token: &str) -> Caller {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    Caller::from_identity(s.auth.authenticate(&headers).await.unwrap())
}
