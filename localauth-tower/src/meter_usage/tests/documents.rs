//! Answers in one document, as servers send them, and as they should not.

use super::{Case, JSON, PROMPT_ESTIMATE, about, check, exactly, measure_text};

#[test]
fn answers_that_tell() {
    check(
        JSON,
        true,
        vec![
            Case {
                name: "chat",
                text: r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"llama","choices":[{"index":0,
                "message":{"role":"assistant","content":"Hello!","refusal":null},"logprobs":null,"finish_reason":"stop"}],
                "usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,
                "prompt_tokens_details":{"cached_tokens":7,"prompt_tokens":5},"avg_tok_per_sec":12.5},"service_tier":"default"}"#,
                came_to: exactly("llama", 19, 10).cached(7),
            },
            Case {
                name: "usage first",
                text: r#"{"usage":{"prompt_tokens":19,"completion_tokens":10},"choices":[{"message":{"content":"Hi"}}],"model":"m"}"#,
                came_to: exactly("m", 19, 10),
            },
            Case {
                name: "one token",
                text: r#"{"choices":[{"message":{"content":"Yes"}}],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#,
                came_to: exactly("", 5, 1),
            },
            Case {
                name: "text completion",
                text: r#"{"object":"text_completion","model":"m","choices":[{"text":"\n\nThis is","index":0}],
                "usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}"#,
                came_to: exactly("m", 5, 7),
            },
            Case {
                name: "embeddings",
                text: r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2e-5,NaN]}],"model":"e",
                "usage":{"prompt_tokens":8,"total_tokens":8}}"#,
                came_to: exactly("e", 8, 0),
            },
            Case {
                name: "reranking, which tells only the total",
                text: r#"{"model":"r","usage":{"total_tokens":815},"results":[{"index":0,"relevance_score":0.9}]}"#,
                came_to: exactly("r", 815, 0),
            },
            Case {
                name: "responses",
                text: r#"{"id":"resp_1","object":"response","model":"m","output":[{"type":"message","content":[
                {"type":"output_text","text":"Hi","annotations":[]}]}],"usage":{"input_tokens":36,
                "input_tokens_details":{"cached_tokens":0},"output_tokens":87,"total_tokens":123}}"#,
                came_to: exactly("m", 36, 87),
            },
            Case {
                name: "messages",
                text: r#"{"type":"message","model":"m","content":[{"type":"text","text":"Hi"}],"usage":{"input_tokens":10,"output_tokens":25}}"#,
                came_to: exactly("m", 10, 25),
            },
            Case {
                name: "both pairs of names, one of them zero",
                text: r#"{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2,"input_tokens":0,"output_tokens":0}}"#,
                came_to: exactly("", 4, 2),
            },
            Case {
                name: "an image",
                text: r#"{"created":1,"data":[{"b64_json":"aGVsbG8=","revised_prompt":"a cat"}]}"#,
                came_to: exactly("", 0, 0),
            },
            Case {
                name: "a transcript",
                text: r#"{"text":"Imagine the wildest idea","usage":{"type":"duration","seconds":9}}"#,
                came_to: exactly("", 0, 0),
            },
            Case {
                name: "nothing",
                text: "",
                came_to: exactly("", 0, 0),
            },
            Case {
                name: "no object",
                text: r#"[{"usage":{"prompt_tokens":1}}]"#,
                came_to: exactly("", 0, 0),
            },
        ],
    );
}

#[test]
fn answers_that_do_not_tell() {
    check(
        JSON,
        true,
        vec![
            Case {
                name: "no word of usage: the text is taken by its length",
                text: r#"{"model":"m","choices":[{"message":{"content":"h\u00e9llo\n","reasoning_content":"12"}}]}"#,
                came_to: about("m", PROMPT_ESTIMATE, 3),
            },
            Case {
                name: "no word of usage: an empty answer has read the prompt",
                text: r#"{"model":"m","choices":[{"message":{"content":null}}],"usage":null}"#,
                came_to: about("m", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "no word of usage: embeddings have read the prompt",
                text: r#"{"model":"m","data":[{"embedding":"AACAPw=="}]}"#,
                came_to: about("m", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "no word of usage: calls and parts are text too",
                text: r#"{"choices":[{"message":{"content":[{"type":"text","text":"1234"}],
                "tool_calls":[{"id":"x","function":{"name":"f","arguments":"5678"}}]}}]}"#,
                came_to: about("", PROMPT_ESTIMATE, 2),
            },
            Case {
                name: "usage that cannot be",
                text: r#"{"model":"m","choices":[],"usage":{"prompt_tokens":-4,"completion_tokens":9e99}}"#,
                came_to: about("m", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "usage that only begins like a number",
                text: r#"{"choices":[],"usage":{"prompt_tokens":1.00000000000000000000000000000000000001}}"#,
                came_to: about("", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "usage that is something else",
                text: r#"{"model":["m"],"choices":[],"usage":[{"prompt_tokens":4}]}"#,
                came_to: about("", PROMPT_ESTIMATE, 0),
            },
        ],
    );
}

#[test]
fn what_only_looks_like_usage() {
    check(
        JSON,
        true,
        vec![
            Case {
                name: "in the text",
                text: r#"{"model":"m","choices":[{"message":{"content":"\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\\"}}],
                "usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
                came_to: exactly("m", 3, 4),
            },
            Case {
                name: "in the arguments of a call, and as objects where they do not belong",
                text: r#"{"model":"m","usage":{"prompt_tokens":3,"completion_tokens":4},"choices":[{"model":"n","usage":{"prompt_tokens":9},
                "message":{"usage":{"completion_tokens":9},"tool_calls":[{"function":{"arguments":"{\"usage\":{\"prompt_tokens\":9}}",
                "parsed":{"usage":{"prompt_tokens":9}}}}]}}],"metadata":{"usage":{"prompt_tokens":9},"model":"n"}}"#,
                came_to: exactly("m", 3, 4),
            },
            Case {
                name: "a key with escapes is the same key",
                text: r#"{"\u006dodel":"m","us\u0061ge":{"prompt\u005ftokens":3,"completion_tokens":4}}"#,
                came_to: exactly("m", 3, 4),
            },
            Case {
                name: "a longer key is another",
                text: r#"{"models":"x","usage_":{"prompt_tokens":3},"usage                            ":{"prompt_tokens":3},"":{"prompt_tokens":3}}"#,
                came_to: exactly("", 0, 0),
            },
            Case {
                name: "twice: the last usage, the first model",
                text: r#"{"model":"","model":"m","model":"n","usage":{"prompt_tokens":1,"completion_tokens":1},
                "usage":{"prompt_tokens":3,"completion_tokens":4},"usage":null}"#,
                came_to: exactly("m", 3, 4),
            },
            Case {
                name: "after the document",
                text: r#"{"model":"m"} {"usage":{"prompt_tokens":3}}"#,
                came_to: exactly("m", 0, 0),
            },
            Case {
                name: "after what is no JSON",
                text: r#"{"model":"m","x":{]}"usage":{"prompt_tokens":3}}"#,
                came_to: exactly("m", 0, 0),
            },
        ],
    );
}

#[test]
fn depth_has_a_bound() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"deep":{open}{close},"usage":{{"prompt_tokens":3,"completion_tokens":4}}}}"#)
    };
    assert_eq!(measure_text(JSON, &nested(127), true), exactly("", 3, 4));
    assert_eq!(measure_text(JSON, &nested(128), true), exactly("", 0, 0));
    assert_eq!(measure_text(JSON, &nested(1_000_000), true), exactly("", 0, 0));
}

#[test]
fn characters_of_two_halves() {
    for (written, model) in [
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d\u0041\ude00", "A"),
        (r"\ud83dA\ude00", "A"),
        (r"\ud83d\n\ude00A", "\nA"),
        (r"A\ud83d\ud83d\ude00", "A😀"),
    ] {
        let answer = format!(r#"{{"x\ud83d":"\ud83d","model":"\ude00","model":"{written}"}}"#);
        assert_eq!(measure_text(JSON, &answer, true).model, model, "{written}");
    }
    let answer = r#"{"model\ud83d":"\ude00A"}"#;
    assert_eq!(measure_text(JSON, answer, true).model, "A", "one half in each string");
}

#[test]
fn a_long_model_name_is_cut_at_a_character() {
    let answer = format!(r#"{{"model":"a{}","choices":[]}}"#, "é".repeat(200));
    assert_eq!(measure_text(JSON, &answer, true).model, format!("a{}", "é".repeat(127)));
}

#[test]
fn broken_off() {
    check(
        JSON,
        false,
        vec![
            Case {
                name: "in the text",
                text: r#"{"model":"m","choices":[{"message":{"content":"12345678"#,
                came_to: about("m", PROMPT_ESTIMATE, 2),
            },
            Case {
                name: "before anything",
                text: "",
                came_to: about("", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "in the model",
                text: r#"{"model":"mod"#,
                came_to: about("", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "in the usage",
                text: r#"{"model":"m","choices":[{"text":"1234"}],"usage":{"prompt_tokens":3,"completion_tokens":4"#,
                came_to: about("m", PROMPT_ESTIMATE, 1),
            },
            Case {
                name: "after the usage",
                text: r#"{"model":"m","choices":[{"text":"1234"}],"usage":{"prompt_tokens":3,"completion_tokens":4}"#,
                came_to: exactly("m", 3, 4),
            },
            Case {
                name: "after the document, before the end of the body",
                text: r#"{"created":1,"data":[{"b64_json":"aGVsbG8="}]}"#,
                came_to: exactly("", 0, 0),
            },
        ],
    );
}
