//! `Inspect` in process, on the 200 bytes of a short question: against the bare service, and against a hit of
//! `RequireAuth`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use http_body_util::Full;
use localauth_benches::{Body, auth_with_keys, client_headers, request};
use localauth_tower::{Inspect, Inspected, InspectedBody, RequireAuth, RequireModel};
use tower::{Layer as _, Service, ServiceBuilder, service_fn};

const QUESTION: &[u8] = br#"{"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"What is the capital of France?"}],"model":"llama-3.3-70b-instruct","max_tokens":256,"stream":false}"#;

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the answer was not at hand"),
    }
}

fn question(headers: &HeaderMap, body: &Bytes) -> Request<Full<Bytes>> {
    request(headers).map(|_| Full::new(body.clone()))
}

async fn bare<B>(request: Request<B>) -> Result<Response<Body>, Infallible> {
    black_box(request.extensions().len());
    Ok(Response::new(Body::new()))
}

/// Reads the body, as a handler does.
async fn reads(request: Request<InspectedBody<Full<Bytes>>>) -> Result<Response<Body>, Infallible> {
    let mut body = request.into_body();
    let _ = black_box(Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())));
    Ok(Response::new(Body::new()))
}

async fn edits(request: Request<InspectedBody<Full<Bytes>>>) -> Result<Response<Body>, Infallible> {
    request
        .extensions()
        .get::<Inspected>()
        .unwrap()
        .limit_completion_tokens(64)
        .unwrap();
    reads(request).await
}

fn short_question(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (auth, keys) = runtime.block_on(auth_with_keys(1_000, 10_000));
    let headers = client_headers(keys[500].expose());
    drop(runtime.block_on(auth.authenticate(&headers).into_future()));
    let body = Bytes::from_static(QUESTION);
    let mut group = c.benchmark_group("inspect");
    macro_rules! bench {
        ($name:literal, $service:expr) => {
            let mut service = $service;
            group.bench_function($name, |b| {
                b.iter_batched(
                    || question(&headers, &body),
                    |r| now(service.call(r)),
                    BatchSize::SmallInput,
                );
            });
        };
    }
    bench!("bare service", service_fn(bare));
    bench!("a hit of RequireAuth", RequireAuth::new(&auth).layer(service_fn(bare)));
    bench!("inspected", Inspect::new().layer(service_fn(bare)));
    bench!("inspected and read", Inspect::new().layer(service_fn(reads)));
    bench!("inspected, edited and read", Inspect::new().layer(service_fn(edits)));
    bench!(
        "the walk: RequireAuth, Inspect, RequireModel",
        ServiceBuilder::new()
            .layer(RequireAuth::new(&auth))
            .layer(Inspect::new())
            .layer(RequireModel::new())
            .service(service_fn(bare))
    );
    group.finish();
}

fn long_document(c: &mut Criterion) {
    let headers = client_headers("");
    let content = "All work and no play makes Jack a dull boy.\\n".repeat(25_000);
    let body = format!(r#"{{"messages":[{{"role":"user","content":"{content}"}}],"model":"llama"}}"#);
    let body = Bytes::from(body);
    let mut group = c.benchmark_group("inspect");
    group.throughput(Throughput::Bytes(body.len() as u64));
    let mut service = Inspect::new().layer(service_fn(bare));
    group.bench_function("a long document", |b| {
        b.iter_batched(
            || question(&headers, &body),
            |r| now(service.call(r)),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, short_question, long_document);
criterion_main!(benches);
