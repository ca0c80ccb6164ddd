//! Models by another name: judged, and handed on, by the one that is exact.

use bytes::Bytes;
use localauth_core::Denial;
use localauth_core::policy::{Asks, ModelIn};

use super::super::judge::Judge;
use super::{CHAT, JUDGE, Kind, judge_asks, judge_by, resolve};

const WORK: Asks = Asks::work(ModelIn::Body);
const SHOW: Asks = Asks::about(ModelIn::BodyOrName);

/// The model that is judged, and the body that is handed on.
fn sent(kind: &Kind, path: &str, asks: Asks, body: &str) -> Result<(Option<String>, String), Denial> {
    let asked = resolve(kind, path, asks, body.to_owned())?;
    let body = Bytes::from(body.to_owned());
    let length = asked.len_of(&body);
    let sent = asked.send(body);
    assert_eq!(length, sent.len());
    let model = asked.model().map(str::to_owned);
    Ok((model, String::from_utf8(sent.to_vec()).unwrap()))
}

fn json(body: &str) -> (String, String) {
    let (model, sent) = sent(&Kind::Json, CHAT, WORK, body).unwrap();
    (model.unwrap(), sent)
}

#[test]
fn an_alias_is_judged_and_sent_by_the_exact_name() {
    for (body, model, expected) in [
        (r#"{"model":"llama"}"#, "llama:latest", r#"{"model":"llama:latest"}"#),
        (
            r#"{"model":"LLaMA:latest"}"#,
            "llama:latest",
            r#"{"model":"llama:latest"}"#,
        ),
        (
            r#"{ "model" : "\u006clama" , "x":1}"#,
            "llama:latest",
            r#"{ "model" : "llama:latest" , "x":1}"#,
        ),
        // To the byte, where nothing has to change.
        (
            r#"{"model":"llama\u003alatest"}"#,
            "llama:latest",
            r#"{"model":"llama\u003alatest"}"#,
        ),
        (r#"{"model":"unknown"}"#, "unknown", r#"{"model":"unknown"}"#),
        (r#"{"model":""}"#, "", r#"{"model":""}"#),
        // The default one, which nobody else may choose.
        (r#"{"model":"default"}"#, "llama:latest", r#"{"model":"llama:latest"}"#),
        (r#"{"model":null}"#, "llama:latest", r#"{"model":"llama:latest"}"#),
        ("{}", "llama:latest", r#"{"model":"llama:latest"}"#),
        (r#"{"x":1}"#, "llama:latest", r#"{"model":"llama:latest","x":1}"#),
    ] {
        assert_eq!(json(body), (model.to_owned(), expected.to_owned()), "{body}");
    }
}

#[test]
fn nothing_is_written_where_nobody_resolves() {
    for body in [
        "{}",
        r#"{"model":null}"#,
        r#"{"model":"default"}"#,
        r#"{"model":"LLAMA"}"#,
    ] {
        let asked = judge_asks(CHAT, WORK, body).unwrap();
        assert_eq!(asked.send(Bytes::from(body)), body);
    }
}

#[test]
fn other_edits_go_with_it() {
    let body = Bytes::from_static(br#"{"max_tokens":50,"model":"llama","stream":true}"#);
    let asked = resolve(&Kind::Json, CHAT, WORK, body.clone()).unwrap();
    asked.limit_completion_tokens(5).unwrap();
    asked.include_usage().unwrap();
    assert_eq!(
        asked.send(body),
        r#"{"stream_options":{"include_usage":true},"max_tokens":5,"model":"llama:latest","stream":true}"#
    );
}

#[test]
fn forms_too() {
    let form = |body: &str| sent(&Kind::Form, "/v1/audio/transcriptions", WORK, body).unwrap();
    for (body, model, expected) in [
        ("model=LLAMA", "llama:latest", "model=llama%3Alatest"),
        (
            "a=1&mod%65l=ll%61ma&b=%20",
            "llama:latest",
            "a=1&model=llama%3Alatest&b=%20",
        ),
        ("model", "", "model"),
        ("a=1", "llama:latest", "model=llama%3Alatest&a=1"),
        ("model=x%26y", "x&y", "model=x%26y"),
    ] {
        assert_eq!(form(body), (Some(model.to_owned()), expected.to_owned()), "{body}");
    }
    let kind = Kind::Multipart("B".into());
    let part =
        |name: &str, text: &str| format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
    let file = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n\u{1}\u{2}\r\n";
    for (body, model, expected) in [
        (
            file.to_owned() + &part("model", "LLAMA") + "--B--\r\n",
            "llama:latest",
            file.to_owned() + &part("model", "llama:latest") + "--B--\r\n",
        ),
        (
            file.to_owned() + "--B--",
            "llama:latest",
            part("model", "llama:latest") + file + "--B--",
        ),
        (
            part("model", "whisper") + file + "--B--",
            "whisper",
            part("model", "whisper") + file + "--B--",
        ),
    ] {
        let sent = sent(&kind, "/v1/audio/transcriptions", WORK, &body).unwrap();
        assert_eq!(sent, (Some(model.to_owned()), expected), "{body}");
    }
}

/// A resolver that is wrong, or whose names come from a server that is.
#[test]
fn no_name_becomes_more_than_a_name() {
    struct Fixed(&'static str);
    impl super::ResolveModel for Fixed {
        fn resolve(&self, _: &str) -> Option<std::sync::Arc<str>> {
            Some(self.0.into())
        }
    }
    let fixed = |name: &'static str| Judge {
        names: Some(super::Names::new(std::sync::Arc::new(Fixed(name)))),
        ..JUDGE.clone()
    };
    let kind = Kind::Multipart("B".into());
    let body = "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\na\r\n--B--\r\n";
    let judged = |name| judge_by(&fixed(name), &kind, "/v1/audio/transcriptions", WORK, body);
    assert_eq!(judged("x--B--").unwrap_err(), Denial::InvalidBody);
    // It stays what it was.
    assert_eq!(judged("x\r\n--B--\r\n").unwrap().model(), Some("a"));
    let quoted = judge_by(&fixed("\"},{\\"), &Kind::Json, CHAT, WORK, r#"{"model":"a"}"#).unwrap();
    let sent = quoted.send(Bytes::from(r#"{"model":"a"}"#));
    assert_eq!(sent, r#"{"model":"\"},{\\"}"#);
}

/// Where only one model can be meant, who names none means it: it is judged, and written into what is handed on.
#[test]
fn the_only_model_is_the_one_that_is_meant() {
    struct Only;
    impl super::ResolveModel for Only {
        fn resolve(&self, name: &str) -> Option<std::sync::Arc<str>> {
            (name == "only").then(|| "only".into())
        }

        fn default_model(&self) -> Option<std::sync::Arc<str>> {
            Some("only".into())
        }
    }
    let judge = Judge {
        names: Some(super::Names::new(std::sync::Arc::new(Only))),
        default_model: None,
        ..JUDGE.clone()
    };
    for (body, model, expected) in [
        ("{}", "only", r#"{"model":"only"}"#),
        (r#"{"model":"default"}"#, "only", r#"{"model":"only"}"#),
        (r#"{"model":"other"}"#, "other", r#"{"model":"other"}"#),
    ] {
        let asked = judge_by(&judge, &Kind::Json, CHAT, WORK, body).unwrap();
        assert_eq!(asked.model(), Some(model), "{body}");
        assert_eq!(asked.send(Bytes::from(body)), expected);
    }
    // What the settings say comes first.
    let fixed = Judge {
        default_model: Some("demo".into()),
        ..judge
    };
    let asked = judge_by(&fixed, &Kind::Json, CHAT, WORK, "{}").unwrap();
    assert_eq!(asked.model(), Some("demo"));
}

#[test]
fn the_older_name_is_the_model_too() {
    let show = |body: &str| sent(&Kind::Json, "/api/show", SHOW, body);
    for (body, expected) in [
        (r#"{"name":"llama"}"#, r#"{"name":"llama:latest"}"#),
        (r#"{"model":"llama"}"#, r#"{"model":"llama:latest"}"#),
        (
            r#"{"name":"LLAMA","model":"llama"}"#,
            r#"{"name":"llama:latest","model":"llama:latest"}"#,
        ),
        (
            r#"{"name":"llama","model":null}"#,
            r#"{"name":"llama:latest","model":"llama:latest"}"#,
        ),
    ] {
        let (model, sent) = show(body).unwrap();
        assert_eq!(
            (model.as_deref(), sent.as_str()),
            (Some("llama:latest"), expected),
            "{body}"
        );
    }
    for body in [
        r#"{"model":"llama","name":"gpt"}"#,
        r#"{"model":"","name":"gpt"}"#,
        r#"{"model":"gpt","Name":"llama"}"#,
        r#"{"NAME":"gpt"}"#,
        r#"{"name":"gpt","name":"gpt"}"#,
        r#"{"n\u0061me":"gpt"}"#,
    ] {
        assert_eq!(show(body).unwrap_err(), Denial::AmbiguousRequest, "{body}");
    }
    assert_eq!(show(r#"{"name":7}"#).unwrap_err(), Denial::InvalidBody);
    // Nobody else reads it.
    let asked = judge_asks(CHAT, WORK, r#"{"model":"a","name":"b","Name":"c"}"#).unwrap();
    assert_eq!(asked.model(), Some("a"));
}

#[test]
fn an_address_counts_to_the_letter() {
    let path = Asks::about(ModelIn::Path);
    let query = Asks::work(ModelIn::Query);
    let model = |path: &str, asks| {
        let asked = resolve(&Kind::Nothing, path, asks, "")?;
        Ok(asked.model().map(str::to_owned))
    };
    for (address, asks, expected) in [
        ("/v1/models/LLAMA", path, Ok(Some("LLAMA"))),
        ("/v1/models/LLAMA?model=LLAMA", path, Ok(Some("LLAMA"))),
        ("/v1/models/LLAMA?model=llama", path, Err(Denial::AmbiguousRequest)),
        ("/v1/models/LLAMA?Model=gpt", path, Err(Denial::AmbiguousRequest)),
        ("/v1/realtime?model=LLAMA", query, Ok(Some("LLAMA"))),
        ("/v1/realtime?model=a&model=a", query, Err(Denial::AmbiguousRequest)),
        ("/v1/realtime?model=a&MODEL=b", query, Err(Denial::AmbiguousRequest)),
        ("/v1/realtime?model=a;model=b", query, Err(Denial::AmbiguousRequest)),
        ("/v1/realtime?MODEL=b", query, Err(Denial::AmbiguousRequest)),
        // Which one that would be is not ours to say.
        ("/v1/realtime", query, Ok(None)),
        ("/v1/realtime?intent=x", query, Ok(None)),
    ] {
        assert_eq!(
            model(address, asks),
            expected.map(|name: Option<&str>| name.map(str::to_owned)),
            "{address}"
        );
    }
    // And a body agrees with it by its exact name.
    let in_path = Asks::work(ModelIn::Path);
    let both = |body: &str| sent(&Kind::Json, "/v1/engines/LLAMA/completions", in_path, body);
    assert_eq!(both("{}").unwrap(), (Some("LLAMA".to_owned()), "{}".to_owned()));
    assert_eq!(both(r#"{"model":"llama"}"#).unwrap_err(), Denial::AmbiguousRequest);
    for body in ["{}", r#"{"model":"llama"}"#] {
        let asked = resolve(&Kind::Json, "/v1/completions?model=llama", WORK, body.to_owned());
        assert_eq!(asked.unwrap_err(), Denial::AmbiguousRequest, "{body}");
    }
}

/// Routers of models take further ones from other fields: nobody has judged those.
#[test]
fn further_models_are_refused() {
    for field in [
        r#""models":["gpt"]"#,
        r#""Models":["gpt"]"#,
        r#""mod\u0065ls":["gpt"]"#,
        r#""models":"gpt""#,
        r#""models":[],"models":["gpt"]"#,
        r#""fallbacks":[{"model":"gpt"}]"#,
        r#""FALLBACKS":null"#,
        r#""context_window_fallbacks":{"a":["gpt"]}"#,
        r#""content_policy_fallbacks":[{"a":["gpt"]}]"#,
        r#""default_fallbacks":["gpt"]"#,
        r#""fallback_models":["gpt"]"#,
        r#""model_list":[{"model_name":"a"}]"#,
        r#""models\u0000":["gpt"]"#,
    ] {
        for body in [
            format!(r#"{{"model":"a",{field}}}"#),
            format!(r#"{{{field},"model":"a"}}"#),
            format!("{{{field}}}"),
        ] {
            let judged = judge_asks(CHAT, WORK, body.clone());
            assert_eq!(judged.unwrap_err(), Denial::AmbiguousRequest, "{body}");
        }
    }
    for body in [
        r#"{"model":"a","models":[ ],"fallbacks":null,"model_list":{}}"#,
        r#"{"model":"a","messages":[{"models":["b"]}],"metadata":{"fallbacks":["b"]}}"#,
        r#"{"model":"a","stream_options":{"models":["b"]}}"#,
    ] {
        assert_eq!(judge_asks(CHAT, WORK, body).unwrap().model(), Some("a"), "{body}");
    }
    let form = |body: &str| sent(&Kind::Form, "/v1/audio/transcriptions", WORK, body);
    let part = |name: &str| format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nb\r\n");
    for name in ["model[]", "model[0]", "Model[]", "models", "models[]", "fallbacks[0]"] {
        for body in [
            format!("model=a&{name}=b"),
            format!("model=a&{}=b", name.replace('[', "%5B")),
        ] {
            assert_eq!(form(&body).unwrap_err(), Denial::AmbiguousRequest, "{body}");
        }
        let body = part("model") + &part(name) + "--B--\r\n";
        let parts = sent(&Kind::Multipart("B".into()), "/v1/audio/transcriptions", WORK, &body);
        assert_eq!(parts.unwrap_err(), Denial::AmbiguousRequest, "{body}");
    }
    assert!(form("model=a&models=&timestamp_granularities[]=word").is_ok());
}

#[test]
fn a_name_of_the_clients_choice_is_noted() {
    let names_itself = |body: &str| judge_asks(CHAT, WORK, body.to_owned()).unwrap().names_itself();
    assert!(names_itself(r#"{"model":"a","request_id":"resp_1"}"#));
    assert!(names_itself(r#"{"model":"a","Request\u005fid":"resp_1"}"#));
    assert!(!names_itself(r#"{"model":"a","request_id":null}"#));
    assert!(!names_itself(r#"{"model":"a","metadata":{"request_id":"x"}}"#));
}
