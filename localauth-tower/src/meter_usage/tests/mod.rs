mod documents;
mod heads;
mod layer;
mod properties;
mod streams;
mod support;
mod tree;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::reading::{Measured, Reading};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

/// What a request without an answer's word for it is taken for.
const PROMPT_ESTIMATE: u64 = 1_000;

fn headers(content_type: &str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())])
}

/// What an answer comes to that arrives in these pieces.
fn measure<'p>(content_type: &str, pieces: impl IntoIterator<Item = &'p [u8]>, ended: bool) -> Measured {
    let mut reading = Reading::of(&headers(content_type));
    for piece in pieces {
        reading.read(&piece);
    }
    reading.measure(ended, PROMPT_ESTIMATE)
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
        completion_tokens,
        estimated: false,
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
