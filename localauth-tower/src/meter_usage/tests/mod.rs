mod budgets;
mod dialects;
mod documents;
mod ended;
mod engines;
mod fuzz;
mod gate;
mod heads;
mod layer;
mod properties;
mod settled;
mod streams;
mod support;
mod tree;

use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use localauth_core::Identity;

use super::events::EventTap;
use super::events::Tally;
use super::reading::{Measured, Reading};
use super::recheck::{Recheck, Watch};
use super::stream::{MAX_HELD_BYTES, Out, Stream};
use super::streaming::Streaming;
use support::Purse;

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson";

/// What a request without an answer's word for it is taken for.
const PROMPT_ESTIMATE: u64 = 1_000;

/// Somebody.
static IDENTITY: LazyLock<Arc<Identity>> = LazyLock::new(|| {
    let made = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { Arc::clone(support::Metered::new().await.user.identity()) })
    });
    made.join().unwrap()
});

fn headers(content_type: &str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())])
}

fn reading(headers: &HeaderMap) -> Reading {
    Reading::of(headers, |tap| {
        let everybody = Recheck::new(|identity| Box::pin(std::future::ready(Ok(identity))));
        let watch = Watch::new(Arc::clone(&IDENTITY), everybody);
        Streaming::new(Stream::new(tap, false), watch)
    })
}

/// Reads on, as the layer does.
fn read(reading: &mut Reading, piece: &[u8]) {
    if let Reading::Events(streaming) = reading {
        let mut cx = Context::from_waker(Waker::noop());
        if streaming.stream.is_over() {
            return;
        }
        streaming.stream.push(Bytes::copy_from_slice(piece));
        while let Poll::Ready(Out::Piece(_)) = streaming.stream.poll_next(&mut cx, None, false) {}
    } else {
        reading.read(piece);
    }
}

/// What an answer comes to that arrives in these pieces.
fn measure<'p>(content_type: &str, pieces: impl IntoIterator<Item = &'p [u8]>, ended: bool) -> Measured {
    let mut reading = reading(&headers(content_type));
    for piece in pieces {
        read(&mut reading, piece);
    }
    reading.measure(ended, PROMPT_ESTIMATE)
}

/// What came out of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Passed {
    text: Vec<u8>,
    tally: Tally,
    was_cut: bool,
}

/// What a client gets of a stream that arrives in these pieces, where events are kept back until they are whole.
fn pass<'p>(tap: EventTap, pieces: impl IntoIterator<Item = &'p [u8]>, hides: bool, limit: Option<u64>) -> Passed {
    let mut cx = Context::from_waker(Waker::noop());
    let mut account = limit.and_then(|limit| Purse::of(limit).slot().take());
    let mut stream = Stream::new(tap, hides);
    let mut text = Vec::new();
    let mut was_cut = false;
    for piece in pieces.into_iter().map(Some).chain([None]) {
        if stream.is_over() {
            text.extend_from_slice(piece.unwrap_or_default());
            continue;
        }
        match piece {
            Some(piece) => stream.push(Bytes::copy_from_slice(piece)),
            None => stream.end(),
        }
        loop {
            match stream.poll_next(&mut cx, account.as_mut(), true) {
                Poll::Ready(Out::Piece(piece)) => text.extend_from_slice(&piece),
                Poll::Ready(Out::Nothing) => break,
                Poll::Ready(Out::Cut) => {
                    was_cut = true;
                    break;
                }
                Poll::Pending => panic!("nobody waits"),
            }
        }
        assert!(stream.held() <= MAX_HELD_BYTES);
        if was_cut {
            break;
        }
    }
    assert!(was_cut || stream.is_idle());
    let tally = stream.sent().tally;
    Passed { text, tally, was_cut }
}

/// What an answer comes to, in one piece and byte by byte.
fn measure_text(content_type: &str, text: &str, ended: bool) -> Measured {
    let whole = measure(content_type, [text.as_bytes()], ended);
    assert_eq!(
        measure(content_type, text.as_bytes().chunks(1), ended),
        whole,
        "byte by byte: {text}"
    );
    whole
}

fn exactly(model: &str, prompt_tokens: u64, completion_tokens: u64) -> Measured {
    Measured {
        model: model.to_owned(),
        prompt_tokens,
        cached_tokens: 0,
        completion_tokens,
        estimated: false,
    }
}

impl Measured {
    /// The same, so many of them from the cache.
    fn cached(self, cached_tokens: u64) -> Self {
        Self { cached_tokens, ..self }
    }
}

fn about(model: &str, prompt_tokens: u64, completion_tokens: u64) -> Measured {
    Measured {
        estimated: true,
        ..exactly(model, prompt_tokens, completion_tokens)
    }
}

struct Case {
    name: &'static str,
    text: &'static str,
    came_to: Measured,
}

fn check(content_type: &str, ended: bool, cases: Vec<Case>) {
    for case in cases {
        let came_to = measure_text(content_type, case.text, ended);
        assert_eq!(came_to, case.came_to, "{}", case.name);
    }
}
