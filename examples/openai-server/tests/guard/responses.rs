//! Responses that an upstream stores: their owner's, and nobody else's.

use serde_json::json;

use super::engine::{Engine, answer, chunk, chunked, json_answer, send};
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
