//! An edited body is the one that came, plus exactly the edit.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::inspected::NotEdited;
use super::{CHAT, Kind, judge, judge_kind};

fn edited(path: &str, body: &str, limit: Option<u64>, usage: bool) -> String {
    let body = Bytes::from(body.to_owned());
    let asked = judge(path, body.clone()).unwrap();
    if let Some(limit) = limit {
        asked.limit_completion_tokens(limit).unwrap();
    }
    if usage {
        asked.include_usage().unwrap();
    }
    let length = asked.len_of(&body);
    let sent = asked.send(body);
    assert_eq!(length, sent.len());
    String::from_utf8(sent.to_vec()).unwrap()
}

#[test]
fn the_limit_is_in_the_field_that_counts() {
    for (path, body, expected) in [
        (CHAT, "{}", r#"{"max_tokens":9}"#),
        (CHAT, r#" { "a" : 1 } "#, r#" {"max_tokens":9, "a" : 1 } "#),
        (CHAT, r#"{"max_tokens": 10 }"#, r#"{"max_tokens": 9 }"#),
        (CHAT, r#"{"max_tokens":8}"#, r#"{"max_tokens":8}"#),
        (CHAT, r#"{"max_tokens":-1}"#, r#"{"max_tokens":9}"#),
        (CHAT, r#"{"max_tokens":null}"#, r#"{"max_tokens":9}"#),
        (
            CHAT,
            r#"{"max_completion_tokens":10}"#,
            r#"{"max_completion_tokens":9}"#,
        ),
        (
            CHAT,
            r#"{"max_completion_tokens":null}"#,
            r#"{"max_completion_tokens":9}"#,
        ),
        (
            CHAT,
            r#"{"max_tokens":null,"max_completion_tokens":10}"#,
            r#"{"max_tokens":null,"max_completion_tokens":9}"#,
        ),
        (
            CHAT,
            r#"{"max_completion_tokens":10,"max_tokens":10}"#,
            r#"{"max_completion_tokens":9,"max_tokens":9}"#,
        ),
        (CHAT, r#"{"n_predict":-1}"#, r#"{"max_tokens":9,"n_predict":9}"#),
        ("/v1/completions", "{}", r#"{"max_tokens":9}"#),
        (
            "/v1/completions",
            r#"{"max_completion_tokens":5}"#,
            r#"{"max_tokens":5,"max_completion_tokens":5}"#,
        ),
        ("/v1/responses", "{}", r#"{"max_output_tokens":9}"#),
        (
            "/v1/responses",
            r#"{"max_tokens":10}"#,
            r#"{"max_output_tokens":9,"max_tokens":9}"#,
        ),
        ("/v1/messages", "{}", r#"{"max_tokens":9}"#),
        ("/v1/embeddings", "{}", "{}"),
        ("/v1/embeddings", r#"{"max_tokens":10}"#, r#"{"max_tokens":9}"#),
    ] {
        assert_eq!(edited(path, body, Some(9), false), expected, "{path} {body}");
    }
}

#[test]
fn a_stream_is_asked_for_its_usage_where_it_has_to_be() {
    let stream = |options: &str| format!(r#"{{"stream":true{options}}}"#);
    for (options, expected) in [
        (
            r#","stream_options":null"#,
            r#","stream_options":{"include_usage":true}"#,
        ),
        (
            r#","stream_options":{ }"#,
            r#","stream_options":{"include_usage":true }"#,
        ),
        (
            r#","stream_options":{"x":1}"#,
            r#","stream_options":{"include_usage":true,"x":1}"#,
        ),
        (
            r#","stream_options":{"include_usage": false}"#,
            r#","stream_options":{"include_usage": true}"#,
        ),
        (
            r#","stream_options":{"include_usage":null}"#,
            r#","stream_options":{"include_usage":true}"#,
        ),
        (
            r#","stream_options":{"include_usage":true}"#,
            r#","stream_options":{"include_usage":true}"#,
        ),
    ] {
        assert_eq!(edited(CHAT, &stream(options), None, true), stream(expected));
    }
    assert_eq!(
        edited(CHAT, &stream(""), Some(1), true),
        r#"{"max_tokens":1,"stream_options":{"include_usage":true},"stream":true}"#
    );
    // Elsewhere nobody knows the field, or nobody needs it.
    for (path, body) in [("/v1/responses", stream("")), (CHAT, "{}".to_owned())] {
        assert_eq!(edited(path, &body, None, true), body);
    }
}

#[test]
fn edits_come_in_time_or_not_at_all() {
    let body = Bytes::from_static(br#"{"max_tokens":10}"#);
    let asked = judge(CHAT, body.clone()).unwrap();
    asked.limit_completion_tokens(5).unwrap();
    asked.limit_completion_tokens(7).unwrap();
    assert_eq!(asked.len_of(&body), body.len() - 1);
    asked.limit_completion_tokens(3).unwrap();
    assert_eq!(asked.clone().send(body), r#"{"max_tokens":3}"#);
    assert_eq!(asked.limit_completion_tokens(1), Err(NotEdited::Sent));
    assert_eq!(asked.include_usage(), Err(NotEdited::Sent));

    let form = judge_kind(&Kind::Form, "/v1/audio/transcriptions", "model=a").unwrap();
    assert_eq!(form.limit_completion_tokens(1), Err(NotEdited::Form));
}

#[test]
fn what_is_not_edited_is_not_copied() {
    let body = Bytes::from_static(br#"{"max_tokens":3}"#);
    let asked = judge(CHAT, body.clone()).unwrap();
    asked.limit_completion_tokens(5).unwrap();
    assert_eq!(asked.send(body.clone()).as_ptr(), body.as_ptr());
}

pub(super) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("\"max_tokens\":5,{}[]\\")),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z\"\\\\{},:é]{0,6}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (format!("k{k}"), v)).collect())),
        ]
    })
}

fn limit() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(-1)),
        any::<u64>().prop_map(Value::from),
        (0..20_u64).prop_map(Value::from)
    ]
}

fn options() -> impl Strategy<Value = Value> {
    let usage = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from)];
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        value().prop_map(|x| json!({"kx": x})),
        (usage, value()).prop_map(|(usage, x)| json!({"kx": x, "include_usage": usage})),
    ]
}

prop_compose! {
    pub(super) fn object()(
        others in prop::collection::vec(("k[a-z\"\\\\{},:é]{0,6}", value()), 0..5),
        limit in prop::option::of((limit(), prop::sample::select(vec![
            "max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict",
        ]))),
        stream in prop::option::of(any::<bool>()),
        options in prop::option::of(options()),
        model in prop::option::of("[a-z/:\"\\\\é]{0,8}"),
    ) -> Map<String, Value> {
        let mut object: Map<String, Value> = others.into_iter().collect();
        if let Some((tokens, field)) = limit {
            object.insert(field.to_owned(), tokens);
        }
        for (name, value) in [
            ("stream", stream.map(Value::from)),
            ("stream_options", options),
            ("model", model.map(Value::from)),
        ] {
            if let Some(value) = value {
                object.insert(name.to_owned(), value);
            }
        }
        object
    }
}

/// What the edit should come to, on a tree.
fn expected(path: &str, mut object: Map<String, Value>, limit: Option<u64>, usage: bool) -> Map<String, Value> {
    let (bounds, asks): (&[&str], bool) = match path {
        CHAT => (&["max_tokens", "max_completion_tokens"], true),
        "/v1/completions" => (&["max_tokens"], true),
        "/v1/responses" => (&["max_output_tokens"], false),
        _ => (&[], false),
    };
    if usage && asks && object.get("stream") == Some(&json!(true)) {
        let options = object.entry("stream_options").or_insert(Value::Null);
        if options.is_null() {
            *options = json!({});
        }
        options["include_usage"] = json!(true);
    }
    if let Some(limit) = limit {
        let is_limit = |name: &str| name.starts_with("max_") || name == "n_predict";
        let told = object
            .iter()
            .find_map(|(name, value)| value.as_u64().filter(|_| is_limit(name)));
        let limit = told.map_or(limit, |told| told.min(limit));
        for (name, value) in &mut object {
            let exceeds = value.as_u64().is_some_and(|asked| asked > limit) || *value == json!(-1);
            if is_limit(name) && exceeds {
                *value = json!(limit);
            }
        }
        if !bounds.is_empty()
            && !bounds
                .iter()
                .any(|name| object.get(*name).is_some_and(|v| !v.is_null()))
        {
            let name = bounds
                .iter()
                .find(|name| object.contains_key(**name))
                .unwrap_or(&bounds[0]);
            object.insert((*name).to_owned(), json!(limit));
        }
    }
    object
}

proptest! {
    #[test]
    fn an_edited_body_is_the_original_and_the_edit(
        object in object(),
        pretty in any::<bool>(),
        path in prop::sample::select(vec![CHAT, "/v1/completions", "/v1/responses", "/v1/embeddings"]),
        limit in prop::option::of(0..20_u64),
        usage in any::<bool>(),
    ) {
        let text = if pretty {
            serde_json::to_string_pretty(&object).unwrap()
        } else {
            serde_json::to_string(&object).unwrap()
        };
        let original: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let sent = edited(path, &text, limit, usage);
        let got: Map<String, Value> = serde_json::from_str(&sent).unwrap();
        super::super::check::check(text.as_bytes());
        prop_assert_eq!(got, expected(path, original, limit, usage));
        // And it is judged as it was meant.
        let again = judge(path, sent).unwrap();
        if let (Some(limit), CHAT | "/v1/completions" | "/v1/responses") = (limit, path) {
            prop_assert!(again.max_tokens().is_some_and(|tokens| tokens <= limit));
        }
    }

    #[test]
    fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        super::super::check::check(&bytes);
    }
}
