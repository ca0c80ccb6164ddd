//! Every route of every pack, and every kind of caller, through the real layers, in front of a model that only counts.

mod expected;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, body::Body, routing::any};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use localauth_core::{
    Auth, Caller, KeyScope, MemoryStore, ModelAllowList, NewKey, Period, Role, UsageFilter, UserId,
    policy::{
        ModelIn,
        packs::{Door, Engine, Route, pack},
    },
};
use openai_server::{
    app::{self, Doors, Model},
    health::Readiness,
    providers,
    settings::Settings,
};
use serde_json::Value;
use tower::ServiceExt as _;

use expected::{Expected, Is, expected};

/// The model that everybody asks for.
const MODEL: &str = "m";

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Anonymous,
    User,
    WithoutFeatures,
    WithoutModel,
    /// By a key that is for one feature.
    KeyOfEmbeddings,
    /// By a key that is for another model.
    KeyOfOtherModel,
    /// By a key that is for one route.
    KeyOfOneRoute,
    Admin,
    /// By a key that is for this model.
    AdminsKeyOfModel,
}

const EVERYBODY: [Who; 9] = [
    Who::Anonymous,
    Who::User,
    Who::WithoutFeatures,
    Who::WithoutModel,
    Who::KeyOfEmbeddings,
    Who::KeyOfOtherModel,
    Who::KeyOfOneRoute,
    Who::Admin,
    Who::AdminsKeyOfModel,
];

/// The oracle: what `who` is answered at a route that `is` such. It knows nothing of the layers.
fn answer(who: Who, is: Is) -> Result<(), (u16, &'static str)> {
    let is_about_model = matches!(is, Is::Look | Is::Work(_));
    match (who, is) {
        (Who::Anonymous, _) => Err((401, "missing_credentials")),
        (Who::KeyOfOneRoute, _) | (Who::AdminsKeyOfModel, Is::Admin | Is::AdminWork) => Err((403, "key_scope")),
        (_, Is::Shut) => Err((404, "unknown_route")),
        (Who::Admin | Who::AdminsKeyOfModel, _) => Ok(()),
        (_, Is::Admin | Is::AdminWork) => Err((403, "admin_required")),
        (Who::WithoutFeatures, Is::Work(_)) => Err((403, "feature_disabled")),
        (Who::KeyOfEmbeddings, Is::Work(feature)) if feature != "embeddings" => Err((403, "feature_disabled")),
        (Who::WithoutModel, _) if is_about_model => Err((403, "model_not_allowed")),
        (Who::KeyOfOtherModel, _) if is_about_model => Err((403, "key_scope")),
        _ => Ok(()),
    }
}

struct World {
    auth: Auth,
    keys: BTreeMap<Who, String>,
}

impl World {
    async fn new() -> Self {
        let auth = Auth::builder(MemoryStore::new()).background(false).build().unwrap();
        auth.follow_changes().await.unwrap();
        let mut world = Self {
            auth,
            keys: BTreeMap::new(),
        };
        let operator = Caller::operator();
        let names =
            |names: &[&str]| -> Option<BTreeSet<String>> { Some(names.iter().map(|&n| n.to_owned()).collect()) };
        let user = world.user("user").await;
        world.key(Who::User, user, KeyScope::default()).await;
        for (who, scope) in [
            (
                Who::KeyOfEmbeddings,
                KeyScope {
                    features: names(&["embeddings"]),
                    ..KeyScope::default()
                },
            ),
            (
                Who::KeyOfOtherModel,
                KeyScope {
                    models: names(&["other"]),
                    ..KeyScope::default()
                },
            ),
            (
                Who::KeyOfOneRoute,
                KeyScope {
                    routes: Some(vec!["GET /of/its/own".parse().unwrap()]),
                    ..KeyScope::default()
                },
            ),
        ] {
            world.key(who, user, scope).await;
        }
        let featureless = world.user("featureless").await;
        let features: Vec<String> = world.auth.features().iter().map(|f| f.key.to_owned()).collect();
        let off = features.into_iter().map(|feature| (feature, false)).collect();
        world.auth.set_permissions(&operator, featureless, &off).await.unwrap();
        world.key(Who::WithoutFeatures, featureless, KeyScope::default()).await;
        let modelless = world.user("modelless").await;
        let list = ModelAllowList {
            enabled: true,
            models: ["other".to_owned()].into(),
        };
        world.auth.set_models(&operator, modelless, list).await.unwrap();
        world.key(Who::WithoutModel, modelless, KeyScope::default()).await;
        let admin = world.user("admin").await;
        world.auth.set_role(&operator, admin, Role::Admin).await.unwrap();
        world.key(Who::Admin, admin, KeyScope::default()).await;
        let scope = KeyScope {
            models: names(&[MODEL]),
            ..KeyScope::default()
        };
        world.key(Who::AdminsKeyOfModel, admin, scope).await;
        world
    }

    async fn user(&self, name: &str) -> UserId {
        let user = self.auth.add_service_account(&Caller::operator(), name).await;
        user.unwrap().id
    }

    async fn key(&mut self, who: Who, user: UserId, scope: KeyScope) {
        let key = self
            .auth
            .create_key(user, NewKey::named("test").scoped(scope))
            .await
            .unwrap();
        self.keys.insert(who, key.plain.expose().to_owned());
    }

    /// The server in front of `engines`, and how often the model is reached.
    fn server(&self, engines: &[Engine]) -> (Router, Arc<AtomicUsize>) {
        let settings = Settings::new([], []).unwrap();
        let reached = Arc::new(AtomicUsize::new(0));
        let count = reached.clone();
        let echo = any(move || {
            count.fetch_add(1, Ordering::Relaxed);
            async { "" }
        });
        let model = Model {
            routes: Router::new().fallback(echo),
            names: vec![MODEL.to_owned()],
            engines: engines.to_vec(),
            ..Model::default()
        };
        let providers = providers::configure(&settings, &self.auth).unwrap();
        let doors = Doors::Accounts(self.auth.clone(), providers);
        let app = app::compose(&settings, doors, Readiness::default(), model).unwrap();
        (app, reached)
    }

    async fn counted(&self) -> u64 {
        let report = self.auth.usage_report(Period::All, UsageFilter::default()).await;
        report.unwrap().totals.requests
    }
}

/// A request to a route, as `key` would make it.
fn request(route: &Route, key: Option<&str>) -> Request<Body> {
    let path = route
        .pattern()
        .replace("{model}", MODEL)
        .replace("{*rest}", "info")
        .replace(['{', '}'], "");
    let query = match route.asks().model() {
        ModelIn::Query => "?model=m",
        _ => "",
    };
    let mut request = Request::builder().method(route.method()).uri(format!("{path}{query}"));
    if let Some(key) = key {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    let (content_type, body) = match route.asks().model() {
        _ if *route.method() != http::Method::POST => return request.body(Body::empty()).unwrap(),
        ModelIn::Form => (
            "multipart/form-data; boundary=B",
            "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--B--\r\n",
        ),
        ModelIn::BodyOrName => ("application/json", r#"{"name":"m"}"#),
        _ => ("application/json", r#"{"model":"m"}"#),
    };
    request
        .header(header::CONTENT_TYPE, content_type)
        .body(Body::from(body))
        .unwrap()
}

/// What a route is, by what is expected; in any engine's pack it is expected once, and only what is in the pack.
fn is(route: &Route, expected: &[Expected]) -> Is {
    let mut found = expected
        .iter()
        .filter(|(method, pattern, _)| route.method().as_str() == *method && route.pattern() == *pattern);
    let (_, _, is) = found
        .next()
        .unwrap_or_else(|| panic!("nothing is expected of {route:?}"));
    assert!(found.next().is_none(), "{route:?} is expected twice");
    *is
}

#[test]
fn every_route_is_expected_and_every_expectation_is_a_route() {
    for engine in Engine::ALL {
        let expected = expected(engine);
        for route in pack(engine).routes() {
            is(route, expected);
        }
        assert_eq!(pack(engine).routes().count(), expected.len(), "{engine}");
    }
}

#[tokio::test]
async fn every_route_of_every_pack_and_every_caller() {
    for engine in Engine::ALL {
        let world = World::new().await;
        let (app, reached) = world.server(&[engine]);
        let (mut passed, mut counted) = (0, 0);
        for route in pack(engine).routes() {
            let is = match is(route, expected(engine)) {
                // Ours: the engine's own is shut behind it.
                Is::Shut if route.pattern() == "/metrics" => Is::Admin,
                is => is,
            };
            for who in EVERYBODY {
                let shown = format!("{engine}: {who:?} {} {}", route.method(), route.pattern());
                let request = request(route, world.keys.get(&who).map(String::as_str));
                let response = app.clone().oneshot(request).await.unwrap();
                let status = response.status();
                let is_head = *route.method() == http::Method::HEAD;
                let body = response.into_body().collect().await.unwrap().to_bytes();
                match answer(who, is) {
                    Ok(()) => {
                        assert_eq!(status, StatusCode::OK, "{shown}: {body:?}");
                        // We answer it ourselves.
                        passed += usize::from(route.pattern() != "/metrics");
                        counted += u64::from(matches!(is, Is::Work(_) | Is::AdminWork));
                    }
                    Err((expected, code)) => {
                        assert_eq!(status, expected, "{shown}: {body:?}");
                        if !is_head {
                            let error: Value = serde_json::from_slice(&body).unwrap();
                            assert_eq!(error["error"]["code"], code, "{shown}");
                        }
                    }
                }
                assert_eq!(
                    reached.load(Ordering::Relaxed),
                    passed,
                    "{shown}: what is refused reaches nobody"
                );
            }
        }
        assert!(passed > 50, "{engine}: {passed}");
        assert_eq!(
            world.counted().await,
            counted,
            "{engine}: work is counted, and nothing else"
        );
    }
}

/// By other methods, spellings and ways around a route is another one, and nobody's.
#[tokio::test]
async fn beside_the_routes_there_is_nothing() {
    let world = World::new().await;
    for engine in Engine::ALL {
        let (app, reached) = world.server(&[engine]);
        let known = |method: &str, path: &str| {
            let table = app::routes(&[engine], false).build(world.auth.features()).unwrap();
            table.find(&method.parse().unwrap(), path).is_some()
        };
        for route in pack(engine).routes() {
            let path = request(route, None).uri().path().to_owned();
            let mut others: Vec<(&str, String)> = ["PUT", "PATCH", "TRACE", "PROPFIND"]
                .into_iter()
                .map(|method| (method, path.clone()))
                .collect();
            for path in [
                format!("{path}/"),
                format!("/{path}"),
                format!("{path};x=1"),
                path.to_uppercase(),
                path.replacen('/', "/./", 1),
                path.replacen('/', "/%2e%2e/", 1),
            ] {
                others.push((route.method().as_str(), path));
            }
            for (method, path) in others {
                if known(method, &path) {
                    // In another case or with another end it may be what a pattern leaves open, or a route of its own.
                    continue;
                }
                let request = Request::builder()
                    .method(method)
                    .uri(&path)
                    .header(header::AUTHORIZATION, format!("Bearer {}", world.keys[&Who::Admin]))
                    .body(Body::empty())
                    .unwrap();
                let status = app.clone().oneshot(request).await.unwrap().status();
                assert_eq!(status, StatusCode::NOT_FOUND, "{engine}: {method} {path}");
            }
        }
        assert_eq!(reached.load(Ordering::Relaxed), 0, "{engine}");
    }
}

/// In front of several engines at once nobody may do more than in front of the strictest.
#[tokio::test]
async fn all_packs_together() {
    let world = World::new().await;
    let (app, _) = world.server(&Engine::ALL);
    for engine in Engine::ALL {
        for route in pack(engine).routes().filter(|route| route.door() != Door::Closed) {
            for who in EVERYBODY {
                let strictest = Engine::ALL
                    .iter()
                    .filter_map(|engine| pack(*engine).find(route.method(), route.pattern()).zip(Some(*engine)))
                    .filter(|(route, _)| route.door() != Door::Closed)
                    .map(|(route, engine)| answer(who, is(route, expected(engine))));
                let refused = strictest.clone().find(Result::is_err);
                let request = request(route, world.keys.get(&who).map(String::as_str));
                let status = app.clone().oneshot(request).await.unwrap().status();
                let shown = format!("{who:?} {} {}", route.method(), route.pattern());
                assert_eq!(status == StatusCode::OK, refused.is_none(), "{shown}: {status}");
            }
        }
    }
}
