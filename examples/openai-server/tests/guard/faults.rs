//! Upstreams that fail, and clients that leave: each has its defined answer, and leaves nothing behind.

use std::sync::Arc;

use serde_json::json;
use tokio::{io::AsyncWriteExt as _, sync::Notify};

use super::engine::{Engine, Step, answer, chunk, chunked, json_answer, send};
use super::world::{Guard, read, read_until, request};

const CHAT: &str = r#"{"model":"allowed","messages":[]}"#;
const STREAM: &str = r#"{"model":"allowed","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#;
const EVENTS: &str = "text/event-stream";
/// Short enough to be waited for, and long enough that nothing else takes as long.
const SHORT: [(&str, &str); 2] = [
    ("LOCALAUTH_UPSTREAM_FIRST_BYTE_TIMEOUT", "1s"),
    ("LOCALAUTH_UPSTREAM_IDLE_TIMEOUT", "1s"),
];

async fn before(script: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> (Engine, Guard) {
    let engine = Engine::serving(&["allowed"], move |_| script()).await;
    let guard = Guard::before(&[&engine], &SHORT).await;
    (engine, guard)
}

/// Nothing of it is left but the connection that is kept for the next request.
async fn nothing_is_left(engine: &Engine, guard: Guard) {
    engine.open_at_most(1).await;
    let auth = guard.auth.clone();
    guard.stop().await;
    engine.open_at_most(0).await;
    assert_eq!(auth.unrecorded(), 0);
}

#[tokio::test]
async fn one_that_fails_before_it_answers() {
    for (name, steps, status) in [
        ("hangs", vec![Step::Hang], 504),
        (
            "hangs within the head",
            vec![send("HTTP/1.1 200 OK\r\ncontent-ty"), Step::Hang],
            504,
        ),
        ("closes", vec![Step::Close], 502),
        (
            "closes within the head",
            vec![send("HTTP/1.1 200 OK\r\ncontent-ty"), Step::Close],
            502,
        ),
        ("garbage", vec![send("\u{1}\u{2}nonsense\r\n\r\n"), Step::Close], 502),
        (
            "another protocol",
            vec![send("220 smtp.example.org ESMTP\r\n"), Step::Close],
            502,
        ),
        ("no status", vec![send("HTTP/1.1 999999 OK\r\n\r\n"), Step::Close], 502),
        (
            "a head without end",
            vec![Step::Flood(b"HTTP/1.1 200 OK\r\n".to_vec())],
            502,
        ),
        (
            "two lengths",
            vec![
                send("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxy"),
                Step::Close,
            ],
            502,
        ),
        (
            "upgrades unasked",
            vec![
                send("HTTP/1.1 101 Sure\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
                Step::Hang,
            ],
            502,
        ),
    ] {
        let (engine, guard) = before(move || steps.clone()).await;
        let answer = guard.chat(&guard.user, CHAT).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, "upstream_unavailable"),
            "{name}: {answer:?}"
        );
        let error = answer.json()["error"].clone();
        assert_eq!(error["type"], "server_error");
        assert!(
            error["message"].as_str().unwrap().len() > 40,
            "it says what to do: {error}"
        );
        assert!(!answer.body.contains("127.0.0.1"), "and not where the upstream is");
        assert_eq!(engine.take().len(), 1, "{name}: it is not sent twice");
        nothing_is_left(&engine, guard).await;
    }
}

#[tokio::test]
async fn one_that_breaks_off_never_looks_whole() {
    for (name, steps, told) in [
        (
            "hangs between chunks",
            vec![chunked(EVENTS), chunk("data: {}\n\n"), Step::Hang],
            true,
        ),
        (
            "closes between chunks",
            vec![chunked(EVENTS), chunk("data: {}\n\n"), Step::Close],
            true,
        ),
        (
            "half an event",
            vec![chunked(EVENTS), chunk("data: {\"x\""), Step::Close],
            false,
        ),
        (
            "half a chunk",
            vec![chunked(EVENTS), send("20\r\ndata: {}\n\n"), Step::Close],
            true,
        ),
        (
            "a broken chunk",
            vec![chunked(EVENTS), chunk("data: {}\n\n"), send("zz\r\n"), Step::Hang],
            true,
        ),
        (
            "half a document",
            vec![
                send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{\"id\":"),
                Step::Close,
            ],
            false,
        ),
        (
            "half a document in chunks",
            vec![chunked("application/json"), chunk("{\"id\":"), Step::Close],
            false,
        ),
        (
            "silent within a document",
            vec![chunked("application/json"), chunk("{\"id\":"), Step::Hang],
            false,
        ),
    ] {
        let (engine, guard) = before(move || steps.clone()).await;
        let answer = guard.chat(&guard.user, STREAM).await;
        assert_eq!(answer.status, 200, "{name}");
        assert!(!answer.is_whole, "{name}: {answer:?}");
        assert_eq!(answer.body.contains("upstream_unavailable"), told, "{name}: {answer:?}");
        assert!(!answer.body.contains("[DONE]"), "{name}");
        nothing_is_left(&engine, guard).await;
    }
}

#[tokio::test]
async fn what_was_used_until_it_broke_is_counted() {
    let steps = vec![
        chunked(EVENTS),
        chunk("data: {\"choices\":[{\"delta\":{\"content\":\"hello\"}}]}\n\n"),
        Step::Close,
    ];
    let (engine, guard) = before(move || steps.clone()).await;
    assert!(!guard.chat(&guard.user, STREAM).await.is_whole);
    let filter = localauth_core::UsageFilter::of_user(guard.user_id);
    let report = guard
        .auth
        .usage_report(localauth_core::Period::Day, filter)
        .await
        .unwrap();
    assert_eq!((report.totals.requests, report.totals.estimated_requests), (1, 1));
    nothing_is_left(&engine, guard).await;
}

#[tokio::test]
async fn its_own_errors_pass_in_one_shape() {
    for (status, kind, body, message) in [
        (
            400,
            "application/json",
            r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#,
            "too long",
        ),
        (
            404,
            "application/json",
            r#"{"error":"model not found"}"#,
            "model not found",
        ),
        (422, "application/json", r#"{"detail":"missing"}"#, "missing"),
        (429, "text/plain", "busy", "busy"),
        (500, "text/html", "<html>Traceback", "failed to answer"),
        (
            503,
            "application/json",
            r#"{"object":"error","message":"loading"}"#,
            "loading",
        ),
    ] {
        let (engine, guard) = before(move || answer(status, kind, body)).await;
        let answer = guard.chat(&guard.user, CHAT).await;
        let error = &answer.json()["error"];
        assert_eq!(answer.status, status);
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
        assert!(error["code"].is_string() && error["type"].is_string(), "{error}");
        nothing_is_left(&engine, guard).await;
    }
    // That our own key is refused is not the client's to mend.
    for status in [401, 407] {
        let (engine, guard) =
            before(move || answer(status, "application/json", r#"{"error":"sk-theirs is wrong"}"#)).await;
        let answer = guard.chat(&guard.user, CHAT).await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unavailable"));
        assert!(!answer.body.contains("sk-theirs"));
        nothing_is_left(&engine, guard).await;
    }
}

#[tokio::test]
async fn redirects_are_never_followed() {
    let elsewhere = Engine::start(|_| answer(200, "text/plain", "no")).await;
    for (location, passes) in [
        ("/v1/models/".to_owned(), Some("/v1/models/")),
        (elsewhere.url(), None),
        ("http://169.254.169.254/latest/meta-data".to_owned(), None),
        ("//evil.example/x".to_owned(), None),
        ("/..%2fx".to_owned(), None),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let head = format!(
                "HTTP/1.1 {status} X\r\nlocation: {location}\r\nset-cookie: session=x\r\ncontent-length: 0\r\n\r\n"
            );
            let (_engine, guard) = before(move || vec![send(&head)]).await;
            let answer = guard.chat(&guard.user, CHAT).await;
            match passes {
                Some(there) => assert_eq!((answer.status, answer.header("location")), (status, Some(there))),
                None => assert_eq!((answer.status, answer.header("location")), (502, None), "{location}"),
            }
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    assert!(elsewhere.take().is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_with_it() {
    // Before the answer begins, and within it.
    for steps in [
        vec![Step::Hang],
        vec![chunked(EVENTS), chunk("data: {}\n\n"), Step::Hang],
    ] {
        let is_stream = steps.len() > 1;
        let engine = Engine::serving(&["allowed"], move |_| steps.clone()).await;
        let guard = Guard::before(&[&engine], &[]).await;
        let mut client = guard
            .open(request(&guard.user, "POST", "/v1/chat/completions", Some(STREAM)))
            .await;
        engine.has_got(1).await;
        if is_stream {
            read_until(&mut client, "data: {}").await;
        }
        drop(client);
        // The connection that waited for the request's answer ends; one that was idle may stay.
        engine.open_at_most(1).await;
        nothing_is_left(&engine, guard).await;
    }
}

#[tokio::test]
async fn a_long_stream_passes_as_it_comes_and_ends_when_its_client_does() {
    let flood = chunk(&format!("data: {}\n\n", "x".repeat(4_000)));
    let Step::Send(flood) = flood else { unreachable!() };
    let engine = Engine::serving(&["allowed"], move |_| vec![chunked(EVENTS), Step::Flood(flood.clone())]).await;
    let guard = Guard::before(&[&engine], &[]).await;
    let mut client = guard
        .open(request(&guard.user, "POST", "/v1/chat/completions", Some(STREAM)))
        .await;
    // An upstream that is faster than its client waits: nothing piles up.
    let mut read = 0;
    let mut buffer = vec![0; 1 << 16];
    while read < 50_000_000 {
        read += tokio::io::AsyncReadExt::read(&mut client, &mut buffer).await.unwrap();
    }
    assert!(resident() < 300_000_000, "{}", resident());
    drop(client);
    nothing_is_left(&engine, guard).await;
}

#[tokio::test]
async fn each_piece_of_a_stream_passes_at_once() {
    let told = Arc::new(Notify::new());
    let wait = Arc::clone(&told);
    let engine = Engine::serving(&["allowed"], move |_| {
        vec![
            chunked(EVENTS),
            chunk("data: {\"one\":1}\n\n"),
            Step::Wait(wait.clone()),
            chunk("data: [DONE]\n\n"),
            send("0\r\n\r\n"),
        ]
    })
    .await;
    let guard = Guard::before(&[&engine], &[]).await;
    let mut client = guard
        .open(request(&guard.user, "POST", "/v1/chat/completions", Some(STREAM)))
        .await;
    read_until(&mut client, "data: {\"one\":1}").await;
    told.notify_one();
    read_until(&mut client, "0\r\n\r\n").await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_unread() {
    let (engine, guard) = before(|| json_answer(&json!({}))).await;
    let before = resident();
    for (target, key) in [("/v1/chat/completions", &guard.user), ("/api/create", &guard.admin)] {
        for framing in ["content-length: 100000000", "transfer-encoding: chunked"] {
            let head = format!(
                "POST {target} HTTP/1.1\r\nhost: guard\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n{framing}\r\n\r\n"
            );
            let mut client = guard.open(head).await;
            // Until it is refused, or all of it is sent.
            let piece = [b"100000\r\n".to_vec(), vec![b' '; 1 << 20], b"\r\n".to_vec()].concat();
            for _ in 0..100 {
                if client.write_all(&piece).await.is_err() {
                    break;
                }
            }
            // Who refuses before everything is read may reset the connection, and the answer with it.
            if let Some(answer) = read(&mut client).await {
                assert_eq!(answer.status, 413, "{target} {framing}: {answer:?}");
            }
        }
    }
    assert!(engine.take().iter().all(|one| one.body.len() <= 50_000_000));
    assert!(resident() < before + 150_000_000, "{before} {}", resident());
}

/// How much memory this process has.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Whatever an engine says in its errors, its key and its place are not for everybody.
#[tokio::test]
async fn what_an_upstream_says_of_itself_is_hidden() {
    let engine = Engine::serving(&["allowed"], |asked| {
        let (host, key) = (asked.header("host")[0], asked.header("authorization")[0]);
        let address = host.split(':').next().unwrap();
        let said = format!(
            "`{key}` is bad at http://{host}/v1, {} or host='{address}'",
            host.to_uppercase()
        );
        let error = json!({"error": {"message": said, "param": key, "code": key.replace("Bearer ", "")}});
        match asked.json()["user"].as_str().unwrap() {
            "text" => answer(500, "text/plain", &said),
            "late" => answer(400, "text/plain", &format!("{}{key}", "x".repeat(990))),
            "detail" => answer(422, "application/json", &json!({"detail": [{"ctx": said}]}).to_string()),
            _ => answer(400, "application/json", &error.to_string()),
        }
    })
    .await;
    let key = [("LOCALAUTH_UPSTREAM_KEY", "sk_theirs")];
    let guard = Guard::before(&[&engine], &key).await;
    for form in ["text", "detail", "late", "json"] {
        let body = json!({"model": "allowed", "messages": [], "user": form}).to_string();
        let told = guard.chat(&guard.user, &body).await;
        let lower = told.body.to_lowercase();
        for secret in ["sk_", "127.0.0.1", &engine.address.port().to_string()] {
            assert!(!lower.contains(secret), "{form}: {told:?}");
        }
        assert!(told.body.contains("[hi"), "{form}: {told:?}");
    }
    // And where nobody is to learn anything, nobody does.
    let opaque = Guard::before(&[&engine], &[("LOCALAUTH_OPAQUE_ERRORS", "true"), key[0]]).await;
    let body = json!({"model": "allowed", "messages": [], "user": "json"}).to_string();
    let told = opaque.chat(&opaque.user, &body).await;
    assert_eq!((told.status, told.body.as_str()), (400, ""), "{told:?}");
    let told = opaque.chat(&opaque.user, r#"{"model":"unknown","messages":[]}"#).await;
    assert_eq!((told.status, told.body.as_str()), (404, ""), "{told:?}");
}
