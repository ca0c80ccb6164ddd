//! Responses that an upstream stores: their owner's, and nobody else's.

use serde_json::json;

use super::engine::{Engine, Received, Step, answer, chunk, chunked, json_answer, send};
use super::world::Guard;

async fn world() -> (Engine, Guard) {
    let engine = Engine::serving(&["allowed"], |asked| match (asked.method(), asked.target()) {
        ("POST", "/v1/responses") if asked.json()["stream"] == true => vec![
            chunked("text/event-stream"),
            chunk("event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_stream\"}}\n\n"),
            chunk("event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_stream\"}}\n\n"),
            send("0\r\n\r\n"),
        ],
        ("POST", "/v1/responses") => json_answer(&json!({"id": "resp_1", "output": []})),
        ("GET" | "DELETE", _) => json_answer(&json!({"id": "resp_1", "secret": "of its owner"})),
        _ => answer(404, "application/json", r#"{"error":"no"}"#),
    })
    .await;
    let guard = Guard::before(&[&engine], &[]).await;
    (engine, guard)
}

#[tokio::test]
async fn they_are_their_owners() {
    let (engine, guard) = world().await;
    let ask = async |key: &str, body: &str| guard.ask(key, "POST", "/v1/responses", Some(body)).await;
    assert_eq!(ask(&guard.user, r#"{"model":"allowed","input":"x"}"#).await.status, 200);
    engine.take();

    let path = "/v1/responses/resp_1";
    let further = r#"{"model":"allowed","input":"y","previous_response_id":"resp_1"}"#;
    for (who, key) in [("another", &guard.narrow), ("an administrator", &guard.admin)] {
        let answer = ask(key, further).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{who}");
        assert_eq!(guard.ask(key, "DELETE", path, None).await.status, 404, "{who}");
    }
    assert_eq!(guard.ask(&guard.narrow, "GET", path, None).await.status, 404);
    assert!(engine.take().is_empty(), "nothing of it arrived");

    assert_eq!(
        guard.ask(&guard.user, "GET", path, None).await.json()["secret"],
        "of its owner"
    );
    // The stand-in gives each the same id, which is noted once.
    assert_eq!(ask(&guard.user, further).await.status, 200);
    assert_eq!(guard.ask(&guard.user, "DELETE", path, None).await.status, 200);
    assert_eq!(
        guard.ask(&guard.user, "GET", path, None).await.status,
        404,
        "it is gone"
    );
}

#[tokio::test]
async fn what_nobody_asked_for_here_is_nobodys() {
    let (engine, guard) = world().await;
    for key in [&guard.user, &guard.admin] {
        assert_eq!(
            guard
                .ask(key, "GET", "/v1/responses/resp_of_somebody", None)
                .await
                .status,
            404
        );
        for field in [
            r#""previous_response_id":"resp_of_somebody""#,
            r#""previous_response_id":"resp_of_somebody","previous_response_id":null"#,
            r#""previous_response_id":null,"Previous_Response_Id":"resp_of_somebody""#,
            r#""conversation":"conv_1""#,
            r#""Conversation":{"id":"conv_1"}"#,
            r#""background":true"#,
        ] {
            let body = format!(r#"{{"model":"allowed","input":"x",{field}}}"#);
            let answer = guard.ask(key, "POST", "/v1/responses", Some(&body)).await;
            assert!(matches!(answer.status, 400 | 404), "{field}: {answer:?}");
            assert!(answer.json()["error"]["message"].is_string(), "{field}: {answer:?}");
        }
    }
    assert!(engine.take().is_empty());
}

#[tokio::test]
async fn a_streamed_one_is_its_owners_too() {
    let (engine, guard) = world().await;
    let body = r#"{"model":"allowed","input":"x","stream":true}"#;
    assert!(
        guard
            .ask(&guard.user, "POST", "/v1/responses", Some(body))
            .await
            .is_whole
    );
    assert_eq!(
        guard
            .ask(&guard.user, "GET", "/v1/responses/resp_stream", None)
            .await
            .status,
        200
    );
    assert_eq!(
        guard
            .ask(&guard.narrow, "GET", "/v1/responses/resp_stream", None)
            .await
            .status,
        404
    );
    assert_eq!(engine.take().len(), 1);
}

/// vLLM stores an answer under the name that a client gives: that could be another's.
#[tokio::test]
async fn nobody_chooses_what_a_response_is_called() {
    let (engine, guard) = world().await;
    for (path, field) in [
        ("/v1/responses", r#""request_id":"resp_1""#),
        ("/v1/responses", r#""request\u005fid":"resp_1""#),
        ("/v1/responses", r#""request_id":null,"request_id":"resp_1""#),
        ("/v1/chat/completions", r#""request_id":"resp_1""#),
    ] {
        let body = format!(r#"{{"model":"allowed","input":"x",{field}}}"#);
        let answer = guard.ask(&guard.user, "POST", path, Some(&body)).await;
        assert_eq!(answer.status, 400, "{path} {field}: {answer:?}");
        assert!(answer.body.contains("request_id"), "{answer:?}");
    }
    assert!(engine.take().is_empty(), "nothing arrived");
}

/// Only the upstream that made a response has it.
#[tokio::test]
async fn each_is_where_it_was_made() {
    let one = Engine::serving(&["one"], storing("resp_one")).await;
    let two = Engine::serving(&["two"], storing("resp_two")).await;
    let guard = Guard::before(&[&one, &two], &[]).await;
    let ask = async |method: &str, path: &str, body: Option<&str>| guard.ask(&guard.user, method, path, body).await;
    for (model, stream) in [("two", false), ("one", false), ("two", true)] {
        let body = json!({"model": model, "input": "x", "stream": stream}).to_string();
        assert_eq!(ask("POST", "/v1/responses", Some(&body)).await.status, 200);
    }
    one.take();
    two.take();
    let further = |model: &str, store: bool| {
        json!({"model": model, "input": "y", "previous_response_id": "resp_two", "store": store}).to_string()
    };
    for store in [true, false] {
        assert_eq!(
            ask("POST", "/v1/responses", Some(&further("two", store))).await.status,
            200
        );
        // The other one does not know it.
        assert_eq!(
            ask("POST", "/v1/responses", Some(&further("one", store))).await.status,
            404
        );
    }
    assert_eq!((one.take().len(), two.take().len()), (0, 2));
    for (method, path) in [
        ("GET", "/v1/responses/resp_two"),
        ("POST", "/v1/responses/resp_two/cancel"),
        ("DELETE", "/v1/responses/resp_two"),
    ] {
        let answer = ask(method, path, None).await;
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
        let [asked] = &two.take()[..] else {
            panic!("{method} {path} goes to who made it")
        };
        assert_eq!((asked.method(), asked.target()), (method, path));
    }
    assert_eq!(ask("DELETE", "/v1/responses/resp_one", None).await.status, 200);
    assert_eq!((one.take().len(), two.take().len()), (1, 0));
}

/// An engine whose responses have this id.
fn storing(id: &'static str) -> impl Fn(&Received) -> Vec<Step> + Send + Sync {
    move |asked| match (asked.method(), asked.target()) {
        ("POST", "/v1/responses") if asked.json()["stream"] == true => {
            let event = |kind: &str| {
                let data = json!({"type": kind, "response": {"id": id}});
                chunk(&format!("event: {kind}\ndata: {data}\n\n"))
            };
            vec![
                chunked("text/event-stream"),
                event("response.created"),
                event("response.completed"),
                send("0\r\n\r\n"),
            ]
        }
        _ => json_answer(&json!({"id": id, "output": []})),
    }
}
