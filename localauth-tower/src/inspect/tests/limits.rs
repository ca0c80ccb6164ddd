//! The other fields that decisions depend on, and what forms say.

use localauth_core::Denial;

use super::{CHAT, Kind, judge, judge_kind};

#[test]
fn limits_are_read_where_the_route_reads_them() {
    for (path, body, tokens) in [
        (CHAT, r#"{"max_tokens":5}"#, Some(5)),
        (CHAT, r#"{"max_completion_tokens":5}"#, Some(5)),
        (CHAT, r#"{"max_tokens":null,"max_completion_tokens":5}"#, Some(5)),
        (CHAT, r#"{"max_tokens":5,"max_completion_tokens":5}"#, Some(5)),
        (CHAT, r#"{"max_tokens":0}"#, Some(0)),
        (CHAT, r#"{"max_tokens":-1}"#, None),
        (CHAT, r#"{"max_output_tokens":5}"#, None),
        (CHAT, "{}", None),
        ("/v1/completions", r#"{"max_completion_tokens":5}"#, None),
        ("/v1/responses", r#"{"max_output_tokens":5}"#, Some(5)),
        ("/v1/responses", r#"{"max_tokens":5}"#, None),
        ("/v1/messages", r#"{"max_tokens":5}"#, Some(5)),
    ] {
        assert_eq!(judge(path, body).unwrap().max_tokens(), tokens, "{path} {body}");
    }
    let asked = judge(
        CHAT,
        r#"{"n":2,"best_of":3,"stream":true,"stream_options":{"include_usage":true}}"#,
    )
    .unwrap();
    assert!(asked.is_stream() && asked.includes_usage());
    assert_eq!(asked.n(), 3);
    let asked = judge(CHAT, r#"{"n":null,"stream":null,"stream_options":null}"#).unwrap();
    assert!(!asked.is_stream() && !asked.includes_usage());
    assert_eq!((asked.n(), asked.body_bytes()), (1, 46));
}

/// A bound of ten tokens for each of a thousand prompts is one of ten thousand.
#[test]
fn each_of_several_prompts_is_answered() {
    for (path, body, answers) in [
        ("/v1/completions", r#"{"prompt":"a"}"#, 1),
        ("/v1/completions", r#"{"prompt":["a","b","c"]}"#, 3),
        ("/v1/completions", r#"{"prompt":[[1,2],[3]]}"#, 2),
        ("/v1/completions", r#"{"prompt":["a","b"],"n":2}"#, 4),
        ("/v1/completions", r#"{"n":2,"prompt":["a","b"],"best_of":3}"#, 6),
        // Tokens, and what llama.cpp takes for one prompt too.
        ("/v1/completions", r#"{"prompt":[1,2,3]}"#, 1),
        ("/v1/completions", r#"{"prompt":[1,"a",3]}"#, 1),
        ("/v1/completions", r#"{"prompt":[{"prompt_string":"a"},["b"]]}"#, 2),
        ("/v1/completions", r#"{"prompt":{"a":["b","c"]}}"#, 1),
        ("/v1/completions", r#"{"prompt":[]}"#, 1),
        ("/v1/completions", r#"{"prompt":null}"#, 1),
        ("/v1/completions", "{}", 1),
        // Elsewhere it is something else.
        (CHAT, r#"{"prompt":["a","b"],"Prompt":1}"#, 1),
        ("/v1/images/generations", r#"{"prompt":["a","b"]}"#, 1),
    ] {
        assert_eq!(judge(path, body).unwrap().n(), answers, "{path} {body}");
    }
    for body in [
        r#"{"prompt":"a","prompt":["a","b"]}"#,
        r#"{"prompt":"a","Prompt":["a","b"]}"#,
        r#"{"pr\u006fmpt":["a","b"]}"#,
    ] {
        assert_eq!(
            judge("/v1/completions", body).unwrap_err(),
            Denial::AmbiguousRequest,
            "{body}"
        );
    }
    assert_eq!(
        judge("/v1/completions", r#"{"prompt":[1e999]}"#).unwrap_err(),
        Denial::InvalidBody
    );
    for depth in 120..135 {
        let body = format!(r#"{{"prompt":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
        let tree = serde_json::from_str::<serde_json::Value>(&body).is_ok();
        assert_eq!(judge("/v1/completions", body).is_ok(), tree, "{depth}");
    }
}

#[test]
fn nobody_asks_for_more_answers_than_there_is_room_for() {
    for body in [r#"{"n":128,"best_of":7}"#, r#"{"best_of":128}"#] {
        assert_eq!(judge(CHAT, body).unwrap().n(), 128, "{body}");
    }
    for body in [
        r#"{"n":129}"#,
        r#"{"n":1000000,"stream":true}"#,
        r#"{"n":1,"best_of":4294967295}"#,
    ] {
        assert_eq!(judge(CHAT, body).unwrap_err(), Denial::TooManyAnswers, "{body}");
    }
}

#[test]
fn limits_that_can_be_read_in_two_ways_are_refused() {
    for body in [
        r#"{"max_tokens":5,"max_tokens":5}"#,
        r#"{"max_tokens":5,"Max_Tokens":9}"#,
        r#"{"MAX_TOKENS":9}"#,
        r#"{"max\u005ftokens":9}"#,
        r#"{"max_to\u212aens":9}"#,
        r#"{"max_tokens":5,"max_completion_tokens":6}"#,
        r#"{"max_tokens":-1,"max_completion_tokens":6}"#,
        r#"{"max_tokens":5,"n_predict":6}"#,
        r#"{"stream":true,"stream":false}"#,
        r#"{"stream":true,"Stream":false}"#,
        "{\"\u{17f}tream\":true}",
        r#"{"n":1,"N":9}"#,
        r#"{"n":1,"n":9}"#,
        r#"{"n\u0000":9}"#,
        r#"{"stream_options":{},"stream_options":{}}"#,
        r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#,
        r#"{"stream_options":{"Include_Usage":true}}"#,
    ] {
        assert_eq!(judge(CHAT, body).unwrap_err(), Denial::AmbiguousRequest, "{body}");
    }
    for body in [
        r#"{"max_tokens":"5"}"#,
        r#"{"max_tokens":5.0}"#,
        r#"{"max_tokens":5e3}"#,
        r#"{"max_tokens":-0}"#,
        r#"{"max_tokens":99999999999999999999}"#,
        r#"{"max_tokens":[5]}"#,
        r#"{"max_tokens":true}"#,
        r#"{"stream":1}"#,
        r#"{"stream":"true"}"#,
        r#"{"n":-1}"#,
        r#"{"n":1.5}"#,
        r#"{"n":4294967296}"#,
        r#"{"stream_options":true}"#,
        r#"{"stream_options":[]}"#,
        r#"{"stream_options":{"include_usage":1}}"#,
    ] {
        assert_eq!(judge(CHAT, body).unwrap_err(), Denial::InvalidBody, "{body}");
    }
}

#[test]
fn the_address_may_only_repeat_what_the_body_says() {
    let model = |path: &str, body: &'static str| judge(path, body).map(|asked| asked.model().map(str::to_owned));
    for (path, body, expected) in [
        ("/v1/completions?model=a", r#"{"model":"a"}"#, "a"),
        ("/v1/completions?model=demo", "{}", "demo"),
        ("/v1/completions?model=default", r#"{"model":"demo"}"#, "demo"),
        ("/v1/engines/a/completions", "{}", "a"),
        ("/v1/engines/a/completions", r#"{"model":"a"}"#, "a"),
        ("/v1/engines/default/completions", r#"{"model":"demo"}"#, "demo"),
        ("/v1/engines/a/completions?model=%61", "{}", "a"),
    ] {
        assert_eq!(model(path, body), Ok(Some(expected.to_owned())), "{path} {body}");
    }
    for (path, body) in [
        ("/v1/completions?model=b", r#"{"model":"a"}"#),
        ("/v1/completions?model=b", "{}"),
        ("/v1/engines/b/completions", r#"{"model":"a"}"#),
        ("/v1/engines/a/completions?model=b", r#"{"model":"a"}"#),
    ] {
        assert_eq!(model(path, body), Err(Denial::AmbiguousRequest), "{path} {body}");
    }
}

#[test]
fn forms_name_a_model_once() {
    let parts = |fields: &[(&str, &str)]| {
        let part = |(name, value): &(&str, &str)| {
            format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        fields.iter().map(part).collect::<String>() + "--B--\r\n"
    };
    let plain = |fields: &[(&str, &str)]| {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish()
    };
    let path = "/v1/audio/transcriptions";
    for (fields, expected) in [
        (&[("model", "a"), ("language", "en")][..], Ok("a")),
        (&[("language", "en")], Ok("demo")),
        (&[("model", "default")], Ok("demo")),
        (&[("model", "a"), ("model", "a")], Err(Denial::AmbiguousRequest)),
        (&[("Model", "a")], Err(Denial::AmbiguousRequest)),
        (&[("model", "a"), ("n", "1"), ("N", "9")], Err(Denial::AmbiguousRequest)),
        (&[("model", "a"), ("n", "x")], Err(Denial::InvalidBody)),
        (&[("model", "a"), ("n", "129")], Err(Denial::TooManyAnswers)),
        (&[("model", "a"), ("stream", "perhaps")], Err(Denial::InvalidBody)),
        (&[("model", "a\nb")], Err(Denial::InvalidBody)),
        (&[("model", "a"), ("_charset_", "utf-7")], Err(Denial::InvalidBody)),
    ] {
        for (kind, body) in [
            (Kind::Form, plain(fields)),
            (Kind::Multipart("B".into()), parts(fields)),
        ] {
            let asked = judge_kind(&kind, path, body);
            let model = asked.as_ref().map(|asked| asked.model().unwrap());
            assert_eq!(model, expected.as_ref().copied(), "{kind:?} {fields:?}");
        }
    }
    let file = "--B\r\nContent-Disposition: form-data; name=\"model\"; filename=\"a\"\r\n\r\na\r\n--B--";
    let kind = Kind::Multipart("B".into());
    assert_eq!(judge_kind(&kind, path, file).unwrap_err(), Denial::InvalidBody);
    for body in [
        "model=%ff",
        "model=a;model=b",
        "model=a&x;model=b",
        // What says it is a form, and is read as JSON by who does not look.
        r#"{"model":"b"}"#,
        r#" {"model":"b","x":"&model=a"}"#,
        r#"["b"]"#,
        "['b']",
        "\u{feff}{}",
    ] {
        assert_eq!(
            judge_kind(&Kind::Form, path, body).unwrap_err(),
            Denial::InvalidBody,
            "{body}"
        );
    }
}
