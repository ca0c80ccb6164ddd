use axum::{
    Router,
    extract::Request,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use http::{HeaderMap, Method};
use localauth_core::{Auth, Caller, Denial, KeyScope, MemoryStore, ModelAllowList, NewKey, UserId};
use tower::ServiceExt;

use super::*;
use crate::{
    app::{Doors, Model, compose},
    health::Readiness,
    model::{
        errors::shape,
        inspect::{Inspect, inspect},
    },
    settings::Settings,
};

const PATHS: [&str; 6] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/images/generations",
    "/v1/audio/speech",
];
const SHARED_KEY: &str = "a-shared-key-of-the-administrators";
const LIST: &str =
    r#"{"object":"list","data":[{"id":"default"},{"id":"demo","status":"loaded"},{"id":"a"},{"id":"b"}]}"#;

struct World {
    auth: Auth,
    settings: Settings,
}

fn settings(of: &[(&str, &str)]) -> Settings {
    let flags = of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::new(flags, Vec::new()).unwrap()
}

fn names(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

impl World {
    async fn new() -> Self {
        let auth = Auth::builder(MemoryStore::new())
            .shared_key(SHARED_KEY)
            .background(false)
            .build()
            .unwrap();
        auth.follow_changes().await.unwrap();
        Self {
            auth,
            settings: settings(&[("--max-body", "1000")]),
        }
    }

    async fn user(&self, name: &str) -> UserId {
        let user = self.auth.add_service_account(&Caller::operator(), name).await;
        user.unwrap().id
    }

    async fn key(&self, user: UserId, scope: KeyScope) -> String {
        let key = self.auth.create_key(user, NewKey::named("test").scoped(scope)).await;
        key.unwrap().plain.expose().to_owned()
    }

    /// A key of a user who may use these models.
    async fn limited_to(&self, models: &[&str]) -> String {
        let user = self.user("limited").await;
        let list = ModelAllowList {
            enabled: true,
            models: names(models),
        };
        self.auth.set_models(&Caller::operator(), user, list).await.unwrap();
        self.key(user, KeyScope::default()).await
    }

    /// The whole server around the routes of a model, which tell what came to them.
    fn app(&self, doors: Doors) -> Router {
        let mut routes = Router::new().route(
            "/v1/models",
            get(|| async { ([(header::CONTENT_TYPE, "application/json")], LIST) }),
        );
        for path in PATHS {
            routes = routes.route(path, post(async |body: String| body));
        }
        let by = Inspect {
            max_body: self.settings.max_body,
            models: Models::new("demo"),
        };
        let model = Model {
            routes: routes
                .layer(from_fn_with_state(by, inspect))
                .layer(from_fn_with_state(self.settings.error_code, shape)),
            names: Vec::new(),
            default: Some("demo".to_owned()),
            ..Model::default()
        };
        compose(&self.settings, doors, Readiness::default(), model).unwrap()
    }

    async fn send(&self, key: Option<&str>, method: Method, path: &str, body: &str) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json");
        let mut doors = Doors::Open;
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
            doors = Doors::SharedKeys(self.auth.clone());
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (parts, body) = self.app(doors).oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    /// The status of each answer must be this one.
    async fn expect(&self, key: &str, status: u16, asked: &[(&str, &str)]) {
        for (query, body) in asked {
            for path in PATHS {
                let path = format!("{path}{query}");
                let (got, _, answer) = self.send(Some(key), Method::POST, &path, body).await;
                assert_eq!(got, status, "{path} {body}: {answer}");
            }
        }
    }

    async fn listed(&self, key: Option<&str>) -> Vec<String> {
        let (status, _, body) = self.send(key, Method::GET, "/v1/models", "").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let list: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(list["object"], "list");
        let ids = list["data"].as_array().unwrap().iter();
        ids.map(|model| model["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn a_model_is_allowed_or_refused() {
    let world = World::new().await;
    let key = world.limited_to(&["a"]).await;
    world
        .expect(&key, 200, &[("", r#"{"model":"a"}"#), ("?model=a", r#"{"model":"a"}"#)])
        .await;
    let refused = [
        ("", r#"{"model":"b"}"#),
        ("", r#"{"model":"A"}"#),
        ("", r#"{"model":" a"}"#),
        ("", r#"{"model":""}"#),
        // The default model is a model like any other.
        ("", r#"{"model":"demo"}"#),
        ("", r#"{"model":"default"}"#),
        ("", r#"{"model":null}"#),
        ("", "{}"),
    ];
    world.expect(&key, 403, &refused).await;
    world.expect(&key, 400, &[("", r#"{"model":7}"#)]).await;
}

#[tokio::test]
async fn the_default_model_has_its_name() {
    let world = World::new().await;
    let key = world.limited_to(&["demo"]).await;
    let allowed = [
        ("", "{}"),
        ("", r#"{"model":null}"#),
        ("", r#"{"model":"default"}"#),
        ("", r#"{"model":"demo"}"#),
        ("?model=demo", "{}"),
    ];
    world.expect(&key, 200, &allowed).await;
    let (_, _, body) = world
        .send(Some(&key), Method::POST, "/v1/completions", r#"{"model":null}"#)
        .await;
    assert_eq!(body, "{}", "mistral.rs knows no null");
    // `default` on a list is a name like any other, and not what `default` means.
    let key = world.limited_to(&["default"]).await;
    world.expect(&key, 403, &[("", r#"{"model":"default"}"#)]).await;
}

#[tokio::test]
async fn what_is_ambiguous_does_not_reach_the_model() {
    let world = World::new().await;
    let key = world.limited_to(&["a", "demo"]).await;
    let ambiguous = [
        ("", r#"{"model":"a","model":"a"}"#),
        ("", r#"{"model":"b","model":"a"}"#),
        ("", r#"{"model":"a","mod\u0065l":"b"}"#),
        ("", r#"{"model":"a","Model":"b"}"#),
        ("", r#"{"mod\u0065l":"b"}"#),
        ("?model=b", r#"{"model":"a"}"#),
        ("?model=a", "{}"),
        ("?mod%65l=b", r#"{"model":"a"}"#),
        ("?model=a&Model=b", r#"{"model":"a"}"#),
    ];
    world.expect(&key, 400, &ambiguous).await;
    world.expect(SHARED_KEY, 400, &ambiguous).await;
    let (_, _, body) = world
        .send(Some(&key), Method::POST, "/v1/completions?model=b", r#"{"model":"a"}"#)
        .await;
    let error: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(error["error"]["type"], "invalid_request_error", "{body}");
    assert_eq!(error["error"]["code"], "ambiguous_request", "{body}");

    // Without auth nothing depends on it. What is forwarded is clear all the same.
    let (status, _, body) = world
        .send(None, Method::POST, "/v1/completions", r#"{"model":"a","model":"b"}"#)
        .await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"model":"b"}"#));
}

#[tokio::test]
async fn a_refusal_is_that_of_the_contract() {
    let mut world = World::new().await;
    let key = world.limited_to(&[]).await;
    let (status, headers, body) = world.send(Some(&key), Method::POST, "/v1/embeddings", "{}").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    let error: Value = serde_json::from_str(&body).unwrap();
    let expected = json!({"error": {
        "message": Denial::ModelNotAllowed.to_string(),
        "type": "authorization_error",
        "param": null,
        "code": "model_not_allowed",
    }});
    assert_eq!(error, expected);

    world.settings = settings(&[("--error-code", "number")]);
    let (_, _, body) = world.send(Some(&key), Method::POST, "/v1/embeddings", "{}").await;
    assert!(body.contains(r#""code":403"#), "{body}");
    world.settings = settings(&[("--opaque-errors", "true")]);
    let (status, _, body) = world.send(Some(&key), Method::POST, "/v1/embeddings", "{}").await;
    assert_eq!((status, body.as_str()), (StatusCode::FORBIDDEN, ""));
}

#[tokio::test]
async fn administrators_and_users_without_a_list_have_all_models() {
    let world = World::new().await;
    let user = world.user("free").await;
    let key = world.key(user, KeyScope::default()).await;
    for key in [SHARED_KEY, &key] {
        world.expect(key, 200, &[("", r#"{"model":"b"}"#), ("", "{}")]).await;
        assert_eq!(world.listed(Some(key)).await, ["default", "demo", "a", "b"]);
    }
    // A list does not bind an administrator.
    let list = ModelAllowList {
        enabled: true,
        models: names(&["a"]),
    };
    let operator = Caller::operator();
    world.auth.set_models(&operator, user, list).await.unwrap();
    world.expect(&key, 403, &[("", r#"{"model":"b"}"#)]).await;
    let admin = localauth_core::Role::Admin;
    world.auth.set_role(&operator, user, admin).await.unwrap();
    world.expect(&key, 200, &[("", r#"{"model":"b"}"#)]).await;
}

#[tokio::test]
async fn a_key_can_be_narrower_than_its_owner() {
    let world = World::new().await;
    let user = world.user("owner").await;
    let scope = KeyScope {
        models: Some(names(&["b"])),
        ..KeyScope::default()
    };
    let key = world.key(user, scope).await;
    world.expect(&key, 200, &[("", r#"{"model":"b"}"#)]).await;
    world.expect(&key, 403, &[("", r#"{"model":"a"}"#), ("", "{}")]).await;
    assert_eq!(world.listed(Some(&key)).await, ["b"]);
}

#[tokio::test]
async fn without_auth_nothing_is_held_back() {
    let world = World::new().await;
    for path in PATHS {
        let (status, ..) = world.send(None, Method::POST, path, r#"{"model":"b"}"#).await;
        assert_eq!(status, StatusCode::OK, "{path}");
    }
    let (_, _, body) = world.send(None, Method::GET, "/v1/models", "").await;
    assert_eq!(body, LIST);
}

#[tokio::test]
async fn the_list_has_what_the_caller_may_use() {
    let world = World::new().await;
    for (allowed, expected) in [
        (&["a"][..], &["a"][..]),
        (&["demo"], &["default", "demo"]),
        (&["default"], &[]),
        (&[], &[]),
    ] {
        let key = world.limited_to(allowed).await;
        assert_eq!(world.listed(Some(&key)).await, expected);
        let (_, headers, body) = world.send(Some(&key), Method::HEAD, "/v1/models", "").await;
        assert_eq!(body, "");
        let tells = headers.get(header::CONTENT_LENGTH);
        let whole = LIST.len().to_string();
        assert!(
            tells.is_none_or(|length| length.as_bytes() != whole.as_bytes()),
            "{headers:?}"
        );
    }
}
