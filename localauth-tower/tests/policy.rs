//! `RequireAuth`, `RoutePolicy` and the gates together: every kind of caller at every kind of door.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Empty;
use localauth_core::policy::{Access, RouteTable, openai_routes};
use localauth_core::{Auth, Caller, MemoryStore, NewAccount, NewKey, Password, PasswordCost, Role, Status};
use localauth_tower::{RequireAdmin, RequireAuth, RequireFeature, RoutePolicy};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

type Body = Empty<Bytes>;

struct Callers {
    auth: Auth,
    store: MemoryStore,
    all: Vec<(&'static str, Option<String>)>,
}

async fn callers() -> Callers {
    let store = MemoryStore::new();
    let auth = Auth::builder(store.clone())
        .password_cost(PasswordCost::INSECURE)
        .build()
        .unwrap();
    auth.follow_changes().await.unwrap();
    let mut all = vec![("anonymous", None), ("wrong", Some("sk-local-wrong".to_owned()))];
    for (name, role) in [("user", Role::User), ("admin", Role::Admin), ("disabled", Role::Admin)] {
        let account = NewAccount::local(
            format!("{name}@example.org"),
            Password::new("correct-horse-battery-staple"),
        );
        let user = auth.add_user(NewAccount { role, ..account }).await.unwrap();
        if name == "disabled" {
            auth.set_status(&Caller::operator(), user.id, Status::Disabled)
                .await
                .unwrap();
        }
        let key = auth.create_key(user.id, NewKey::named(name)).await.unwrap().plain;
        all.push((name, Some(key.expose().to_owned())));
    }
    Callers { auth, store, all }
}

fn request(method: &Method, path: &str, key: Option<&str>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    request.body(Body::new()).unwrap()
}

async fn ok(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::new()))
}

fn expected(access: Option<&Access>, caller: &str) -> u16 {
    match (access, caller) {
        (Some(Access::Public), _) => 200,
        (_, "anonymous" | "wrong") => 401,
        (_, "disabled") | (Some(Access::Admin), "user") => 403,
        (None, _) => 404,
        _ => 200,
    }
}

/// The table itself says what is tried: a route added to it is tried too.
#[tokio::test]
async fn every_route_and_every_caller() {
    let world = callers().await;
    let builder = openai_routes(RouteTable::builder()).public(Method::GET, "/healthz");
    let rules = builder.rules().to_vec();
    let table = builder.build(world.auth.features()).unwrap();
    let service = ServiceBuilder::new()
        .layer(RequireAuth::new(&world.auth).allow_anonymous())
        .layer(RoutePolicy::new(table))
        .service(service_fn(ok));
    let mut tried = 0;
    for rule in &rules {
        let path = rule
            .pattern()
            .replace("{*rest}", "info")
            .replace("{id}", "resp_1")
            .replace("{model}", "m");
        for (caller, key) in &world.all {
            let response = service
                .clone()
                .oneshot(request(rule.method(), &path, key.as_deref()))
                .await
                .unwrap();
            let expected = expected(Some(rule.access()), caller);
            assert_eq!(response.status(), expected, "{caller}: {} {path}", rule.method());
            tried += 1;
        }
        // The same door by another method is nobody's.
        for (caller, key) in &world.all {
            let response = service
                .clone()
                .oneshot(request(&Method::PATCH, &path, key.as_deref()))
                .await
                .unwrap();
            assert_eq!(response.status(), expected(None, caller), "{caller}: PATCH {path}");
        }
    }
    assert!(tried > 100, "{tried}");
    for path in [
        "/",
        "/metrics",
        "/docs",
        "/v1",
        "/v1/files",
        "/v1/models/",
        "//v1/models",
        "/v1/%6dodels",
    ] {
        for (caller, key) in &world.all {
            let response = service
                .clone()
                .oneshot(request(&Method::GET, path, key.as_deref()))
                .await
                .unwrap();
            assert_eq!(response.status(), expected(None, caller), "{caller}: GET {path}");
        }
    }
}

#[tokio::test]
async fn an_outage_closes_all_but_public_doors() {
    let world = callers().await;
    let table = RouteTable::builder()
        .public(Method::GET, "/healthz")
        .signed_in(Method::GET, "/me")
        .build(world.auth.features())
        .unwrap();
    let service = ServiceBuilder::new()
        .layer(RequireAuth::new(&world.auth).allow_anonymous())
        .layer(RoutePolicy::new(table))
        .service(service_fn(ok));
    world.store.set_outage(true);
    let key = world.all[2].1.as_deref();
    for (path, status) in [("/healthz", 200), ("/me", 503), ("/nowhere", 503)] {
        let response = service.clone().oneshot(request(&Method::GET, path, key)).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
    }
}

/// A gate that somebody forgot to put inside `RequireAuth` lets nobody in.
#[tokio::test]
async fn gates_without_require_auth_refuse_everybody() {
    let world = callers().await;
    let key = world.all[3].1.as_deref();
    let admin = ServiceBuilder::new().layer(RequireAdmin::new()).service(service_fn(ok));
    assert_eq!(
        admin.oneshot(request(&Method::GET, "/", key)).await.unwrap().status(),
        401
    );
    let feature = ServiceBuilder::new()
        .layer(RequireFeature::new("chat"))
        .service(service_fn(ok));
    assert_eq!(
        feature.oneshot(request(&Method::GET, "/", key)).await.unwrap().status(),
        401
    );
    let table = RouteTable::builder()
        .signed_in(Method::GET, "/")
        .build(world.auth.features())
        .unwrap();
    let policy = ServiceBuilder::new()
        .layer(RoutePolicy::new(table))
        .service(service_fn(ok));
    assert_eq!(
        policy.oneshot(request(&Method::GET, "/", key)).await.unwrap().status(),
        401
    );
}
