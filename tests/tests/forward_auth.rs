//! Forward auth as the documentation says it, by real proxies in front of something that records what reaches it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use localauth_core::policy::{RouteTable, is_plain_path, openai_routes};
use localauth_core::{
    Auth, KeyScope, MemoryStore, NewAccount, NewKey, Password, PasswordCost, RegistrationMode, Role, UserId,
};
use localauth_tests::{PASSWORD, Proxy, ProxyKind, RawAnswer};
use localauth_tower::{Proxies, Site, api};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const PAGE: &str = include_str!("../../docs/forward-auth.md");

/// Localauth, what it protects, and a proxy between them.
struct World {
    auth: Auth,
    proxy: Proxy,
    /// Everything that reached what is protected.
    reached: Arc<Mutex<Vec<Value>>>,
    localauth: SocketAddr,
    ada: UserId,
    bob: UserId,
}

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

impl World {
    async fn new(kind: ProxyKind) -> Self {
        let auth = Auth::builder(MemoryStore::new())
            .password_cost(PasswordCost::INSECURE)
            .registration(RegistrationMode::Open)
            .build()
            .unwrap();
        auth.follow_changes().await.unwrap();
        let mut ids = Vec::new();
        for (name, role) in [("ada", Role::Admin), ("bob", Role::User)] {
            let mut account = NewAccount::local(format!("{name}@example.org"), Password::new(PASSWORD));
            account.role = role;
            ids.push(auth.add_user(account).await.unwrap().id);
        }
        let table = openai_routes(RouteTable::builder()).build(auth.features()).unwrap();
        let site = Site::new().trusted_proxies(Proxies::new(["127.0.0.1/32".parse().unwrap()]));
        let localauth = serve(api::ApiBuilder::new(&auth).site(site).policy(table).build()).await;

        let reached = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&reached);
        let protected = serve(Router::new().fallback(async move |request: Request| {
            let headers: serde_json::Map<String, Value> = request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
                .collect();
            let seen_now = json!({
                "method": request.method().as_str(), "target": request.uri().to_string(), "headers": headers,
            });
            seen.lock().unwrap().push(seen_now.clone());
            axum::Json(seen_now)
        }))
        .await;
        let proxy = Proxy::start(kind, PAGE, localauth, protected).await;
        Self {
            auth,
            proxy,
            reached,
            localauth,
            ada: ids[0],
            bob: ids[1],
        }
    }

    async fn key(&self, user: UserId, scope: KeyScope) -> String {
        let key = self
            .auth
            .create_key(user, NewKey::named("k").scoped(scope))
            .await
            .unwrap();
        format!("Bearer {}", key.plain.expose())
    }

    async fn get(&self, target: &str, headers: &[(&str, &str)]) -> RawAnswer {
        self.proxy.send("GET", target, headers).await
    }

    /// What reached the protected side since the last question.
    fn reached(&self) -> Vec<Value> {
        std::mem::take(&mut *self.reached.lock().unwrap())
    }
}

/// The one request that reached it.
#[track_caller]
fn only(mut reached: Vec<Value>) -> Value {
    assert_eq!(reached.len(), 1, "{reached:?}");
    reached.remove(0)
}

async fn who_may_passes_and_who_may_not_does_not(kind: ProxyKind) {
    let world = World::new(kind).await;
    let bob = world.key(world.bob, KeyScope::default()).await;
    let ada = world.key(world.ada, KeyScope::default()).await;

    let answer = world.get("/v1/models?a=b%20c", &[("authorization", &bob)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = only(world.reached());
    assert_eq!(
        (&seen["method"], &seen["target"]),
        (&json!("GET"), &json!("/v1/models?a=b%20c"))
    );
    assert_eq!(seen["headers"]["x-auth-user"], world.bob.to_string());
    assert_eq!(seen["headers"]["x-auth-email"], "bob@example.org");
    assert_eq!(seen["headers"]["x-auth-role"], "user");
    assert!(
        seen["headers"]["x-auth-key"]
            .as_str()
            .is_some_and(|key| !key.is_empty())
    );
    // A credential of ours is nobody else's.
    assert_eq!(seen["headers"]["authorization"], Value::Null);

    let post = [("authorization", bob.as_str()), ("content-length", "0")];
    assert_eq!(
        world.proxy.send("POST", "/v1/chat/completions", &post).await.status,
        200
    );
    assert_eq!(only(world.reached())["method"], "POST");

    for (headers, method, target, status) in [
        (&[][..], "GET", "/v1/models", 401),
        (&[("authorization", "Bearer sk-local-wrong")], "GET", "/v1/models", 401),
        (&[("authorization", bob.as_str())], "POST", "/re_isq", 403),
        (&[("authorization", bob.as_str())], "GET", "/nowhere", 403),
        (&[("authorization", bob.as_str())], "DELETE", "/v1/models", 403),
        (&[("authorization", ada.as_str())], "GET", "/nowhere", 403),
    ] {
        let answer = world.proxy.send(method, target, headers).await;
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        if status == 401 {
            assert!(
                answer.head.contains("www-authenticate: bearer realm=\"localauth\""),
                "{answer:?}"
            );
        }
        assert_eq!(world.reached(), [] as [Value; 0], "{method} {target}");
    }
    assert_eq!(
        world
            .proxy
            .send("POST", "/re_isq", &[("authorization", &ada), ("content-length", "0")])
            .await
            .status,
        200
    );
}

async fn nobody_says_who_they_are_themselves(kind: ProxyKind) {
    let world = World::new(kind).await;
    let bob = world.key(world.bob, KeyScope::default()).await;
    let ada = world.ada.to_string();
    let spoofed = [
        ("x-auth-user", ada.as_str()),
        ("X-AUTH-ROLE", "admin"),
        ("x-auth-email", "ada@example.org"),
        ("x-auth-key", "none"),
        ("x_auth_user", ada.as_str()),
        ("x_auth_role", "admin"),
        ("X-Auth_Role", "admin"),
        ("x-auth-groups", "admins"),
    ];
    let mut with_key = spoofed.to_vec();
    with_key.push(("authorization", &bob));
    assert_eq!(world.get("/v1/models", &with_key).await.status, 200);
    let seen = only(world.reached());
    assert_eq!(seen["headers"]["x-auth-user"], world.bob.to_string());
    assert_eq!(seen["headers"]["x-auth-role"], "user");
    assert_eq!(seen["headers"]["x-auth-email"], "bob@example.org");
    let text = seen.to_string();
    assert!(!text.contains(&ada) && !text.contains("ada@"), "{text}");

    // On a public route, where nobody is known.
    assert_eq!(world.get("/api/auth/status", &spoofed).await.status, 200);
    let seen = only(world.reached());
    for name in [
        "x-auth-user",
        "x-auth-role",
        "x-auth-email",
        "x-auth-key",
        "x_auth_user",
        "x_auth_role",
    ] {
        let value = seen["headers"][name].as_str().unwrap_or_default();
        assert_eq!(value, "", "{name}");
    }

    // Nor what they ask for, nor from where.
    for forged in [
        &[("x-original-uri", "/v1/models"), ("x-original-method", "GET")][..],
        &[("x-forwarded-uri", "/v1/models"), ("x-forwarded-method", "GET")],
        &[("x-forwarded-uri", "/v1/models")],
    ] {
        let mut headers = forged.to_vec();
        headers.extend([("authorization", bob.as_str()), ("content-length", "0")]);
        assert_eq!(
            world.proxy.send("POST", "/re_isq", &headers).await.status,
            403,
            "{forged:?}"
        );
    }
    let bound = KeyScope {
        ips: Some(vec!["203.0.113.0/24".parse().unwrap()]),
        ..KeyScope::default()
    };
    let bound = world.key(world.bob, bound).await;
    let far = [("authorization", bound.as_str()), ("x-forwarded-for", "203.0.113.5")];
    assert_eq!(world.get("/v1/models", &far).await.status, 403);
    assert_eq!(world.reached(), [] as [Value; 0]);

    // Whoever reaches localauth itself is a proxy only if it is one of ours: this test is.
    let direct = reqwest::Client::new()
        .get(format!("http://{}/api/auth/verify", world.localauth))
        .header("authorization", &bob);
    assert_eq!(direct.send().await.unwrap().status(), 200);
}

async fn what_passes_is_what_was_judged(kind: ProxyKind) {
    let world = World::new(kind).await;
    let bob = world.key(world.bob, KeyScope::default()).await;
    let table = openai_routes(RouteTable::builder())
        .build(world.auth.features())
        .unwrap();
    let headers = [("authorization", bob.as_str()), ("content-length", "0")];
    for target in [
        "//re_isq",
        "/v1/models/../../re_isq",
        "/v1/models/..%2f..%2fre_isq",
        "/v1/models%2f..%2f..%2fre_isq",
        "/%72e_isq",
        "/re_isq%00",
        "/re_isq;x",
        "/;/re_isq",
        "/v1/models;/../../re_isq",
        "/v1/models\\..\\..\\re_isq",
        "/./re_isq",
        "/re_isq/.",
        "/re_isq/",
        "/re_isq#/v1/models",
        "/re_isq?/v1/models",
        "/v1/models?/../re_isq",
        "/RE_ISQ",
        "/v1//models/unload",
        "/v1/models//unload",
        "/v1/%2e%2e/re_isq",
        "/v1/..;/re_isq",
        "/_localauth",
        "/%5flocalauth",
        "//_localauth",
        "http://evil.example/re_isq",
        "http://127.0.0.1/re_isq",
        "*",
        "re_isq",
    ] {
        for method in ["GET", "POST", "post", "PROPFIND", "TRACE"] {
            let answer = world.proxy.send(method, target, &headers).await;
            for seen in world.reached() {
                let reached = seen["target"].as_str().unwrap();
                let path = reached.split('?').next().unwrap();
                let judged = seen["method"].as_str().unwrap().parse().unwrap();
                let rule = table.find(&judged, path);
                let bobs = ["/v1/models", "/models"];
                assert!(
                    is_plain_path(path) && rule.is_some() && bobs.contains(&path),
                    "{method} {target} reached {judged} {reached}: {answer:?}"
                );
            }
        }
    }
    for name in ["x-http-method-override", "X-HTTP-Method", "x-method-override"] {
        let mut headers = headers.to_vec();
        headers.push((name, "DELETE"));
        match world.proxy.send("POST", "/v1/chat/completions", &headers).await.status {
            // The proxy took it out before it asked.
            200 => {
                let seen = only(world.reached());
                assert_eq!(seen["headers"][name.to_lowercase()], Value::Null, "{name}");
            }
            // It asked with it, as the client had sent it.
            403 => assert!(world.reached().is_empty(), "{name}"),
            other => panic!("{name}: {other}"),
        }
    }
}

async fn another_site_does_nothing_in_a_browsers_name(kind: ProxyKind) {
    let world = World::new(kind).await;
    let sign_in = reqwest::Client::new()
        .post(format!("http://{}/api/auth/login", world.localauth))
        .json(&json!({"email": "bob@example.org", "password": PASSWORD}))
        .send()
        .await
        .unwrap();
    assert_eq!(sign_in.status(), 200);
    let cookies = sign_in.headers().get_all("set-cookie");
    let cookie = cookies.iter().find_map(|cookie| {
        let pair = cookie.to_str().unwrap().split(';').next()?;
        pair.starts_with("session=ss-").then(|| pair.to_owned())
    });
    let cookie = cookie.unwrap();
    let own = format!("http://{}", world.proxy.address);
    for (origin, status) in [
        (own.as_str(), 200),
        ("https://evil.example", 403),
        ("null", 403),
        ("http://127.0.0.1:1", 403),
    ] {
        let headers = [("cookie", cookie.as_str()), ("origin", origin), ("content-length", "0")];
        let answer = world.proxy.send("POST", "/v1/chat/completions", &headers).await;
        assert_eq!(answer.status, status, "{origin}: {answer:?}");
        assert_eq!(world.reached().len(), usize::from(status == 200), "{origin}");
        // That it says so itself is no help.
        let mut forged = headers.to_vec();
        forged.extend([("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https")]);
        let answer = world.proxy.send("POST", "/v1/chat/completions", &forged).await;
        assert_eq!(answer.status, status, "{origin}: {answer:?}");
        world.reached();
    }
    let websocket = [
        ("cookie", cookie.as_str()),
        ("origin", "https://evil.example"),
        ("upgrade", "websocket"),
    ];
    assert_eq!(world.get("/v1/models", &websocket).await.status, 403);
    assert_eq!(world.get("/v1/models", &websocket[..2]).await.status, 200, "only looks");
    assert_eq!(only(world.reached())["headers"]["cookie"], Value::Null);
}

macro_rules! by_each {
    ($($test:ident),+) => {
        mod nginx {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::ProxyKind::Nginx).await;
            })+
        }

        mod caddy {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::ProxyKind::Caddy).await;
            })+
        }
    };
}

by_each!(
    who_may_passes_and_who_may_not_does_not,
    nobody_says_who_they_are_themselves,
    what_passes_is_what_was_judged,
    another_site_does_nothing_in_a_browsers_name
);
