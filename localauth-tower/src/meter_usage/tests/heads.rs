//! What the head of an answer says, and what frames look like.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::super::reading::prompt_estimate;
use super::{EVENTS, JSON, LINES, PROMPT_ESTIMATE, about, exactly, headers, measure, read, reading};

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
    let lines = b"{\"prompt_eval_count\":2,\"eval_count\":3}\n".as_slice();
    for content_type in ["application/x-ndjson", "Application/NDJSON; charset=utf-8"] {
        assert_eq!(
            measure(content_type, [lines], true),
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
        (LINES, "zstd", about("", PROMPT_ESTIMATE, 0)),
        (JSON, "Identity", exactly("", 2, 0)),
        ("audio/mpeg", "gzip", exactly("", 0, 0)),
    ] {
        let mut headers = headers(content_type);
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        let mut reading = reading(&headers);
        read(&mut reading, br#"{"usage":{"prompt_tokens":2}}"#);
        assert_eq!(
            reading.measure(true, PROMPT_ESTIMATE),
            came_to,
            "{content_type} {encoding}"
        );
    }
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
