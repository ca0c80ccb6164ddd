//! What makes it a correct tower service, and what it tells the inner one.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use localauth_core::{Auth, Denial, MemoryStore, NewAccount, NewKey, Password, PasswordCost, PlainKey};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use super::RequireAuth;
use crate::CurrentUser;

async fn world() -> (Auth, MemoryStore, PlainKey) {
    let store = MemoryStore::new();
    let auth = Auth::builder(store.clone())
        .password_cost(PasswordCost::INSECURE)
        .build()
        .unwrap();
    auth.follow_changes().await.unwrap();
    let account = NewAccount::local("ada@example.org", Password::new("correct-horse-battery-staple"));
    let user = auth.add_user(account).await.unwrap();
    let key = auth.create_key(user.id, NewKey::named("test")).await.unwrap().plain;
    (auth, store, key)
}

type Body = Empty<Bytes>;

fn with_key(key: &str) -> Request<Body> {
    Request::get("/x")
        .header("authorization", format!("Bearer {key}"))
        .body(Body::new())
        .unwrap()
}

async fn says_who(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let mut response = Response::new(Body::new());
    if let Some(user) = request.extensions().get::<CurrentUser>() {
        response
            .headers_mut()
            .insert("x-user", HeaderValue::from_str(user.email()).unwrap());
    }
    Ok(response)
}

/// A service that must be asked whether it is ready before each call, and whose clones have not been.
struct Strict {
    ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            calls: Arc::clone(&self.calls),
        }
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being asked first");
        self.calls.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Response::new(Body::new())))
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_the_one_that_is_called() {
    let (auth, _, key) = world().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let mut service = RequireAuth::new(&auth).layer(Strict {
        ready: false,
        calls: Arc::clone(&calls),
    });
    // The first is looked up, the others are hits: each path must keep the promise.
    for n in 1..=3 {
        let response = service
            .ready()
            .await
            .unwrap()
            .call(with_key(key.expose()))
            .await
            .unwrap();
        assert_eq!((response.status(), calls.load(Ordering::SeqCst)), (StatusCode::OK, n));
    }
    let response = service
        .ready()
        .await
        .unwrap()
        .call(with_key("sk-local-x"))
        .await
        .unwrap();
    assert_eq!(
        (response.status(), calls.load(Ordering::SeqCst)),
        (StatusCode::UNAUTHORIZED, 3)
    );
}

#[tokio::test]
async fn readiness_and_its_errors_are_the_inner_services() {
    struct Never;
    impl Clone for Never {
        fn clone(&self) -> Self {
            Self
        }
    }
    impl Service<Request<Body>> for Never {
        type Response = Response<Body>;
        type Error = &'static str;
        type Future = Ready<Result<Response<Body>, &'static str>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
            Poll::Ready(Err("overloaded"))
        }
        fn call(&mut self, _: Request<Body>) -> Self::Future {
            ready(Err("called"))
        }
    }
    let (auth, _, _) = world().await;
    let mut service = RequireAuth::new(&auth).layer(Never);
    assert_eq!(service.ready().await.err(), Some("overloaded"));
}

#[tokio::test]
async fn the_identity_is_there_and_a_forged_one_is_not() {
    let (auth, _, key) = world().await;
    let (ada, mallory) = (key, world().await);
    let service = RequireAuth::new(&auth).layer(service_fn(says_who));
    let response = service.clone().oneshot(with_key(ada.expose())).await.unwrap();
    assert_eq!(response.headers()["x-user"], "ada@example.org");
    // An identity that something outside put there does not pass for one that was checked here.
    let other = mallory
        .0
        .authenticate(with_key(mallory.2.expose()).headers())
        .await
        .unwrap();
    let mut forged = Request::new(Body::new());
    forged.extensions_mut().insert(CurrentUser::new(other, None));
    let open = RequireAuth::new(&auth).allow_anonymous().layer(service_fn(says_who));
    let response = open.oneshot(forged).await.unwrap();
    assert!(response.headers().get("x-user").is_none());
}

#[tokio::test]
async fn refusals_carry_status_challenge_body_and_reason() {
    let (auth, store, key) = world().await;
    let service = RequireAuth::new(&auth).layer(service_fn(says_who));
    let nothing = Request::new(Body::new());
    for (request, status, code, challenge) in [
        (nothing, 401, "missing_credentials", Some("Bearer realm=\"localauth\"")),
        (
            with_key("sk-local-x"),
            401,
            "invalid_api_key",
            Some("Bearer realm=\"localauth\", error=\"invalid_token\""),
        ),
        (
            with_key("ss-local-x"),
            401,
            "invalid_session",
            Some("Bearer realm=\"localauth\", error=\"invalid_token\""),
        ),
    ] {
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{code}");
        assert_eq!(
            response.headers().get("www-authenticate").map(|v| v.to_str().unwrap()),
            challenge,
            "{code}"
        );
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.extensions().get::<Denial>().unwrap().code(), code);
        let body: serde_json::Value =
            serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
        assert_eq!(body["error"]["code"], code);
        assert_eq!(body["error"]["type"], "authentication_error");
        assert!(body["error"]["param"].is_null() && body["error"]["message"].is_string());
    }
    store.set_outage(true);
    let response = service.oneshot(with_key(key.expose())).await.unwrap();
    assert_eq!(response.status(), 503, "a store failure is never a 401");
    assert!(response.headers().get("www-authenticate").is_none());
    assert_eq!(response.headers()["retry-after"], "1");
}

#[tokio::test]
async fn secrets_are_hidden_from_whoever_prints_the_headers() {
    let (auth, _, key) = world().await;
    let seen = Arc::new(AtomicBool::new(false));
    let service = RequireAuth::new(&auth).layer(service_fn({
        let seen = Arc::clone(&seen);
        move |request: Request<Body>| {
            seen.store(
                format!("{:?}", request.headers()).contains("sk-local-"),
                Ordering::SeqCst,
            );
            ready(Ok::<_, Infallible>(Response::new(Body::new())))
        }
    }));
    for (name, value) in [
        ("authorization", format!("Bearer {}", key.expose())),
        ("x-api-key", key.expose().to_owned()),
        ("xi-api-key", key.expose().to_owned()),
        ("cookie", format!("token={}", key.expose())),
    ] {
        let request = Request::get("/").header(name, value).body(Body::new()).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 200);
        assert!(!seen.load(Ordering::SeqCst), "{name}");
    }
}
