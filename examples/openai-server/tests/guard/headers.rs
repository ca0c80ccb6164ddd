//! What of the headers arrives, and what comes back.

use serde_json::json;

use super::engine::{Engine, Step, json_answer, send};
use super::world::{Guard, request};

const CHAT: &str = r#"{"model":"allowed","messages":[]}"#;

#[tokio::test]
async fn no_credential_and_no_claim_reaches_the_upstream() {
    let engine = Engine::serving(&["allowed"], |_| json_answer(&json!({"id": "x"}))).await;
    let guard = Guard::before(&[&engine], &[("LOCALAUTH_UPSTREAM_KEY", "sk-theirs")]).await;
    let key = &guard.user;
    for credential in [
        format!("authorization: Bearer {key}"),
        format!("authorization: bEARER {key}"),
        format!("x-api-key: {key}"),
        format!("xi-api-key: {key}"),
        format!("cookie: token={key}; theme=dark"),
        format!("authorization: Bearer {key}\r\nx-api-key: {key}\r\ncookie: a=b; token={key}"),
    ] {
        let raw = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: guard\r\n{credential}\r\nx-auth-user: root\r\nX-Forwarded-User: root\r\n\
             remote-user: root\r\nforwarded: for=1.1.1.1\r\nx-forwarded-for: 1.1.1.1\r\nx-forwarded-host: evil\r\n\
             x-forwarded-proto: https\r\nx-real-ip: 1.1.1.1\r\nvia: 1.1 evil\r\nconnection: close, x-mine\r\n\
             accept-encoding: gzip\r\nuser-agent: tests\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{CHAT}",
            CHAT.len()
        );
        let answer = guard.raw(&raw).await.unwrap();
        assert_eq!(answer.status, 200, "{credential}: {answer:?}");
        let [one] = &engine.take()[..] else {
            panic!("one request")
        };
        assert!(
            !one.head.contains("sk-local-") && !one.head.contains("root") && !one.head.contains("1.1.1.1"),
            "{}",
            one.head
        );
        assert!(
            !one.head.contains("evil") && !one.head.to_lowercase().contains("cookie"),
            "{}",
            one.head
        );
        let mut names = one.header_names();
        names.sort();
        let expected = [
            "accept-encoding",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-request-id",
        ];
        assert_eq!(names, expected, "{}", one.head);
        for (name, value) in [
            ("authorization", "Bearer sk-theirs"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-host", "guard"),
            ("x-forwarded-proto", "http"),
            ("accept-encoding", "identity"),
            ("user-agent", "tests"),
        ] {
            assert_eq!(one.header(name), [value]);
        }
        assert_eq!(one.header("host"), [engine.address.to_string()]);
    }
}

#[tokio::test]
async fn a_proxy_that_is_trusted_says_who_asks() {
    let engine = Engine::serving(&["allowed"], |_| json_answer(&json!({"id": "x"}))).await;
    let guard = Guard::before(&[&engine], &[("LOCALAUTH_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let raw = request(&guard.user, "POST", "/v1/chat/completions", Some(CHAT)).replacen(
        "host: guard",
        "host: guard\r\nx-forwarded-for: 6.6.6.6, 192.0.2.7\r\nx-forwarded-proto: https\r\nx-forwarded-host: ai.example.org",
        1,
    );
    assert_eq!(guard.raw(raw).await.unwrap().status, 200);
    let [one] = &engine.take()[..] else {
        panic!("one request")
    };
    assert_eq!(one.header("x-forwarded-for"), ["192.0.2.7"]);
    assert_eq!(one.header("x-forwarded-proto"), ["https"]);
    assert_eq!(one.header("x-forwarded-host"), ["ai.example.org"]);
}

#[tokio::test]
async fn nothing_comes_back_that_acts_in_our_name() {
    let engine = Engine::serving(&["allowed"], |_| {
        vec![send(
            "HTTP/1.1 200 OK\r\nserver: engine/1\r\nset-cookie: session=evil\r\nset-cookie: __Host-session=evil\r\n\
             access-control-allow-origin: *\r\naccess-control-allow-credentials: true\r\nx-auth-user: root\r\n\
             strict-transport-security: max-age=9\r\nalt-svc: h3=\":443\"\r\nclear-site-data: \"*\"\r\nlink: <x>\r\n\
             www-authenticate: Basic\r\nx-powered-by: x\r\nrefresh: 0; url=http://evil\r\nx-ratelimit-limit-requests: 1\r\n\
             x-request-id: theirs\r\nconnection: keep-alive, etag\r\nkeep-alive: timeout=5\r\netag: \"secret\"\r\n\
             content-type: application/json\r\nopenai-processing-ms: 7\r\ntrailer: x-auth-role\r\n\
             transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-auth-role: admin\r\n\r\n",
        )]
    })
    .await;
    let guard = Guard::before(&[&engine], &[]).await;
    let raw = request(&guard.user, "POST", "/v1/chat/completions", Some(CHAT)).replacen(
        "host: guard",
        "host: guard\r\nte: trailers\r\nx-request-id: mine",
        1,
    );
    let answer = guard.raw(raw).await.unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    let mut names: Vec<_> = answer
        .head
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.split_once(':')?.0.to_lowercase()))
        .collect();
    names.sort();
    let ours = [
        "cache-control",
        "connection",
        "content-security-policy",
        "content-type",
        "date",
        "openai-processing-ms",
        "referrer-policy",
        "transfer-encoding",
        "x-content-type-options",
        "x-frame-options",
        "x-request-id",
    ];
    names.retain(|name| !matches!(name.as_str(), "content-length"));
    assert_eq!(names, ours, "{}", answer.head);
    assert_eq!(answer.header("x-request-id"), Some("mine"));
    assert_eq!(engine.take()[0].header("x-request-id"), ["mine"]);
}

/// A header that is for the connection only does not arrive: what was judged by it would be read without it.
#[tokio::test]
async fn nobody_takes_away_what_a_request_is_judged_by() {
    let engine = Engine::serving(&["allowed"], |_| json_answer(&json!({"id": "x"}))).await;
    let guard = Guard::before(&[&engine], &[]).await;
    let ask = async |connection: &str, more: &str| {
        let lines = format!("connection: {connection}\r\n{more}");
        let raw = request(&guard.user, "POST", "/v1/chat/completions", Some(CHAT));
        guard
            .raw(raw.replacen("connection: close\r\n", &lines, 1))
            .await
            .unwrap()
    };
    for (connection, more) in [
        ("close, content-type", ""),
        ("close, Content-Length", ""),
        ("close,host", ""),
        ("close", "connection: authorization\r\n"),
        ("close, x-request-id", ""),
        ("close, cookie", "cookie: a=b\r\n"),
        ("close, x-own", "x-own: 1\r\n"),
    ] {
        let answer = ask(connection, more).await;
        assert_eq!(answer.status, 400, "{connection} {more}: {answer:?}");
        assert_eq!(answer.code(), "ambiguous_request");
    }
    assert!(engine.take().is_empty(), "nothing arrived");
    for (connection, more) in [
        ("close", ""),
        ("close, TE", "te: trailers\r\n"),
        ("close, x-not-there", ""),
    ] {
        assert_eq!(ask(connection, more).await.status, 200, "{connection}");
    }
    let [one, ..] = &engine.take()[..] else {
        panic!("it arrives")
    };
    assert_eq!(one.header("content-type"), ["application/json"]);
}

#[tokio::test]
async fn no_cache_that_many_share_keeps_an_answer() {
    let engine = Engine::serving(&["allowed"], |asked| {
        let body = asked.json();
        match body["user"].as_str().unwrap() {
            "both" => vec![
                send(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\
                     transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                ),
                Step::Close,
            ],
            "error" => vec![send(
                "HTTP/1.1 404 X\r\ncache-control: public, max-age=9\r\ncontent-length: 2\r\n\r\n{}",
            )],
            said => vec![send(format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\netag: \"x\"\r\ncache-control: {said}\r\n\
                 expires: Fri, 01 Jan 2100 00:00:00 GMT\r\ncdn-cache-control: public\r\nsurrogate-control: max-age=9\r\n\
                 vary: accept\r\nage: 1\r\ncontent-length: 2\r\n\r\n{{}}"
            ))],
        }
    })
    .await;
    let guard = Guard::before(&[&engine], &[]).await;
    for (said, told) in [
        ("public, s-maxage=600", "private, no-cache"),
        ("max-age=600, no-transform", "private, no-cache, no-transform"),
        ("no-store", "no-store"),
        ("both", "no-store"),
        ("error", "no-store"),
    ] {
        let body = json!({"model": "allowed", "messages": [], "user": said}).to_string();
        let answer = guard.chat(&guard.user, &body).await;
        assert_eq!(answer.header("cache-control"), Some(told), "{said}: {answer:?}");
        assert!(answer.is_whole && answer.body.starts_with('{'), "{answer:?}");
        let head = answer.head.to_lowercase();
        for name in ["expires:", "cdn-cache", "surrogate", "\r\nage:"] {
            assert!(!head.contains(name), "{name}: {head}");
        }
        let framings = ["content-length:", "transfer-encoding:"];
        let framed = framings.iter().filter(|name| head.contains(**name)).count();
        assert_eq!(framed, 1, "{head}");
    }
}
