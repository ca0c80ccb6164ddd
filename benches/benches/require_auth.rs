//! `RequireAuth` in process: hit, miss, reject, against the bare service and against the floor of a hit.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Request, Response};
use localauth_benches::{Body, auth_with_keys, client_headers, request};
use localauth_core::Identity;
use localauth_tower::RequireAuth;
use sha2::Sha256;
use tower::{Layer as _, Service, service_fn};

/// Runs a future that is ready at once, as a hit and a refusal are.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the answer was not at hand"),
    }
}

async fn bare(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    black_box(request.extensions().len());
    Ok(Response::new(Body::new()))
}

fn hit_and_reject(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (auth, keys) = runtime.block_on(auth_with_keys(10_000, 100_000));
    for key in &keys {
        drop(runtime.block_on(auth.authenticate(&client_headers(key.expose())).into_future()));
    }
    let headers = client_headers(keys[5_000].expose());
    let mut group = c.benchmark_group("require_auth");

    let mut service = service_fn(bare);
    group.bench_function("bare service", |b| {
        b.iter_batched(|| request(&headers), |r| now(service.call(r)), BatchSize::SmallInput);
    });

    // The least a hit can be: a keyed digest of the secret end, a look-up, an identity into the extensions.
    let mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
    let identity = runtime.block_on(auth.authenticate(&headers).into_future()).unwrap();
    let map: papaya::HashMap<[u8; 32], Arc<Identity>> = papaya::HashMap::new();
    let digest = |tail: &[u8]| -> [u8; 32] {
        let mut mac = mac.clone();
        mac.update(tail);
        mac.finalize().into_bytes().into()
    };
    for key in &keys {
        map.pin()
            .insert(digest(&key.expose().as_bytes()[28..]), Arc::clone(&identity));
    }
    group.bench_function("floor of a hit", |b| {
        b.iter_batched(
            || request(&headers),
            |mut r| {
                let value = r.headers().get(http::header::AUTHORIZATION).unwrap().as_bytes();
                let found = map.pin().get(&digest(&value[value.len() - 49..])).cloned().unwrap();
                r.extensions_mut().insert(found);
                now(service.call(r))
            },
            BatchSize::SmallInput,
        );
    });

    let mut guarded = RequireAuth::new(&auth).layer(service_fn(bare));
    group.bench_function("hit", |b| {
        b.iter_batched(|| request(&headers), |r| now(guarded.call(r)), BatchSize::SmallInput);
    });

    for (name, key) in [
        ("reject: no credential", ""),
        ("reject: malformed key", "sk-local-guess"),
    ] {
        let headers = client_headers(key);
        group.bench_function(name, |b| {
            b.iter_batched(|| request(&headers), |r| now(guarded.call(r)), BatchSize::SmallInput);
        });
    }
    let mut wrong = keys[1].expose().to_owned();
    wrong.replace_range(40..41, if &wrong[40..41] == "a" { "b" } else { "a" });
    let wrong = client_headers(&wrong);
    group.bench_function("reject: checksum broken", |b| {
        b.iter_batched(|| request(&wrong), |r| now(guarded.call(r)), BatchSize::SmallInput);
    });
    group.finish();
}

fn miss(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // One place in the cache and two keys in turn: each request has to ask the store, which is in memory.
    let (auth, keys) = runtime.block_on(auth_with_keys(2, 1));
    let mut guarded = RequireAuth::new(&auth).layer(service_fn(bare));
    let headers: Vec<_> = keys.iter().map(|key| client_headers(key.expose())).collect();
    let mut next = headers.iter().cycle();
    c.bench_function("require_auth/miss: store in memory", |b| {
        b.to_async(&runtime).iter_batched(
            || request(next.next().unwrap()),
            |r| guarded.call(r),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, hit_and_reject, miss);
criterion_main!(benches);
