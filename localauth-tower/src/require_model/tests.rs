use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use localauth_core::{Auth, Caller, Denial, KeyScope, MemoryStore, ModelAllowList, NewKey, UserId};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use super::RequireModel;
use crate::{Inspect, RequireAuth};

const SHARED_KEY: &str = "a-shared-key-of-the-administrators";

async fn world() -> Auth {
    let auth = Auth::builder(MemoryStore::new())
        .shared_key(SHARED_KEY)
        .background(false)
        .build()
        .unwrap();
    auth.follow_changes().await.unwrap();
    auth
}

async fn user(auth: &Auth, models: Option<&[&str]>) -> UserId {
    let operator = Caller::operator();
    let user = auth.add_service_account(&operator, "user").await.unwrap().id;
    if let Some(models) = models {
        let list = ModelAllowList {
            enabled: true,
            models: models.iter().map(|&name| name.to_owned()).collect(),
        };
        auth.set_models(&operator, user, list).await.unwrap();
    }
    user
}

async fn key(auth: &Auth, user: UserId, models: Option<&[&str]>) -> String {
    let scope = KeyScope {
        models: models.map(|models| models.iter().map(|&name| name.to_owned()).collect()),
        ..KeyScope::default()
    };
    let key = auth
        .create_key(user, NewKey::named("test").scoped(scope))
        .await
        .unwrap();
    key.plain.expose().to_owned()
}

async fn answer<B>(_: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::default()))
}

fn post(key: &str, body: &str) -> Request<Full<Bytes>> {
    Request::post("/v1/chat/completions")
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(body.to_owned()))
        .unwrap()
}

/// What each of `bodies` is refused for, with `default` as the default model.
async fn refused(auth: &Auth, default: Option<&str>, key: &str, bodies: &[&str]) -> Vec<Option<Denial>> {
    let mut inspect = Inspect::new();
    if let Some(default) = default {
        inspect = inspect.default_model(default);
    }
    let service = ServiceBuilder::new()
        .layer(RequireAuth::new(auth))
        .layer(inspect)
        .layer(RequireModel::new())
        .service(service_fn(answer));
    let mut refused = Vec::new();
    for body in bodies {
        let response = service.clone().oneshot(post(key, body)).await.unwrap();
        let denial = response.extensions().get::<Denial>().copied();
        assert_eq!(response.status().is_success(), denial.is_none(), "{body}");
        refused.push(denial);
    }
    refused
}

const NOT_ALLOWED: Option<Denial> = Some(Denial::ModelNotAllowed);
const SCOPE: Option<Denial> = Some(Denial::KeyScope);

#[tokio::test]
async fn the_user_and_the_key_both_have_a_say() {
    let auth = world().await;
    let bodies = [
        r#"{"model":"a"}"#,
        r#"{"model":"b"}"#,
        r#"{"model":"c"}"#,
        r#"{"model":"A"}"#,
    ];
    for (of_user, of_key, expected) in [
        (None, None, [None; 4]),
        (Some(&["a", "b"][..]), None, [None, None, NOT_ALLOWED, NOT_ALLOWED]),
        (None, Some(&["a"][..]), [None, SCOPE, SCOPE, SCOPE]),
        (Some(&["a", "b"]), Some(&["a"]), [None, SCOPE, NOT_ALLOWED, NOT_ALLOWED]),
        (Some(&[]), None, [NOT_ALLOWED; 4]),
    ] {
        let user = user(&auth, of_user).await;
        let key = key(&auth, user, of_key).await;
        assert_eq!(
            refused(&auth, None, &key, &bodies).await,
            expected,
            "{of_user:?} {of_key:?}"
        );
    }
    assert_eq!(refused(&auth, None, SHARED_KEY, &bodies).await, [None; 4]);
}

#[tokio::test]
async fn no_model_is_the_default_model() {
    let auth = world().await;
    let none = ["{}", r#"{"model":null}"#, r#"{"model":"default"}"#];
    let user_of_demo = user(&auth, Some(&["demo"])).await;
    let demo = key(&auth, user_of_demo, None).await;
    assert_eq!(refused(&auth, Some("demo"), &demo, &none).await, [None; 3]);
    assert_eq!(refused(&auth, Some("other"), &demo, &none).await, [NOT_ALLOWED; 3]);
    // Where there is none, only who may use all may use whatever it comes to.
    assert_eq!(refused(&auth, None, &demo, &none).await, [NOT_ALLOWED; 3]);
    assert_eq!(refused(&auth, None, SHARED_KEY, &none).await, [None; 3]);
    // `default` on a list is a name like any other, and not what `default` means.
    let user_of_default = user(&auth, Some(&["default"])).await;
    let default = key(&auth, user_of_default, None).await;
    assert_eq!(refused(&auth, Some("demo"), &default, &none).await, [NOT_ALLOWED; 3]);
}

#[tokio::test]
async fn what_was_not_inspected_is_refused() {
    let auth = world().await;
    let service = ServiceBuilder::new()
        .layer(RequireAuth::new(&auth))
        .layer(RequireModel::new())
        .service(service_fn(answer));
    let response = service.clone().oneshot(post(SHARED_KEY, "{}")).await.unwrap();
    assert_eq!(response.extensions().get::<Denial>(), Some(&Denial::ModelNotAllowed));
    let mut get = post(SHARED_KEY, "");
    *get.method_mut() = http::Method::GET;
    assert_eq!(service.oneshot(get).await.unwrap().status(), 200);
}

#[tokio::test]
async fn nobody_may_use_a_model() {
    let auth = world().await;
    let alone = ServiceBuilder::new()
        .layer(Inspect::new())
        .layer(RequireModel::new())
        .service(service_fn(answer));
    let response = alone.oneshot(post(SHARED_KEY, "{}")).await.unwrap();
    assert_eq!(response.extensions().get::<Denial>(), Some(&Denial::MissingCredentials));
    let anonymous = ServiceBuilder::new()
        .layer(RequireAuth::new(&auth).allow_anonymous())
        .layer(Inspect::new())
        .layer(RequireModel::new())
        .service(service_fn(answer));
    let response = anonymous.oneshot(post("sk-local-x", "{}")).await.unwrap();
    assert_eq!(response.extensions().get::<Denial>(), Some(&Denial::InvalidApiKey));
}
