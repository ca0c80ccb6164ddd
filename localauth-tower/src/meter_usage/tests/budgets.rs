//! An answer ends where its budget does, in the words of its family.

use http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::super::hide::ShowUsage;
use super::dialects::{CHAT, COMPLETIONS, MESSAGES, OLLAMA_CHAT, OLLAMA_GENERATE, RESPONSES};
use super::engines::LLAMA_CPP;
use super::support::{COUNTED, Frames, Metered, Purse, answer, one};
use super::{EVENTS, JSON, LINES};

struct Cut {
    /// What the client gets.
    text: String,
    metered: Metered,
    purse: Purse,
}

async fn cut(content_type: &str, stream: &str, limit: u64) -> Cut {
    cut_pieces(content_type, [stream], Purse::of(limit), false).await
}

async fn cut_pieces<'p>(
    content_type: &str,
    pieces: impl IntoIterator<Item = &'p str>,
    purse: Purse,
    shows_usage: bool,
) -> Cut {
    let metered = Metered::new().await;
    let mut request = metered.request_with(purse.slot());
    if shows_usage {
        request.extensions_mut().insert(ShowUsage);
    }
    let inner = Frames::of(pieces.into_iter().map(ToOwned::to_owned));
    let life = inner.life();
    let mut body = metered.ask(request, Ok(answer(content_type, inner))).await.unwrap();
    let mut text = String::new();
    while let Some(frame) = body.frame().await {
        text.push_str(str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
        if text.contains("length") || text.contains("max_") {
            assert_eq!(life.strong_count(), 0, "the model is told");
        }
    }
    assert_eq!(purse.spent().settled.len(), 1);
    Cut { text, metered, purse }
}

/// The JSON of each event.
fn data(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data: ").or(line.starts_with('{').then_some(line)))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[tokio::test]
async fn chat() {
    // "Hello", and then "Hi" of the other choice, which is one too much.
    let Cut { text, metered, purse } = cut(EVENTS, CHAT, 1).await;
    let head: String = CHAT.split_inclusive("\n\n").take(2).collect();
    let rest = text.strip_prefix(&head).unwrap();
    let chunk = |index: u32| {
        json!({
            "id": "chatcmpl-123", "object": "chat.completion.chunk", "created": 1_694_268_190, "model": "gpt-4o-mini",
            "choices": [{"index": index, "delta": {}, "finish_reason": "length"}],
        })
    };
    assert_eq!(data(rest), [chunk(0), chunk(1)]);
    assert!(rest.ends_with("\n\ndata: [DONE]\n\n"));
    assert_eq!(metered.recorded().await, one("gpt-4o-mini", 10, 1, true));
    let spent = purse.spent();
    assert_eq!((spent.asked, spent.committed), (vec![1, 2], 1));
    assert_eq!(spent.settled[0].completion_tokens, 1);
    assert!(spent.is_gone);
}

#[tokio::test]
async fn chat_of_which_a_choice_has_ended() {
    // "Hello", "Hi", the end of the first choice; then "!" with the end of the second, which the client does not get.
    let Cut { text, .. } = cut_pieces(EVENTS, [CHAT], Purse::of(2), true).await;
    let head: String = CHAT.split_inclusive("\n\n").take(4).collect();
    let rest = data(text.strip_prefix(&head).unwrap());
    assert_eq!(
        rest[0]["choices"],
        json!([{"index": 1, "delta": {}, "finish_reason": "length"}])
    );
    assert_eq!(rest[1]["choices"], json!([]), "who asks for usage is told");
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 0}});
    assert_eq!(rest[1]["usage"], usage);
    assert_eq!(rest.len(), 2);
}

#[tokio::test]
async fn completions() {
    let Cut { text, metered, .. } = cut(EVENTS, COMPLETIONS, 1).await;
    let (head, rest) = text.split_once("\r\n\r\n: keep going\r\n\r\n").unwrap();
    assert!(COMPLETIONS.starts_with(head));
    let choice = json!({"index": 0, "text": "", "logprobs": null, "finish_reason": "length"});
    let chunk = json!({"id": "cmpl-1", "object": "text_completion", "created": 1_690_759_702, "model": "instruct", "choices": [choice]});
    assert_eq!(data(rest), [chunk]);
    assert_eq!(metered.recorded().await, one("instruct", 10, 1, true));
}

#[tokio::test]
async fn responses() {
    let Cut { text, metered, .. } = cut(EVENTS, RESPONSES, 1).await;
    let head: String = RESPONSES.split_inclusive("\n\n").take(3).collect();
    let rest = text.strip_prefix(&head).unwrap();
    assert!(rest.starts_with("event: response.incomplete\ndata: "));
    let [last] = &data(rest)[..] else { panic!("{rest}") };
    assert_eq!(
        (&last["type"], &last["sequence_number"]),
        (&json!("response.incomplete"), &json!(3))
    );
    let response = &last["response"];
    assert_eq!(response["id"], "resp_67");
    assert_eq!(response["created_at"], 1_741_290_958);
    assert_eq!(
        (&response["status"], &response["model"]),
        (&json!("incomplete"), &json!("gpt-4o"))
    );
    assert_eq!(response["incomplete_details"], json!({"reason": "max_output_tokens"}));
    assert_eq!(
        (&response["usage"]["input_tokens"], &response["usage"]["output_tokens"]),
        (&json!(10), &json!(1))
    );
    assert_eq!(metered.recorded().await, one("gpt-4o", 10, 1, true));
}

#[tokio::test]
async fn messages() {
    // One token is told at the beginning, the thought is the second; the text is one too much.
    let Cut { text, metered, .. } = cut(EVENTS, MESSAGES, 2).await;
    let head: String = MESSAGES.split_inclusive("\n\n").take(7).collect();
    let rest = text.strip_prefix(&head).unwrap();
    let names: Vec<&str> = rest.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["content_block_stop", "message_delta", "message_stop"]);
    let delta = json!({"stop_reason": "max_tokens", "stop_sequence": null});
    let wanted = [
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 2}}),
        json!({"type": "message_stop"}),
    ];
    assert_eq!(data(rest), wanted);
    assert_eq!(metered.recorded().await, one("claude", 130, 2, true));
}

#[tokio::test]
async fn documents_a_line() {
    for (stream, key, value) in [
        (OLLAMA_CHAT, "message", json!({"role": "assistant", "content": ""})),
        (OLLAMA_GENERATE, "response", json!("")),
    ] {
        let Cut { text, metered, .. } = cut(LINES, stream, 1).await;
        let (head, rest) = text.split_once('\n').unwrap();
        assert_eq!(head, stream.split_once('\n').unwrap().0);
        let [last] = &data(rest)[..] else { panic!("{rest}") };
        assert_eq!(last[key], value);
        assert_eq!((&last["done"], &last["done_reason"]), (&json!(true), &json!("length")));
        assert_eq!(
            (&last["prompt_eval_count"], &last["eval_count"]),
            (&json!(10), &json!(1))
        );
        assert_eq!(last["model"], "llama3.2");
        assert!(last["created_at"].as_str().unwrap().starts_with("2025-08-"));
        assert!(rest.ends_with("}\n"));
        assert_eq!(metered.recorded().await, one("llama3.2", 10, 1, true));
    }
}

#[tokio::test]
async fn llama_cpp() {
    let Cut { text, metered, .. } = cut(EVENTS, LLAMA_CPP, 1).await;
    let (head, rest) = text.split_once("\n\n").unwrap();
    assert_eq!(head, LLAMA_CPP.split_once("\n\n").unwrap().0);
    let [last] = &data(rest)[..] else { panic!("{rest}") };
    assert_eq!((&last["stop"], &last["stop_type"]), (&json!(true), &json!("limit")));
    assert_eq!(
        (&last["tokens_evaluated"], &last["tokens_predicted"]),
        (&json!(10), &json!(1))
    );
    assert_eq!(metered.recorded().await, one("", 10, 1, true));
}

#[tokio::test]
async fn an_end_without_a_beginning_is_well_formed() {
    for (content_type, stream) in [
        (EVENTS, CHAT),
        (EVENTS, COMPLETIONS),
        (EVENTS, RESPONSES),
        (EVENTS, MESSAGES),
        (LINES, OLLAMA_CHAT),
        (LINES, OLLAMA_GENERATE),
        (EVENTS, LLAMA_CPP),
    ] {
        let Cut { text, metered, .. } = cut(content_type, stream, 0).await;
        assert!(!data(&text).is_empty(), "{text}");
        let (requests, _, completion, ..) = metered.recorded().await;
        assert_eq!(requests, 1);
        assert!(
            completion <= 1,
            "what the server says it wrote before it sends any: {text}"
        );
    }
}

#[tokio::test]
async fn cut_in_the_same_place_however_it_comes() {
    for (content_type, stream) in [
        (EVENTS, CHAT),
        (EVENTS, COMPLETIONS),
        (EVENTS, RESPONSES),
        (EVENTS, MESSAGES),
        (LINES, OLLAMA_CHAT),
        (EVENTS, LLAMA_CPP),
    ] {
        for limit in 0..3 {
            let whole = cut(content_type, stream, limit).await;
            for size in [1, 7, 100] {
                let pieces = stream
                    .as_bytes()
                    .chunks(size)
                    .map(|piece| str::from_utf8(piece).unwrap());
                let purse = Purse::of(limit).slow();
                let cut = cut_pieces(content_type, pieces, purse, false).await;
                assert_eq!(cut.text, whole.text, "{limit} {size}");
                assert_eq!(cut.metered.recorded().await, whole.metered.recorded().await);
            }
        }
    }
}

#[tokio::test]
async fn enough_is_enough() {
    for purse in [Purse::of(1_000), Purse::of(1_000).slow()] {
        for (content_type, stream) in [(EVENTS, CHAT), (EVENTS, MESSAGES), (LINES, OLLAMA_CHAT)] {
            let metered = Metered::new().await;
            let request = metered.request_with(purse.slot());
            let body = metered
                .ask(request, Ok(answer(content_type, Frames::of([stream]))))
                .await
                .unwrap();
            assert_eq!(body.collect().await.unwrap().to_bytes(), stream);
        }
        let spent = purse.spent();
        assert_eq!((spent.settled.len(), spent.committed), (3, 3));
        assert_eq!(spent.settled[1].cached_tokens, 100);
    }
}

#[tokio::test]
async fn answers_in_one_piece_are_settled_too() {
    let metered = Metered::new().await;
    let purse = Purse::of(0);
    let request = metered.request_with(purse.slot());
    let body = metered
        .ask(request, Ok(answer(JSON, Frames::of([COUNTED]))))
        .await
        .unwrap();
    assert_eq!(purse.spent().committed, 0, "not before its first byte");
    assert_eq!(body.collect().await.unwrap().to_bytes(), COUNTED, "and never cut");
    let spent = purse.spent();
    assert_eq!((spent.asked.len(), spent.committed), (0, 1));
    assert_eq!(
        (spent.settled[0].prompt_tokens, spent.settled[0].completion_tokens),
        (2, 3)
    );
}

#[tokio::test]
async fn what_does_not_count_is_given_back() {
    let metered = Metered::new().await;
    let purse = Purse::of(0);
    let mut failed = answer(JSON, Frames::of([COUNTED]));
    *failed.status_mut() = StatusCode::BAD_GATEWAY;
    for answer in [Ok(failed), Err("down")] {
        let purse = Purse::of(9);
        drop(metered.ask(metered.request_with(purse.slot()), answer).await);
        let spent = purse.spent();
        assert!(spent.is_gone);
        assert_eq!((spent.committed, spent.settled.len()), (0, 0));
    }
    drop(purse);
}
