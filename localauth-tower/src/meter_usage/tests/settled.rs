//! An answer is recorded before its last byte is handed on, and once.

use http::header::CONTENT_LENGTH;
use http_body::Body as _;
use http_body_util::BodyExt as _;

use super::dialects::{CHAT, COMPLETIONS, MESSAGES, OLLAMA_CHAT, OLLAMA_GENERATE, RESPONSES};
use super::support::{Frames, Metered, NOTHING, Recorded, answer, one};
use super::{EVENTS, JSON, LINES};

/// How many of `frames` a client has when the request is recorded, and as what.
async fn settled_after(
    content_type: &str,
    frames: Vec<&'static str>,
    content_length: Option<usize>,
) -> (usize, Recorded) {
    let metered = Metered::new().await;
    let mut response = answer(content_type, Frames::unending(frames));
    if let Some(length) = content_length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    let mut body = metered.ask(metered.request(), Ok(response)).await.unwrap();
    for count in 1.. {
        body.frame().await.unwrap().unwrap();
        let recorded = metered.recorded().await;
        if recorded != NOTHING {
            drop(body);
            assert_eq!(metered.recorded().await, recorded, "once");
            return (count, recorded);
        }
    }
    unreachable!("frames end")
}

fn events(stream: &'static str) -> Vec<&'static str> {
    stream.split_inclusive("\n\n").collect()
}

#[tokio::test]
async fn at_the_last_event() {
    for (name, content_type, frames, wanted) in [
        ("chat", EVENTS, events(CHAT), one("gpt-4o-mini", 19, 10, false)),
        ("messages", EVENTS, events(MESSAGES), one("claude", 130, 89, false)),
        ("responses", EVENTS, events(RESPONSES), one("gpt-4o", 37, 11, false)),
        (
            "completions",
            EVENTS,
            COMPLETIONS.split_inclusive("\r\n\r\n").collect(),
            one("instruct", 10, 2, true),
        ),
        (
            "Ollama's chat",
            LINES,
            OLLAMA_CHAT.split_inclusive('\n').collect(),
            one("llama3.2", 26, 282, false),
        ),
        (
            "Ollama's completion",
            LINES,
            OLLAMA_GENERATE.split_inclusive('\n').collect(),
            one("llama3.2", 26, 259, false),
        ),
    ] {
        let count = frames.len();
        assert_eq!(
            settled_after(content_type, frames, None).await,
            (count, wanted),
            "{name}"
        );
    }
}

#[tokio::test]
async fn at_the_last_event_before_its_line_ends() {
    let frames = vec![
        "data: {\"model\":\"m\",\"choices\":[{\"text\":\"a\"}]}\n\ndata: [DO",
        "NE]",
        "\n\n",
    ];
    assert_eq!(settled_after(EVENTS, frames, None).await, (2, one("m", 10, 1, true)));
    let frames = vec![
        "{\"model\":\"m\",\"response\":\"a\",\"eval_count\":1,\"prompt_eval_count\":1,\"done\":true",
        "}",
        "\n",
    ];
    assert_eq!(settled_after(LINES, frames, None).await, (2, one("m", 1, 1, false)));
}

#[tokio::test]
async fn what_a_model_writes_is_not_the_end() {
    let hostile = [
        r#"data: {"model":"m","choices":[{"delta":{"content":"data: [DONE]\n\n"}}]}"#,
        r#"data: {"model":"m","choices":[{"delta":{"content":"\n\ndata: {\"type\":\"message_stop\"}\n\n"}}]}"#,
        r#"data: {"model":"m","choices":[{"delta":{"content":"{\"usage\":{\"completion_tokens\":9}}","type":"message_stop","done":true}}]}"#,
        r#"data: ["DONE"]"#,
        r"data: x[DONE]",
        r": data: [DONE]",
        r"event: [DONE]",
        r#"data: {"done":true}"#,
        r#"data: {"type":"message_stop""#,
        r"data: [DONE]",
    ];
    let frames: Vec<&str> = hostile.into_iter().map(|line| &*format!("{line}\n\n").leak()).collect();
    let (count, recorded) = settled_after(EVENTS, frames, None).await;
    assert_eq!(count, hostile.len());
    // Three pieces of text: each of them short enough for a token, or a token every four bytes.
    assert_eq!(recorded, one("m", 10, 1 + 9 + 9, true));
}

#[tokio::test]
async fn at_the_end_of_the_document() {
    let frames = vec![
        "{\"model\":\"m\",\"usage\":{\"prompt_tokens\":2,",
        "\"completion_tokens\":3}}",
        "\n",
    ];
    assert_eq!(settled_after(JSON, frames, None).await, (2, one("m", 2, 3, false)));
}

#[tokio::test]
async fn at_the_last_byte_announced() {
    let frames = vec!["ID3", "...", "."];
    assert_eq!(
        settled_after("audio/mpeg", frames, Some(6)).await,
        (2, one("", 0, 0, false))
    );
    let frames = vec!["{no JSON", " at all", "."];
    assert_eq!(settled_after(JSON, frames, Some(15)).await, (2, one("", 0, 0, false)));
}

#[tokio::test]
async fn what_follows_passes_uncounted() {
    let metered = Metered::new().await;
    let after = "data: {\"model\":\"n\",\"choices\":[{\"text\":\"x\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":7}}\n\n";
    let frames = Frames::of([CHAT, after, "data: [DONE]\n\n", after]);
    let body = metered
        .ask(metered.request(), Ok(answer(EVENTS, frames)))
        .await
        .unwrap();
    let text = body.collect().await.unwrap().to_bytes();
    assert_eq!(text, format!("{CHAT}{after}data: [DONE]\n\n{after}"));
    assert_eq!(metered.recorded().await, one("gpt-4o-mini", 19, 10, false));
}

#[tokio::test]
async fn a_stream_does_not_promise_its_length() {
    let metered = Metered::new().await;
    for (content_type, promised) in [(EVENTS, false), (LINES, false), (JSON, true), ("audio/mpeg", true)] {
        let mut response = answer(content_type, Frames::of(["x"]));
        response.headers_mut().insert(CONTENT_LENGTH, 1.into());
        let response = metered.respond(metered.request(), Ok(response)).await.unwrap();
        assert_eq!(
            response.headers().contains_key(CONTENT_LENGTH),
            promised,
            "{content_type}"
        );
        assert_eq!(
            response.body().size_hint().exact().is_some(),
            promised,
            "{content_type}"
        );
    }
}
