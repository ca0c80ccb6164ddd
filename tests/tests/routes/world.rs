//! Everybody who may ask for something, over one database.

use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use localauth_core::{
    Auth, Caller, InviteId, KeyId, KeyScope, LimitId, LimitRule, NewAccount, NewKey, Password, PasswordCost,
    RegistrationMode, Role, ServerSecret, Status, UserId,
};
use localauth_tests::PASSWORD;
use localauth_tower::api;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// What a request is sent with: the name of a header, and its value.
pub(crate) type Credential = Option<(&'static str, String)>;

pub(crate) struct World {
    pub(crate) auth: Auth,
    pub(crate) app: Router,
    /// Whose things the routes are about.
    pub(crate) ada: UserId,
    pub(crate) key: KeyId,
    pub(crate) session: String,
    pub(crate) invite: InviteId,
    /// Somebody else than the administrator, whom routes of administrators are about.
    pub(crate) bob: UserId,
    pub(crate) bobs_key: KeyId,
    pub(crate) bobs_quota: LimitId,
}

/// Everybody, by name.
pub(crate) struct Personas(pub(crate) Vec<(&'static str, Credential)>);

impl Personas {
    pub(crate) fn get(&self, name: &str) -> Credential {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.expect("a persona").1.clone()
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl World {
    pub(crate) async fn new(url: &str) -> (Self, Personas) {
        let store = localauth_store::connect(url).await.unwrap();
        let auth = Auth::builder(store)
            .secret(ServerSecret::new(&[1; 32]).unwrap())
            .password_cost(PasswordCost::INSECURE)
            .registration(RegistrationMode::Open)
            .attempt_limits(false)
            .shared_key("shared-key-of-the-configuration")
            .build()
            .unwrap();
        let app = api::router(&auth);
        let add = async |name: &str, role: Role| {
            let account = NewAccount {
                role,
                ..NewAccount::local(format!("{name}@example.org"), Password::new(PASSWORD))
            };
            auth.add_user(account).await.unwrap().id
        };
        let root = add("root", Role::Admin).await;
        add("second", Role::Admin).await;
        let (ada, bob) = (add("ada", Role::User).await, add("bob", Role::User).await);
        let eve = add("eve", Role::User).await;
        let gone = add("gone", Role::User).await;
        let session = async |name: &str| {
            let password = Password::new(PASSWORD);
            let email = format!("{name}@example.org");
            let signed_in = auth.sign_in(&email, password, &Caller::anonymous()).await.unwrap();
            signed_in.token.expose().to_owned()
        };
        let cookie = |token: &str| Some(("cookie", format!("session={token}")));
        let key = async |user: UserId, scope: KeyScope| {
            let created = auth.create_key(user, NewKey::named("k").scoped(scope)).await.unwrap();
            (created.key.id, format!("Bearer {}", created.plain.expose()))
        };
        let elsewhere = || KeyScope {
            routes: Some(vec!["POST /v1/chat/completions".parse().unwrap()]),
            ..KeyScope::default()
        };
        let minting = || KeyScope {
            can_mint: true,
            ..KeyScope::default()
        };
        let (adas_key, adas_bearer) = key(ada, KeyScope::default()).await;
        let (bobs_key, _) = key(bob, KeyScope::default()).await;
        let rule = LimitRule::per("1h".parse().unwrap()).requests(1_000);
        let bobs_quota = auth.set_user_limit(&Caller::operator(), bob, rule).await.unwrap();
        let bearer = |value: String| Some(("authorization", value));
        let roots_session = session("root").await;
        let mut personas = vec![
            ("anonymous", None),
            ("wrong key", bearer("Bearer sk-local-guessed".to_owned())),
            ("user", cookie(&session("ada").await)),
            ("other user", cookie(&session("eve").await)),
            ("admin", cookie(&roots_session)),
            ("user's key", bearer(adas_bearer)),
            ("user's minting key", bearer(key(ada, minting()).await.1)),
            ("user's scoped key", bearer(key(ada, elsewhere()).await.1)),
            ("admin's key", bearer(key(root, KeyScope::default()).await.1)),
            ("admin's scoped key", bearer(key(root, elsewhere()).await.1)),
            (
                "shared key",
                Some(("x-api-key", "shared-key-of-the-configuration".to_owned())),
            ),
            ("disabled user's key", bearer(key(gone, KeyScope::default()).await.1)),
            ("disabled user", cookie(&session("gone").await)),
        ];
        auth.set_status(&Caller::operator(), gone, Status::Disabled)
            .await
            .unwrap();
        let mut headers = http::HeaderMap::new();
        headers.insert("cookie", format!("session={roots_session}").parse().unwrap());
        let caller = Caller::from_identity(auth.authenticate(&headers).await.unwrap());
        let as_eve = auth.impersonate(&caller, eve).await.unwrap();
        personas.push(("impersonator", cookie(as_eve.signed_in.token.expose())));
        let invite = auth.create_invite(&caller, None).await.unwrap().invite.id;
        // One that is about to be ended by others.
        session("ada").await;
        let session = auth.list_sessions(ada).await.unwrap()[0].id.to_string();
        let world = Self {
            auth,
            app,
            ada,
            key: adas_key,
            session,
            invite,
            bob,
            bobs_key,
            bobs_quota,
        };
        (world, Personas(personas))
    }

    pub(crate) async fn send(&self, method: &str, path: &str, with: &Credential, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1");
        if let Some((name, value)) = with {
            request = request.header(*name, value);
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
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or(json!(null)),
        }
    }

    /// A path with the ids of ada's and bob's things.
    pub(crate) fn path(&self, pattern: &str) -> String {
        let id = match pattern {
            p if p.starts_with("/api/auth/api-keys/") => self.key.to_string(),
            p if p.starts_with("/api/auth/sessions/") => self.session.clone(),
            p if p.starts_with("/api/auth/admin/keys/") => self.bobs_key.to_string(),
            p if p.starts_with("/api/auth/admin/invites/") => self.invite.to_string(),
            _ => self.bob.to_string(),
        };
        pattern
            .replace("{id}", &id)
            .replace("{code}", "no-such-code")
            .replace("{provider}", "github")
            .replace("{quota_id}", &self.bobs_quota.to_string())
            .replace("{name}", "pro")
    }

    /// A body with which the route would do its work.
    pub(crate) fn body(&self, method: &str, pattern: &str) -> Option<Value> {
        let body = match (method, pattern) {
            ("GET" | "DELETE", _) => return None,
            (_, "/api/auth/register" | "/api/auth/login") => {
                json!({"email": "new@example.org", "password": PASSWORD})
            }
            (_, "/api/auth/token-login") => json!({"token": "sk-local-guessed"}),
            (_, "/api/auth/profile") => {
                json!({"name": "Ada L.", "role": "admin", "status": "active", "email": "x@y.z"})
            }
            (_, "/api/auth/password") => {
                json!({"current_password": PASSWORD, "new_password": "another horse battery staple 7"})
            }
            (_, "/api/auth/why") => json!({"method": "GET", "path": "/api/auth/me"}),
            (_, p) if p.ends_with("/quotas") => json!({"max_requests": 500, "window": "1h"}),
            (_, p) if p.ends_with("/tier") => json!({"tier": null}),
            (_, p) if p.ends_with("/tiers/{name}") => {
                json!({"limits": [{"max_requests": 500, "window": "1h"}], "features": {"chat": true}})
            }
            (_, "/api/auth/admin/limits") => json!({"limits": [{"max_requests": 5_000, "window": "day"}]}),
            (_, "/api/auth/admin/prices") => json!({"prices": {"demo": {"prompt": 1, "completion": 2}}}),
            (_, p) if p.ends_with("/role") => json!({"role": "user"}),
            (_, p) if p.ends_with("/status") => json!({"status": "active"}),
            (_, p) if p.ends_with("/password") => json!({"password": "another horse battery staple 8"}),
            (_, p) if p.ends_with("/permissions") => json!({"agents": true}),
            (_, p) if p.ends_with("/models") => json!({"enabled": true, "models": ["demo"]}),
            (_, "/api/auth/admin/keys") => json!({"name": "by admin", "userId": self.bob.to_string()}),
            (_, "/api/auth/admin/shared-keys") => json!({"keys": ["a-shared-key-of-the-run-time"]}),
            (_, "/api/auth/admin/invites") => json!({"expiresInHours": 1}),
            (_, "/api/auth/api-keys") => json!({"name": "mine"}),
            _ => json!({}),
        };
        Some(body)
    }
}
