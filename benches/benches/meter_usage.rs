//! `MeterUsage` on a stream of 1,000 frames and on one JSON answer, against the same without it.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin has nothing to say")]

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use http::{Request, Response};
use http_body::{Body, Frame};
use localauth_benches::{auth_with_keys, client_headers, request};
use localauth_tower::{MeterUsage, RequireAuth};
use tower::{Layer as _, Service, service_fn};

const FRAMES: usize = 1_000;

/// A body that has all its frames at hand.
struct Frames {
    next: std::vec::IntoIter<Bytes>,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next.next().map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// The answer is at hand, but for the rare request after which a key is looked up anew.
fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => tokio::runtime::Handle::current().block_on(future),
    }
}

fn drain<B: Body<Data = Bytes>>(body: B) -> usize {
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    let mut read = 0;
    while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut cx) {
        read += frame.data_ref().map_or(0, Bytes::len);
    }
    read
}

/// A chunk as mistral.rs sends it.
fn chunk(content: &str, usage: &str) -> Bytes {
    Bytes::from(format!(
        "data: {{\"id\":\"17\",\"choices\":[{{\"finish_reason\":null,\"index\":0,\"delta\":{{\"content\":\"{content}\",\
         \"role\":\"assistant\"}},\"logprobs\":null}}],\"created\":1763694000,\"model\":\"demo\",\
         \"system_fingerprint\":\"local\",\"object\":\"chat.completion.chunk\",\"usage\":{usage}}}\n\n"
    ))
}

fn answers(
    kind: &'static str,
    frames: Vec<Bytes>,
) -> impl Fn(Request<localauth_benches::Body>) -> Ready<Result<Response<Frames>, Infallible>> + Clone {
    move |_| {
        let body = Frames {
            next: frames.clone().into_iter(),
        };
        ready(Ok(Response::builder().header("content-type", kind).body(body).unwrap()))
    }
}

fn meter_usage(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _in_runtime = runtime.enter();
    let (auth, keys) = runtime.block_on(auth_with_keys(1, 100));
    let headers = client_headers(keys[0].expose());
    runtime.block_on(auth.authenticate(&headers).into_future()).unwrap();

    let mut stream = vec![chunk(" hello", "null"); FRAMES - 1];
    stream.push(chunk(
        "",
        "{\"completion_tokens\":999,\"prompt_tokens\":12,\"total_tokens\":1011}",
    ));
    let json = Bytes::from(format!(
        "{{\"id\":\"1\",\"object\":\"chat.completion\",\"model\":\"demo\",\"choices\":[{{\"message\":{{\"content\":\
         \"{}\"}}}}],\"usage\":{{\"prompt_tokens\":12,\"completion_tokens\":250}}}}",
        "word \\n".repeat(250)
    ));
    for (name, kind, frames) in [
        ("stream of 1,000 frames", "text/event-stream", stream),
        ("one JSON answer", "application/json", vec![json]),
    ] {
        let mut group = c.benchmark_group(format!("meter_usage/{name}"));
        group.throughput(Throughput::Elements(frames.len() as u64));
        let mut without = RequireAuth::new(&auth).layer(service_fn(answers(kind, frames.clone())));
        group.bench_function("without", |b| {
            b.iter_batched(
                || request(&headers),
                |r| black_box(drain(now(without.call(r)).unwrap().into_body())),
                BatchSize::SmallInput,
            );
        });
        let mut with = RequireAuth::new(&auth).layer(MeterUsage::new(&auth).layer(service_fn(answers(kind, frames))));
        group.bench_function("with", |b| {
            b.iter_batched(
                || request(&headers),
                |r| black_box(drain(now(with.call(r)).unwrap().into_body())),
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, meter_usage);
criterion_main!(benches);
