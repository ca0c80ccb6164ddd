//! Requests in the words of Ollama and llama.cpp.

use bytes::Bytes;
use localauth_core::Denial;
use localauth_core::policy::{Asks, Dialect, ModelIn};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::inspected::{Inspected, NotEdited};
use super::edits::{object, value};
use super::{CHAT, Kind, judge_asks, judge_by};

const WORK: Asks = Asks::work(ModelIn::Body);
const OLLAMA: Asks = WORK.in_words_of(Dialect::Ollama).where_zero_is_unlimited();
const LLAMA_CPP: Asks = WORK.in_words_of(Dialect::LlamaCpp);

fn limited(path: &str, asks: Asks, body: &str, limit: u64) -> String {
    let body = Bytes::from(body.to_owned());
    let asked = judge_asks(path, asks, body.clone()).unwrap();
    asked.limit_completion_tokens(limit).unwrap();
    let length = asked.len_of(&body);
    let sent = asked.send(body);
    assert_eq!(length, sent.len());
    String::from_utf8(sent.to_vec()).unwrap()
}

#[test]
fn ollama_streams_unless_told_otherwise() {
    for (path, asks, body, is_stream) in [
        ("/api/chat", OLLAMA, "{}", true),
        ("/api/generate", OLLAMA, "{}", true),
        ("/api/chat", OLLAMA, r#"{"stream":null}"#, true),
        ("/api/chat", OLLAMA, r#"{"stream":true}"#, true),
        ("/api/chat", OLLAMA, r#"{"stream":false}"#, false),
        ("/api/embed", OLLAMA, "{}", false),
        ("/completion", LLAMA_CPP, "{}", false),
        ("/completion", LLAMA_CPP, r#"{"stream":true}"#, true),
        // By the table, not by how a path looks.
        ("/api/chat", WORK, "{}", false),
        (CHAT, OLLAMA, "{}", false),
    ] {
        let asked = judge_asks(path, asks, body).unwrap();
        assert_eq!(asked.is_stream(), is_stream, "{path} {body}");
        // It tells what it used without being asked.
        assert!(!asked.tells_usage_when_asked());
    }
}

#[test]
fn bounds_are_read_where_the_engine_reads_them() {
    let ollama = |options: &str| format!(r#"{{"options":{options}}}"#);
    for (path, asks, body, tokens) in [
        ("/api/chat", OLLAMA, ollama(r#"{"num_predict":5}"#), Some(5)),
        (
            "/api/generate",
            OLLAMA,
            ollama(r#"{"temperature":1,"num_predict":5}"#),
            Some(5),
        ),
        ("/api/chat", OLLAMA, ollama(r#"{"num_predict":-1}"#), None),
        ("/api/chat", OLLAMA, ollama(r#"{"num_predict":-2}"#), None),
        // Ollama's runner asks whether it is larger than zero before it counts.
        ("/api/chat", OLLAMA, ollama(r#"{"num_predict":0}"#), None),
        ("/api/chat", OLLAMA, ollama(r#"{"num_predict":null}"#), None),
        ("/api/chat", OLLAMA, ollama("null"), None),
        ("/api/chat", OLLAMA, ollama("{}"), None),
        ("/api/chat", OLLAMA, "{}".into(), None),
        // At the top Ollama does not look for it, nor within anything else.
        ("/api/chat", OLLAMA, r#"{"num_predict":5}"#.into(), None),
        ("/api/chat", OLLAMA, r#"{"x":{"num_predict":5}}"#.into(), None),
        ("/api/chat", OLLAMA, ollama(r#"{"x":{"num_predict":5}}"#), None),
        ("/completion", LLAMA_CPP, r#"{"n_predict":5}"#.into(), Some(5)),
        ("/infill", LLAMA_CPP, r#"{"max_tokens":5}"#.into(), Some(5)),
        (
            "/completions",
            LLAMA_CPP,
            r#"{"max_completion_tokens":5}"#.into(),
            Some(5),
        ),
        ("/completion", LLAMA_CPP, r#"{"n_predict":0}"#.into(), Some(0)),
        ("/completion", LLAMA_CPP, r#"{"n_predict":-1}"#.into(), None),
        // Elsewhere options are none of ours.
        (CHAT, WORK, ollama(r#"{"num_predict":5}"#), None),
    ] {
        assert_eq!(
            judge_asks(path, asks, body.clone()).unwrap().max_tokens(),
            tokens,
            "{path} {body}"
        );
    }
    assert_eq!(
        judge_asks("/completion", LLAMA_CPP, r#"{"n_cmpl":9,"n":2}"#)
            .unwrap()
            .n(),
        9
    );
    let prompts = r#"{"prompt":["a","b"],"n_cmpl":3}"#;
    assert_eq!(judge_asks("/completion", LLAMA_CPP, prompts).unwrap().n(), 6);
    assert!(judge_asks("/completion", LLAMA_CPP, r#"{"response_fields":null}"#).is_ok());
    assert!(judge_asks(CHAT, WORK, r#"{"response_fields":["x"],"Response_Fields":1}"#).is_ok());
    // OpenAI's words to Ollama: the same zero.
    let zero = r#"{"max_tokens":0}"#;
    assert_eq!(judge_asks(CHAT, WORK, zero).unwrap().max_tokens(), Some(0));
    assert_eq!(
        judge_asks(CHAT, WORK.where_zero_is_unlimited(), zero)
            .unwrap()
            .max_tokens(),
        None
    );
}

#[test]
fn bounds_are_put_where_the_engine_reads_them() {
    for (body, expected) in [
        ("{}", r#"{"options":{"num_predict":9}}"#),
        (r#" { "a" : 1 } "#, r#" {"options":{"num_predict":9}, "a" : 1 } "#),
        (r#"{"options":null}"#, r#"{"options":{"num_predict":9}}"#),
        (r#"{"options": { } }"#, r#"{"options": {"num_predict":9 } }"#),
        (r#"{"options":{"seed":1}}"#, r#"{"options":{"num_predict":9,"seed":1}}"#),
        (
            r#"{"options":{"num_predict":null}}"#,
            r#"{"options":{"num_predict":9}}"#,
        ),
        (
            r#"{"options":{"num_predict": 10 }}"#,
            r#"{"options":{"num_predict": 9 }}"#,
        ),
        (r#"{"options":{"num_predict":8}}"#, r#"{"options":{"num_predict":8}}"#),
        (r#"{"options":{"num_predict":0}}"#, r#"{"options":{"num_predict":9}}"#),
        (r#"{"options":{"num_predict":-2}}"#, r#"{"options":{"num_predict":9}}"#),
        // At the top it is nothing to Ollama; it must not be more either.
        (r#"{"max_tokens":5}"#, r#"{"options":{"num_predict":5},"max_tokens":5}"#),
    ] {
        for path in ["/api/chat", "/api/generate"] {
            assert_eq!(limited(path, OLLAMA, body, 9), expected, "{path}");
        }
    }
    // A bound of zero would be none.
    assert_eq!(
        limited("/api/chat", OLLAMA, "{}", 0),
        r#"{"options":{"num_predict":1}}"#
    );
    let own = WORK.where_zero_is_unlimited();
    assert_eq!(limited(CHAT, own, r#"{"max_tokens":0}"#, 9), r#"{"max_tokens":9}"#);
    for (body, expected) in [
        ("{}", r#"{"n_predict":9}"#),
        (r#"{"n_predict":-1}"#, r#"{"n_predict":9}"#),
        (r#"{"max_tokens":10}"#, r#"{"max_tokens":9}"#),
        (
            r#"{"n_predict":null,"max_tokens":null}"#,
            r#"{"n_predict":9,"max_tokens":null}"#,
        ),
        (r#"{"n_predict":0}"#, r#"{"n_predict":0}"#),
    ] {
        assert_eq!(limited("/completion", LLAMA_CPP, body, 9), expected);
    }
    assert_eq!(limited("/api/embed", OLLAMA, "{}", 9), "{}");
}

#[test]
fn bounds_that_can_be_read_in_two_ways_are_refused() {
    for body in [
        r#"{"options":{"num_predict":1},"options":{}}"#,
        r#"{"options":{"num_predict":1,"num_predict":-1}}"#,
        // What Go takes for the same field.
        r#"{"Options":{"num_predict":-1}}"#,
        r#"{"options":{"num_predict":1},"OPTIONS":{"num_predict":-1}}"#,
        "{\"option\u{17f}\":{\"num_predict\":-1}}",
        r#"{"options":{"Num_Predict":-1}}"#,
        r#"{"option\u0073":{"num_predict":-1}}"#,
        r#"{"options":{"num\u005fpredict":-1}}"#,
        r#"{"options\u0000":{"num_predict":-1}}"#,
        r#"{"options":{"num_predict\u0000":-1}}"#,
        r#"{"max_tokens":5,"options":{"num_predict":6}}"#,
        r#"{"stream":true,"Stream":false}"#,
        "{\"\u{17f}tream\":false}",
        "{\"o\u{17f}\":1,\"model\":\"a\",\"Model\":\"b\"}",
    ] {
        let judged = judge_asks("/api/chat", OLLAMA, body.to_owned());
        assert_eq!(judged.unwrap_err(), Denial::AmbiguousRequest, "{body}");
    }
    for body in [
        r#"{"options":[]}"#,
        r#"{"options":"x"}"#,
        r#"{"options":{"num_predict":"5"}}"#,
        r#"{"options":{"num_predict":5.0}}"#,
        r#"{"options":{"num_predict":1e3}}"#,
        r#"{"options":{"num_predict":-0}}"#,
        r#"{"options":{"num_predict":[5]}}"#,
        r#"{"options":{"x":1e999}}"#,
        r#"{"stream":"false"}"#,
        r#"{"stream":0}"#,
    ] {
        let judged = judge_asks("/api/chat", OLLAMA, body.to_owned());
        assert_eq!(judged.unwrap_err(), Denial::InvalidBody, "{body}");
    }
    for (body, denial) in [
        (r#"{"n_predict":5,"max_tokens":6}"#, Denial::AmbiguousRequest),
        (r#"{"n_predict":5,"N_Predict":-1}"#, Denial::AmbiguousRequest),
        (r#"{"n_cmpl":1,"N_Cmpl":50}"#, Denial::AmbiguousRequest),
        (r#"{"n_cmpl":1.5}"#, Denial::InvalidBody),
        (r#"{"n_predict":1e9}"#, Denial::InvalidBody),
        // The text, and no word of what it took.
        (
            r#"{"response_fields":["tokens"],"return_tokens":true}"#,
            Denial::InvalidBody,
        ),
        (r#"{"response_fields":[]}"#, Denial::InvalidBody),
        (r#"{"Response_Fields":["tokens"]}"#, Denial::AmbiguousRequest),
    ] {
        assert_eq!(
            judge_asks("/completion", LLAMA_CPP, body).unwrap_err(),
            denial,
            "{body}"
        );
    }
}

#[test]
fn as_deep_as_a_tree_may_be_wherever_it_stands() {
    for depth in 120..135 {
        let options = format!("{}1{}", r#"{"x":"#.repeat(depth), "}".repeat(depth));
        let body = format!(r#"{{"options":{options},"model":"a"}}"#);
        let tree = serde_json::from_str::<serde_json::Value>(&body).is_ok();
        assert_eq!(judge_asks("/api/chat", OLLAMA, body).is_ok(), tree, "{depth}");
    }
}

#[test]
fn what_has_no_body_has_nothing_to_edit() {
    let judge = &super::JUDGE;
    let about = Asks::about(ModelIn::Path);
    let asked: Inspected = judge_by(judge, &Kind::Nothing, "/v1/models/m%2F1", about, "").unwrap();
    assert_eq!(asked.model(), Some("m/1"));
    assert_eq!(asked.limit_completion_tokens(1), Err(NotEdited::Nothing));
}

proptest! {
    /// On a tree: what `options` said stays, but for the bound.
    #[test]
    fn an_edited_body_is_the_original_and_the_bound(
        object in object(),
        options in prop::option::of(options()),
        pretty in any::<bool>(),
        limit in 0..20_u64,
    ) {
        let mut object = object;
        object.retain(|name, _| !name.starts_with("max_") && name != "n_predict");
        if let Some(options) = options {
            object.insert("options".to_owned(), options);
        }
        let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
        let mut expected: Map<String, Value> = serde_json::from_str(&text).unwrap();
        super::super::check::check(text.as_bytes());
        let sent = limited("/api/chat", OLLAMA, &text, limit);
        let got: Map<String, Value> = serde_json::from_str(&sent).unwrap();
        let options = expected.entry("options").or_insert(Value::Null);
        if options.is_null() {
            *options = json!({});
        }
        let told = options.get("num_predict").and_then(Value::as_u64).filter(|told| *told > 0);
        options["num_predict"] = json!(told.unwrap_or(u64::MAX).min(limit.max(1)));
        prop_assert_eq!(got, expected);
    }
}

fn options() -> impl Strategy<Value = Value> {
    let bound = prop_oneof![
        Just(Value::Null),
        (-3..20_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
    ];
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        value().prop_map(|x| json!({"kx": x})),
        (bound, value()).prop_map(|(bound, x)| json!({"kx": x, "num_predict": bound})),
    ]
}
