//! Upstreams that are not there, or not for long.

use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::engine::{Engine, Step, answer, json_answer};
use super::world::Guard;

const CHAT: &str = r#"{"model":"allowed","messages":[]}"#;

/// An address that nobody listens on.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn the_next_one_is_asked_when_a_connection_fails_and_only_then() {
    let dead = nobody().await;
    let engine = Engine::serving(&["allowed"], |_| json_answer(&json!({"id": "x"}))).await;
    let configuration = format!(
        "[[upstreams]]\nurl = '{dead}'\nmodels = ['allowed']\n[[upstreams]]\nurl = '{}'",
        engine.url()
    );
    let guard = Guard::configured(&configuration).await;
    for _ in 0..10 {
        let answer = guard.chat(&guard.user, CHAT).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let arrived = engine.take();
    assert_eq!(arrived.len(), 10);
    assert!(
        arrived.iter().all(|one| one.body == CHAT.as_bytes()),
        "with all of the body"
    );

    // One that got the request may have begun to work on it.
    let breaks = Engine::serving(&["allowed"], |_| vec![Step::Close]).await;
    let guard = Guard::before(&[&breaks, &engine], &[]).await;
    assert_eq!(guard.chat(&guard.user, CHAT).await.status, 502);
    assert_eq!((breaks.take().len(), engine.take().len()), (1, 0));
}

/// An engine that is so busy that it accepts nobody: the system lets a few connections wait, and is silent to all others.
#[tokio::test]
async fn no_connection_in_time_is_a_504_and_the_next_one_is_asked() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let busy = socket.listen(0).unwrap();
    let address = busy.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
        assert!(waiting.len() < 100, "it accepts everybody");
    }
    let silent =
        format!("upstream_connect_timeout = '1s'\n[[upstreams]]\nurl = 'http://{address}'\nmodels = ['allowed']\n");
    let guard = Guard::configured(&silent).await;
    let answer = guard.chat(&guard.user, CHAT).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (504, "upstream_unavailable"),
        "{answer:?}"
    );
    assert_eq!(answer.header("retry-after"), Some("5"));

    let engine = Engine::serving(&["allowed"], |_| json_answer(&json!({"id": "x"}))).await;
    let guard = Guard::configured(&format!("{silent}[[upstreams]]\nurl = '{}'", engine.url())).await;
    assert_eq!(guard.chat(&guard.user, CHAT).await.status, 200);
}

/// A picture of 45 MB in the body arrives as it was sent.
#[tokio::test]
async fn a_large_body_passes_whole() {
    let engine = Engine::serving(&["allowed"], |_| json_answer(&json!({"id": "x"}))).await;
    let guard = Guard::before(&[&engine], &[]).await;
    let picture = "iVBORw0KGgo=".repeat(45 * 1024 * 1024 / 12);
    let url = json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{picture}")}});
    let body = json!({"model": "allowed", "messages": [{"role": "user", "content": [url]}]}).to_string();
    assert_eq!(guard.chat(&guard.user, &body).await.status, 200);
    let arrived = engine.take();
    assert!(
        arrived[0].body == body.as_bytes(),
        "{} of {}",
        arrived[0].body.len(),
        body.len()
    );
}

/// Requests that an engine breaks on keep nobody else out.
#[tokio::test]
async fn a_request_that_breaks_it_is_its_senders_trouble_alone() {
    let engine = Engine::serving(&["allowed"], |asked| {
        if asked.json()["poison"] == true {
            vec![Step::Close]
        } else {
            json_answer(&json!({"id": "x"}))
        }
    })
    .await;
    let guard = Guard::before(&[&engine], &[]).await;
    for _ in 0..10 {
        let answer = guard.chat(&guard.user, r#"{"model":"allowed","poison":true}"#).await;
        assert_eq!(answer.status, 502);
        assert_eq!(guard.chat(&guard.narrow, CHAT).await.status, 200);
    }
    assert_eq!(engine.take().len(), 20);
}

#[tokio::test]
async fn where_nobody_can_be_reached_it_is_said_at_once_and_mends_itself() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let configuration = format!("[[upstreams]]\nurl = 'http://{address}'");
    let guard = Guard::configured(&configuration).await;
    // Accounts and health work without it.
    let ready = guard.ask(&guard.user, "GET", "/readyz", None).await;
    assert_eq!(
        (ready.status, &ready.json()["upstreams"]),
        (200, &json!({"configured": 1, "reachable": 0}))
    );
    for _ in 0..5 {
        let answer = guard.chat(&guard.user, CHAT).await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unavailable"));
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(guard.ask(&guard.user, "GET", "/v1/models", None).await.status, 502);

    let listener = TcpListener::bind(address).await.unwrap();
    let _engine = Engine::on(listener, |asked| match asked.target() {
        "/v1/models" => json_answer(&json!({"data": [{"id": "allowed"}]})),
        "/api/tags" => answer(404, "text/plain", ""),
        _ => json_answer(&json!({"id": "x"})),
    });
    loop {
        if guard.chat(&guard.user, CHAT).await.status == 200 {
            break;
        }
    }
    let ready = guard.ask(&guard.user, "GET", "/readyz", None).await.json();
    assert_eq!(ready["upstreams"]["reachable"], 1);
}
