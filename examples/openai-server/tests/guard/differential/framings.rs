//! Headers and framings.

use super::{check, world};

/// Headers and framings by which somebody may read another request.
#[expect(clippy::too_many_lines, reason = "a table")]
fn framings(key: &str, body: &str) -> Vec<String> {
    let length = body.len();
    let secret = r#"{"model":"secret","messages":[]}"#;
    let smuggled = format!(
        "POST /v1/models/unload HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{secret}",
        secret.len()
    );
    let with = |lines: &str, body: &str| {
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\n{lines}\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
             connection: close\r\n\r\n{body}"
        )
    };
    let hosted = |lines: &str| with(&format!("host: guard\r\ncontent-length: {length}\r\n{lines}"), body);
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    let mut all = vec![
        with(&format!("content-length: {length}"), body),
        with(&format!("host: a\r\nhost: b\r\ncontent-length: {length}"), body),
        with(&format!("host: a, b\r\ncontent-length: {length}"), body),
        with(&format!("host: \r\ncontent-length: {length}"), body),
        with(&format!("host: evil.example/../x\r\ncontent-length: {length}"), body),
        with(&format!("host: u:p@evil\r\ncontent-length: {length}"), body),
        with(&format!("host : guard\r\ncontent-length: {length}"), body),
        with(&format!(" host: guard\r\ncontent-length: {length}"), body),
        // Two lengths, or a length and chunks: what comes after one of them is a request to who reads the other.
        with(
            "host: guard\r\ncontent-length: 0\r\ntransfer-encoding: chunked",
            &format!("{chunked}{smuggled}"),
        ),
        with(
            &format!("host: guard\r\ntransfer-encoding: chunked\r\ncontent-length: {length}"),
            &format!("{chunked}{smuggled}"),
        ),
        with(
            &format!(
                "host: guard\r\ncontent-length: {length}\r\ncontent-length: {}",
                length + 9
            ),
            body,
        ),
        with(&format!("host: guard\r\ncontent-length: {length}, {length}"), body),
        with(&format!("host: guard\r\ncontent-length: +{length}"), body),
        with(&format!("host: guard\r\ncontent-length: 0x{length:x}"), body),
        with("host: guard\r\ncontent-length: -1", body),
        with("host: guard\r\ncontent-length: 99999999999999999999", body),
        with("host: guard\r\ncontent-length: 100000000000", body),
        with("host: guard\r\ntransfer-encoding: chunked", &chunked),
        with("host: guard\r\ntransfer-encoding: Chunked", &chunked),
        with("host: guard\r\ntransfer-encoding: xchunked", &chunked),
        with("host: guard\r\ntransfer-encoding:\tchunked", &chunked),
        with("host: guard\r\ntransfer-encoding : chunked", &chunked),
        with("host: guard\r\ntransfer-encoding: chunked, identity", &chunked),
        with("host: guard\r\ntransfer-encoding: identity, chunked", &chunked),
        with(
            "host: guard\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity",
            &chunked,
        ),
        with(
            "host: guard\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked",
            &chunked,
        ),
        with("host: guard\r\ntransfer-encoding: gzip, chunked", &chunked),
        with(
            "host: guard\r\ntransfer-encoding: chunked",
            &format!("{length:x};x=\"\n\"\r\n{body}\r\n0\r\n\r\n"),
        ),
        with(
            "host: guard\r\ntransfer-encoding: chunked",
            &format!("{length:x}\n{body}\n0\n\n{smuggled}"),
        ),
        with(
            "host: guard\r\ntransfer-encoding: chunked",
            &format!("0{length:x}\r\n{body}\r\n00\r\nx-auth-user: root\r\n\r\n"),
        ),
        with(
            "host: guard\r\ntransfer-encoding: chunked",
            &format!("-1\r\n{body}\r\n0\r\n\r\n"),
        ),
        with(
            "host: guard\r\ntransfer-encoding: chunked",
            &format!("ffffffffffffffff1\r\n{body}\r\n0\r\n\r\n"),
        ),
        // Without an end of the line, or with a folded one.
        with(
            &format!("host: guard\r\nx: y\r\n z: w\r\ncontent-length: {length}"),
            body,
        ),
        with(&format!("host: guard\nx: y\ncontent-length: {length}"), body),
        with(
            &format!("host: guard\r\nx: y\rcontent-length: 0\r\ncontent-length: {length}"),
            body,
        ),
        with(&format!("host: guard\r\nx: a\0b\r\ncontent-length: {length}"), body),
        format!(
            "GET /v1/models HTTP/1.1\r\nhost: guard\r\nx-api-key: {key}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{smuggled}",
            smuggled.len()
        ),
        format!(
            "POST /v1/chat/completions HTTP/1.0\r\nx-api-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
        format!(
            "POST /v1/chat/completions HTTP/1.1 \r\nhost: guard\r\nx-api-key: {key}\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
        format!(
            "POST  /v1/chat/completions HTTP/1.1\r\nhost: guard\r\nx-api-key: {key}\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
        format!(
            "POST /v1/chat/completions HTTP/1.2\r\nhost: guard\r\nx-api-key: {key}\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
        format!(
            "POST /v1/chat/completions\r\nhost: guard\r\nx-api-key: {key}\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    ];
    for name in [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
        "x-original-method",
        "x-forwarded-uri",
        "x-forwarded-path",
        "x-forwarded-prefix",
        "x-original-host",
    ] {
        for value in ["DELETE", "/api/delete", "PATCH"] {
            all.push(hosted(&format!("{name}: {value}")));
        }
    }
    for line in [
        "expect: 100-continue",
        "expect: 200-ok",
        "te: trailers",
        "trailer: x-auth-user",
        "upgrade: h2c",
        "upgrade: websocket",
        "connection: upgrade, http2-settings",
        "connection: host",
        "connection: content-length",
        "connection: authorization",
        "http2-settings: AAMAAABkAAQAAP__",
        "max-forwards: 0",
        "range: bytes=0-1",
        "proxy-connection: keep-alive",
        "content-encoding: gzip",
        "content-encoding: identity",
    ] {
        all.push(hosted(line));
    }
    for method in [
        "TRACE", "CONNECT", "OPTIONS", "PATCH", "PUT", "PRI", "post", "POST\t", "DELETE", "BREW", "HEAD", "GET",
    ] {
        all.push(hosted("x: y").replacen("POST", method, 1));
    }
    all
}

#[tokio::test]
async fn framings_arrive_as_they_were_judged_or_not_at_all() {
    let (engine, guard) = world().await;
    let body = r#"{"model":"allowed","messages":[]}"#;
    let mut arrived_ones = 0;
    let all = framings(&guard.narrow, body);
    assert!(all.len() > 90, "{}", all.len());
    for request in all {
        let answer = guard.raw(&request).await;
        let arrived = engine.take();
        arrived_ones += arrived.len();
        let what: String = request.chars().take(400).collect();
        // A list of models is made here, and a request that never ends has no answer.
        let status = answer
            .map(|answer| answer.status)
            .filter(|status| *status != 200 || !arrived.is_empty());
        check(&arrived, &what, status);
    }
    assert!(arrived_ones > 20, "{arrived_ones}");
}
