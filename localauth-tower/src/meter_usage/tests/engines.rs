//! What the engines of the route packs answer in their own words, shortened in nothing but text and vectors.

use std::sync::Arc;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use localauth_core::policy::{Access, Asks, Dialect, ModelIn, Rule};

use super::support::{Frames, Metered, answer, one};
use super::{Case, EVENTS, JSON, LINES, PROMPT_ESTIMATE, about, check, exactly};

/// llama.cpp's own stream: each piece tells what there is so far, the last one all of it.
pub(super) const LLAMA_CPP: &str = concat!(
    "data: {\"index\":0,\"content\":\"Par\",\"tokens\":[4368],\"stop\":false,\"id_slot\":0,\"tokens_predicted\":1,\"tokens_evaluated\":6}\n\n",
    "data: {\"index\":0,\"content\":\"is\",\"tokens\":[285],\"stop\":false,\"id_slot\":0,\"tokens_predicted\":2,\"tokens_evaluated\":6}\n\n",
    "data: {\"index\":0,\"content\":\"\",\"tokens\":[],\"id_slot\":0,\"stop\":true,\"model\":\"tiny\",\"tokens_predicted\":3,\"tokens_evaluated\":6,\"generation_settings\":{\"n_predict\":16,\"stop\":[],\"stream\":true},\"prompt\":\"The capital of France is\",\"has_new_line\":false,\"truncated\":false,\"stop_type\":\"eos\",\"stopping_word\":\"\",\"tokens_cached\":8,\"timings\":{\"cache_n\":4,\"prompt_n\":2,\"prompt_ms\":9.1,\"predicted_n\":3,\"predicted_ms\":30.2}}\n\n",
);

#[test]
fn ollama() {
    check(
        JSON,
        true,
        vec![
            Case {
                name: "embed",
                text: r#"{"model":"all-minilm","embeddings":[[0.010071029,-0.0017594862],[-0.0098027075,0.06042469]],
                "total_duration":14143917,"load_duration":1019500,"prompt_eval_count":8}"#,
                came_to: exactly("all-minilm", 8, 0),
            },
            Case {
                name: "a model that is loaded, and asked for nothing",
                text: r#"{"model":"llama3.2","created_at":"2026-11-01T10:00:00Z","response":"","done":true,"done_reason":"load"}"#,
                came_to: about("llama3.2", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "what a model is",
                text: r#"{"modelfile":"FROM x","parameters":"stop \"x\"","template":"{{ .Prompt }}",
                "details":{"family":"llama"},"model_info":{"general.parameter_count":8030261248},"capabilities":["completion"]}"#,
                came_to: exactly("", 0, 0),
            },
        ],
    );
    check(
        LINES,
        true,
        vec![Case {
            name: "a stream that nobody asked for",
            text: "{\"model\":\"m\",\"created_at\":\"2026-11-01T10:00:00Z\",\"response\":\"Hi\",\"done\":false}\n\
               {\"model\":\"m\",\"created_at\":\"2026-11-01T10:00:01Z\",\"response\":\"\",\"done\":true,\"done_reason\":\"stop\",\"context\":[1,2],\"total_duration\":1,\"prompt_eval_count\":5,\"eval_count\":2}\n",
            came_to: exactly("m", 5, 2),
        }],
    );
}

#[test]
fn vllm() {
    check(
        JSON,
        true,
        vec![
            Case {
                name: "score",
                text: r#"{"id":"score-1","object":"list","created":1762000000,"model":"bge-reranker","data":[
                {"index":0,"object":"score","score":0.00109},{"index":1,"object":"score","score":0.9}],
                "usage":{"prompt_tokens":37,"total_tokens":37,"completion_tokens":0,"prompt_tokens_details":null}}"#,
                came_to: exactly("bge-reranker", 37, 0),
            },
            Case {
                name: "rerank",
                text: r#"{"id":"rerank-1","model":"bge-reranker","usage":{"prompt_tokens":56,"total_tokens":56},"results":[
                {"index":1,"document":{"text":"Paris","multi_modal":null},"relevance_score":0.99}]}"#,
                came_to: exactly("bge-reranker", 56, 0),
            },
            Case {
                name: "pooling",
                text: r#"{"id":"pool-1","object":"list","created":1762000000,"model":"reward","data":[
                {"index":0,"object":"pooling","data":[[0.1,0.2],[0.3,0.4]]}],
                "usage":{"prompt_tokens":8,"total_tokens":8,"completion_tokens":0,"prompt_tokens_details":null}}"#,
                came_to: exactly("reward", 8, 0),
            },
            Case {
                name: "classify",
                text: r#"{"id":"classify-1","object":"list","created":1762000000,"model":"emotions","data":[
                {"index":0,"label":"joy","probs":[0.9,0.1],"num_classes":2}],
                "usage":{"prompt_tokens":10,"total_tokens":10,"completion_tokens":0,"prompt_tokens_details":null}}"#,
                came_to: exactly("emotions", 10, 0),
            },
            Case {
                name: "embeddings in the words of Cohere, which are counted elsewhere",
                text: r#"{"id":"embd-1","embeddings":{"float":[[0.1,0.2]]},"texts":["a"],"meta":{"api_version":{"version":"2"},
                "billed_units":{"input_tokens":12}},"response_type":"embeddings_by_type"}"#,
                came_to: about("", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "tokens, counted and not made",
                text: r#"{"count":3,"max_model_len":4096,"tokens":[1,2,3],"token_strs":null}"#,
                came_to: exactly("", 0, 0),
            },
            Case {
                name: "decisions",
                text: r#"{"id":"dec-1","object":"structured_decision","created":1,"model":"m","answers":{},
                "usage":{"input_tokens":40,"output_tokens":2},"diagnostics":{}}"#,
                came_to: exactly("m", 40, 2),
            },
        ],
    );
}

#[test]
fn llama_cpp() {
    check(
        JSON,
        true,
        vec![
            Case {
                name: "a completion",
                text: r#"{"index":0,"content":" Paris, \"stop\":false","tokens":[],"id_slot":0,"stop":true,"model":"tiny","tokens_predicted":16,
                "tokens_evaluated":6,"generation_settings":{"n_predict":16,"stop":[],"tokens_predicted":99},"prompt":"The capital",
                "truncated":false,"stop_type":"limit","tokens_cached":21,"timings":{"cache_n":5,"prompt_n":1,"predicted_n":16}}"#,
                came_to: exactly("tiny", 6, 16).cached(5),
            },
            Case {
                name: "several prompts, or several answers to one",
                text: r#"[{"index":0,"content":"a","stop":true,"model":"tiny","tokens_predicted":3,"tokens_evaluated":6,"timings":{"cache_n":2}},
                {"index":1,"content":"b","stop":true,"model":"tiny","tokens_predicted":4,"tokens_evaluated":7,"timings":{"cache_n":0}}]"#,
                came_to: exactly("tiny", 13, 7).cached(2),
            },
            Case {
                name: "embeddings of its own",
                text: r#"[{"index":0,"embedding":[[0.1,0.2]]},{"index":1,"embedding":[[0.3,0.4]]}]"#,
                came_to: about("", PROMPT_ESTIMATE, 0),
            },
            Case {
                name: "reranking",
                text: r#"{"model":"bge","object":"list","usage":{"prompt_tokens":29,"total_tokens":29},"results":[{"index":0,"relevance_score":1.5}]}"#,
                came_to: exactly("bge", 29, 0),
            },
            Case {
                name: "OpenAI's words, and its own beside them",
                text: r#"{"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"Hi"}}],"created":1,"model":"tiny",
                "object":"chat.completion","usage":{"completion_tokens":2,"prompt_tokens":11,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":7}},
                "id":"chatcmpl-1","timings":{"cache_n":7,"prompt_n":4,"predicted_n":2}}"#,
                came_to: exactly("tiny", 11, 2).cached(7),
            },
            Case {
                name: "tokens, counted and not made",
                text: r#"{"tokens":[1,2,3]}"#,
                came_to: exactly("", 0, 0),
            },
        ],
    );
}

#[test]
fn llama_cpp_in_a_stream() {
    let (head, _) = LLAMA_CPP.split_at(LLAMA_CPP.rfind("data:").unwrap());
    check(
        EVENTS,
        true,
        vec![
            Case {
                name: "a completion",
                text: LLAMA_CPP,
                came_to: exactly("tiny", 6, 3).cached(4),
            },
            Case {
                name: "two at once: none hides what the other one wrote",
                text: "data: {\"index\":0,\"content\":\"a\",\"stop\":false,\"tokens_predicted\":1,\"tokens_evaluated\":5}\n\n\
                   data: {\"index\":1,\"content\":\"b\",\"stop\":false,\"tokens_predicted\":1,\"tokens_evaluated\":7}\n\n\
                   data: {\"index\":1,\"content\":\"c\",\"stop\":false,\"tokens_predicted\":2,\"tokens_evaluated\":7}\n\n\
                   data: {\"index\":1,\"content\":\"\",\"stop\":true,\"model\":\"m\",\"tokens_predicted\":2,\"tokens_evaluated\":7}\n\n\
                   data: {\"index\":0,\"content\":\"\",\"stop\":true,\"model\":\"m\",\"tokens_predicted\":1,\"tokens_evaluated\":5}\n\n",
                came_to: exactly("m", 12, 3),
            },
        ],
    );
    check(
        EVENTS,
        false,
        vec![
            Case {
                name: "broken off",
                text: head,
                came_to: about("", PROMPT_ESTIMATE, 2),
            },
            Case {
                name: "one of two broken off",
                text: "data: {\"index\":0,\"content\":\"a\",\"stop\":false,\"tokens_predicted\":1,\"tokens_evaluated\":5}\n\n\
                   data: {\"index\":1,\"content\":\"b\",\"stop\":false,\"tokens_predicted\":1,\"tokens_evaluated\":7}\n\n\
                   data: {\"index\":1,\"content\":\"\",\"stop\":true,\"model\":\"m\",\"tokens_predicted\":1,\"tokens_evaluated\":7}\n\n",
                came_to: about("m", 7, 2),
            },
        ],
    );
}

/// A request to a route of the table, of 40 bytes.
fn request(metered: &Metered, method: Method, path: &str, asks: Asks) -> Request<Full<bytes::Bytes>> {
    let mut user = metered.user.clone();
    let rule = Rule::new(method.clone(), path.to_owned(), Access::Feature("embeddings".into())).asking(asks);
    user.set_rule(Arc::new(rule));
    let mut request = metered.request_with(user);
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    request
}

/// vLLM answers so to `"encoding_format": "bytes"`, and tells what it took in a header: a way to pay nothing.
#[tokio::test]
async fn an_answer_in_bytes_costs_what_one_in_json_would() {
    let work = Asks::work(ModelIn::Body);
    for (asks, recorded) in [
        (work.in_words_of(Dialect::OpenAi), one("", 10, 0, true)),
        // Speech and the like, where nobody tells tokens.
        (work, one("", 0, 0, false)),
    ] {
        let metered = Metered::new().await;
        let request = request(&metered, Method::POST, "/v1/embeddings", asks);
        let response = Ok(answer("application/octet-stream", Frames::of(["\u{1}\u{2}"])));
        let body = metered.ask(request, response).await.unwrap();
        body.collect().await.unwrap();
        assert_eq!(metered.recorded().await, recorded);
    }
}

#[tokio::test]
async fn a_connection_that_is_handed_over_is_one_request() {
    for (model, requests) in [(ModelIn::Query, 1), (ModelIn::Path, 0)] {
        let metered = Metered::new().await;
        let request = request(&metered, Method::GET, "/v1/realtime", Asks::work(model));
        let mut response = answer(JSON, Frames::of::<&str>([]));
        response.headers_mut().clear();
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let body = metered.ask(request, Ok(response)).await.unwrap();
        body.collect().await.unwrap();
        let (recorded, prompt, ..) = metered.recorded().await;
        assert_eq!((recorded, prompt), (requests, 0));
    }
}
