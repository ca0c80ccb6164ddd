//! What the head of an answer says, and what frames look like.

use bytes::{Buf, Bytes};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::super::reading::{Reading, prompt_estimate};
use super::{EVENTS, JSON, PROMPT_ESTIMATE, about, exactly, headers, measure};

#[test]
fn content_types() {
    let json = br#"{"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3}}"#.as_slice();
    let events = b"data: {\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3}}\n\n".as_slice();
    for content_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        " application/json ;x",
    ] {
        assert_eq!(measure(content_type, [json], true), exactly("", 2, 3), "{content_type}");
    }
    for content_type in ["text/event-stream", "TEXT/Event-Stream;charset=UTF-8"] {
        assert_eq!(
            measure(content_type, [events], true),
            exactly("", 2, 3),
            "{content_type}"
        );
    }
    for content_type in ["audio/mpeg", "image/png", "application/jsonl", "text/plain", ""] {
        assert_eq!(
            measure(content_type, [json], false),
            exactly("", 0, 0),
            "{content_type}"
        );
    }
}

#[test]
fn a_compressed_answer_cannot_be_read() {
    for (content_type, encoding, came_to) in [
        (JSON, "gzip", about("", PROMPT_ESTIMATE, 0)),
        (EVENTS, "br", about("", PROMPT_ESTIMATE, 0)),
        (JSON, "Identity", exactly("", 2, 0)),
        ("audio/mpeg", "gzip", exactly("", 0, 0)),
    ] {
        let mut headers = headers(content_type);
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        let mut reading = Reading::of(&headers);
        reading.read(&br#"{"usage":{"prompt_tokens":2}}"#.as_slice());
        assert_eq!(
            reading.measure(true, PROMPT_ESTIMATE),
            came_to,
            "{content_type} {encoding}"
        );
    }
}

#[test]
fn frames_in_several_slices() {
    let piece = |text: &'static str| Bytes::from_static(text.as_bytes());
    let data = piece("{\"usage\":{\"prompt_")
        .chain(piece("tokens\":2,"))
        .chain(piece("\"completion_tokens\":3}}"));
    let length = data.remaining();
    let mut reading = Reading::of(&headers(JSON));
    reading.read(&data);
    assert_eq!(data.remaining(), length, "nothing is taken out");
    assert_eq!(reading.measure(true, PROMPT_ESTIMATE), exactly("", 2, 3));
}

/// Shows one byte at a time, and no more.
struct Narrow(Bytes);

impl Buf for Narrow {
    fn remaining(&self) -> usize {
        self.0.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.0.get(..1).unwrap_or_default()
    }

    fn advance(&mut self, count: usize) {
        self.0.advance(count);
    }
}

#[test]
fn frames_that_cannot_be_looked_at_whole() {
    let mut reading = Reading::of(&headers(JSON));
    reading.read(&Narrow(Bytes::from_static(b"{\"model\":\"m\"}")));
    reading.read(&Bytes::from_static(b"{\"model\":\"n\"}"));
    assert_eq!(reading.measure(true, PROMPT_ESTIMATE), about("", PROMPT_ESTIMATE, 0));
}

#[test]
fn prompts_are_estimated_from_text_only() {
    for (content_type, tokens) in [
        (Some("application/json"), 25),
        (None, 25),
        (Some("multipart/form-data; boundary=x"), 0),
        (Some("audio/wav"), 0),
    ] {
        let mut headers = http::HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        assert_eq!(prompt_estimate(&headers, 99), tokens, "{content_type:?}");
    }
}
