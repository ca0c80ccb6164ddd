use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, StreamBody, combinators::BoxBody};
use localauth_core::policy::RouteTable;
use localauth_core::{Auth, FairQueue, Identity, MemoryStore, NewAccount, NewKey, Password, PasswordCost, Place};
use tower::{Service, ServiceBuilder, ServiceExt as _, service_fn};

use super::*;
use crate::{CurrentUser, RoutePolicy};

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// Somebody, as `RequireAuth` would have found them.
async fn somebody(auth: &Auth, name: &str) -> Arc<Identity> {
    let account = NewAccount::local(format!("{name}@example.org"), Password::new("correct-horse-battery"));
    let user = auth.add_user(account).await.unwrap();
    let key = auth.create_key(user.id, NewKey::named("laptop")).await.unwrap();
    let headers = http::HeaderMap::from_iter([(
        http::HeaderName::from_static("x-api-key"),
        key.plain.expose().parse().unwrap(),
    )]);
    auth.authenticate(&headers).await.unwrap()
}

fn auth() -> Auth {
    Auth::builder(MemoryStore::new())
        .password_cost(PasswordCost::INSECURE)
        .build()
        .unwrap()
}

fn ask(identity: &Arc<Identity>, method: Method) -> Request<()> {
    let mut request = Request::builder()
        .method(method)
        .uri("/v1/chat/completions")
        .body(())
        .unwrap();
    request
        .extensions_mut()
        .insert(CurrentUser::new(identity.clone(), None));
    request
}

/// Answers with a stream of three pieces that ends, or never does.
fn model(ends: bool) -> impl Service<Request<()>, Response = Answer, Error = Infallible, Future: Send> + Clone {
    service_fn(move |_: Request<()>| async move {
        let pieces = stream::iter((0..3).map(|_| Ok(Frame::data(Bytes::from_static(b"x")))));
        let body = if ends {
            StreamBody::new(pieces).boxed()
        } else {
            StreamBody::new(futures_util::StreamExt::chain(pieces, stream::pending())).boxed()
        };
        Ok(Response::new(body))
    })
}

#[tokio::test]
async fn a_place_is_held_until_the_answer_has_ended() {
    let auth = auth();
    let ada = somebody(&auth, "ada").await;
    let queue = Arc::new(FairQueue::new(1));
    let service = ServiceBuilder::new()
        .layer(FairShare::new(queue.clone()))
        .service(model(true));
    let answer = service.clone().oneshot(ask(&ada, Method::POST)).await.unwrap();
    assert!(!answer.headers().contains_key("x-queue-position"), "it did not wait");
    let mut body = answer.into_body();
    for _ in 0..3 {
        assert_eq!(queue.in_use(), 1);
        body.frame().await.unwrap().unwrap();
    }
    assert!(body.frame().await.is_none());
    assert_eq!(queue.in_use(), 0);
}

#[tokio::test]
async fn a_place_is_free_when_the_answer_is_dropped_or_has_no_body() {
    let auth = auth();
    let ada = somebody(&auth, "ada").await;
    let queue = Arc::new(FairQueue::new(1));
    let service = ServiceBuilder::new()
        .layer(FairShare::new(queue.clone()))
        .service(model(false));
    let mut answer = service.oneshot(ask(&ada, Method::POST)).await.unwrap();
    answer.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(queue.in_use(), 1);
    drop(answer);
    assert_eq!(queue.in_use(), 0);

    let empty = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
    let service = ServiceBuilder::new()
        .layer(FairShare::new(queue.clone()))
        .service(empty);
    let _answer = service.oneshot(ask(&ada, Method::POST)).await.unwrap();
    assert_eq!(queue.in_use(), 0);
}

#[tokio::test]
async fn a_place_is_free_when_the_service_fails() {
    let auth = auth();
    let ada = somebody(&auth, "ada").await;
    let queue = Arc::new(FairQueue::new(1));
    let fails = service_fn(async |_: Request<()>| Err::<Response<Empty<Bytes>>, _>("on purpose"));
    let service = ServiceBuilder::new()
        .layer(FairShare::new(queue.clone()))
        .service(fails);
    assert!(service.oneshot(ask(&ada, Method::POST)).await.is_err());
    assert_eq!(queue.in_use(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_waited_is_told_so() {
    let auth = auth();
    let (ada, bob) = (somebody(&auth, "ada").await, somebody(&auth, "bob").await);
    let queue = Arc::new(FairQueue::new(1));
    let service = ServiceBuilder::new()
        .layer(FairShare::new(queue.clone()))
        .service(model(true));
    let first = service.clone().oneshot(ask(&ada, Method::POST)).await.unwrap();
    let second = tokio::spawn(service.oneshot(ask(&bob, Method::POST)));
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_millis(1_500)).await;
    drop(first);
    let second = second.await.unwrap().unwrap();
    assert_eq!(second.status(), StatusCode::OK);
    assert_eq!(second.headers()["x-queue-position"], "1");
    assert_eq!(second.headers()["x-queue-wait-ms"], "1500");
}

#[tokio::test(start_paused = true)]
async fn refusals_are_of_the_contract() {
    let auth = auth();
    let ada = somebody(&auth, "ada").await;
    let queue = Arc::new(FairQueue::new(1).waiting(1).patience(Duration::from_secs(2)));
    let service = ServiceBuilder::new()
        .layer(FairShare::new(queue.clone()))
        .service(model(false));
    let _first = service.clone().oneshot(ask(&ada, Method::POST)).await.unwrap();
    let waiting = tokio::spawn(service.clone().oneshot(ask(&ada, Method::POST)));
    tokio::task::yield_now().await;

    let full = service.oneshot(ask(&ada, Method::POST)).await.unwrap();
    let too_long = waiting.await.unwrap().unwrap();
    for (answer, position, waited) in [(full, "2", "0"), (too_long, "1", "2000")] {
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()["x-queue-position"], position);
        assert_eq!(answer.headers()["x-queue-wait-ms"], waited);
        assert!(
            answer.headers()["retry-after"]
                .to_str()
                .unwrap()
                .parse::<u64>()
                .unwrap()
                > 0
        );
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(
            String::from_utf8_lossy(&body).contains("\"rate_limit_exceeded\""),
            "{body:?}"
        );
    }
    assert_eq!((queue.in_use(), queue.waiting_now()), (1, 0));
}

#[tokio::test]
async fn a_client_that_leaves_while_it_waits_leaves_the_queue() {
    let auth = auth();
    let ada = somebody(&auth, "ada").await;
    let queue = Arc::new(FairQueue::new(1));
    let service = ServiceBuilder::new()
        .layer(FairShare::new(queue.clone()))
        .service(model(false));
    let _first = service.clone().oneshot(ask(&ada, Method::POST)).await.unwrap();
    let mut waiting = Box::pin(service.oneshot(ask(&ada, Method::POST)));
    assert!((&mut waiting).now_or_never().is_none());
    assert_eq!(queue.waiting_now(), 1);
    drop(waiting);
    assert_eq!((queue.in_use(), queue.waiting_now()), (1, 0));
}

/// A handler that goes on when its client has left keeps the place.
#[tokio::test]
async fn the_place_goes_with_the_work() {
    let auth = auth();
    let ada = somebody(&auth, "ada").await;
    let queue = Arc::new(FairQueue::new(1));
    let (sent, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let works_on = service_fn(move |request: Request<()>| {
        let sent = sent.clone();
        async move {
            sent.send(request.extensions().get::<Arc<Place>>().cloned()).unwrap();
            std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>().await
        }
    });
    let service = ServiceBuilder::new()
        .layer(FairShare::new(queue.clone()))
        .service(works_on);
    let mut asked = Box::pin(service.oneshot(ask(&ada, Method::POST)));
    assert!((&mut asked).now_or_never().is_none());
    drop(asked);
    let place = kept.recv().await.flatten().unwrap();
    assert_eq!(queue.in_use(), 1);
    drop(place);
    assert_eq!(queue.in_use(), 0);
}

#[tokio::test]
async fn only_who_asks_a_model_for_work_waits() {
    let auth = auth();
    let ada = somebody(&auth, "ada").await;
    let queue = Arc::new(FairQueue::new(1).waiting(0));
    let share = FairShare::new(queue.clone());
    let service = ServiceBuilder::new().layer(share.clone()).service(model(false));
    let _first = service.clone().oneshot(ask(&ada, Method::POST)).await.unwrap();
    // Nobody known, and nothing asked.
    let nobody = Request::post("/v1/chat/completions").body(()).unwrap();
    for request in [nobody, ask(&ada, Method::GET), ask(&ada, Method::DELETE)] {
        let answer = service.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    // By the table: what needs a feature asks a model.
    for (is_model_route, status) in [(true, StatusCode::TOO_MANY_REQUESTS), (false, StatusCode::OK)] {
        let table = RouteTable::builder();
        let table = if is_model_route {
            table.feature(Method::POST, "/v1/chat/completions", "chat")
        } else {
            table.signed_in(Method::POST, "/v1/chat/completions")
        };
        let table = Arc::new(table.build(auth.features()).unwrap());
        let service = ServiceBuilder::new()
            .layer(RoutePolicy::new(table))
            .layer(share.clone())
            .service(model(false));
        let answer = service.oneshot(ask(&ada, Method::POST)).await.unwrap();
        assert_eq!(answer.status(), status);
    }
}
