//! Hostile forms of path, framing and model: what the upstream received is what was judged, or nothing.

use serde_json::{Value, json};

use super::engine::{Engine, Received, json_answer};
use super::world::Guard;

const ROUTES: [&str; 2] = ["/v1/chat/completions", "/v1/models/unload"];

async fn world() -> (Engine, Guard) {
    let engine = Engine::serving(&["allowed", "secret"], |_| {
        json_answer(&json!({"id": "x", "choices": []}))
    })
    .await;
    let guard = Guard::before(&[&engine], &[]).await;
    (engine, guard)
}

/// What arrived is the one request that a user may send, and says nothing that only somebody else may.
fn check(arrived: &[Received], what: &str, status: Option<u16>) {
    match arrived {
        [] => assert!(
            status.is_none_or(|status| (400..500).contains(&status)),
            "{what}: {status:?}"
        ),
        [one] => {
            assert_eq!(
                (one.method(), one.target()),
                ("POST", ROUTES[0]),
                "{what}: {}",
                one.head
            );
            let host = one.header("host");
            assert!(host.len() == 1 && host[0].starts_with("127.0.0.1:"), "{what}: {host:?}");
            for name in one.header_names() {
                assert!(
                    !name.contains("override") && !name.starts_with("x-original"),
                    "{what}: {name}"
                );
            }
            assert!(
                one.header("transfer-encoding").len() + one.header("content-length").len() == 1,
                "{what}"
            );
            assert_eq!(one.json()["model"], "allowed", "{what}");
        }
        more => panic!("{what}: {} requests arrived", more.len()),
    }
}

/// Spellings of a path that somebody may read as another one.
fn paths() -> Vec<String> {
    let mut paths = Vec::new();
    for (open, shut) in [(ROUTES[0], ROUTES[1]), ("/v1/chat/completions", "/api/delete")] {
        let shut_tail = shut.trim_start_matches('/');
        for climb in [
            "/../",
            "/..;/",
            "/.;/",
            "/%2e%2e/",
            "/%2E%2e/",
            "/.%2e/",
            "/%252e%252e/",
            "/..%2f",
            "/..%5c",
            "/..\\",
            "\\..\\",
            "/%c0%ae%c0%ae/",
            "/\u{ff0e}\u{ff0e}/",
            "/...//",
            "//../",
        ] {
            let up = climb.repeat(3);
            paths.push(format!("{open}{up}{shut_tail}"));
            paths.push(format!("{open}{climb}{shut_tail}"));
            paths.push(format!("/v1{climb}{shut_tail}"));
        }
    }
    for path in ROUTES {
        for form in [
            "/{}",
            "//{}",
            "///{}",
            "/./{}",
            "/x/../{}",
            "/{}/",
            "/{}//",
            "/{}/.",
            "/{}/..",
            "/{}/x/..",
            "/{}%2f",
            "/{}%00",
            "/{}%00.json",
            "/{}%20",
            "/{}%0a",
            "/{}%0d%0aX:y",
            "/{};x=1",
            "/{};/x",
            "/{}?",
            "/{}??",
            "/{}?x=1",
            "/{}?x=/../y",
            "/{}?_method=DELETE",
            "/{}?_METHOD=PUT",
            "/{}?a=1;_method=DELETE",
            "/{}?x-http-method-override=DELETE",
            "/{}?%5Fmethod=DELETE",
            "/{}#x",
            "/{}#/../y",
            "/{}.",
            "/{}..",
            "/{}...",
            "/{} ",
            "/{}\t",
            "/{}%09",
            "\\{}",
            "/\\{}",
            "/%2f{}",
            "/%5c{}",
            "%2f{}",
            "{}",
            "*",
            "",
            "http://evil.example/{}",
            "https://evil.example:1/{}",
            "http://evil@127.0.0.1/{}",
            "HTTP://evil/{}",
            "http:/{}",
            "http:{}",
            "//evil.example/{}",
            "evil.example:443",
            "file:///{}",
            "/x?/{}",
            "/?{}",
            "/#{}",
        ] {
            paths.push(form.replace("{}", &path[1..]));
        }
        paths.push(path.to_uppercase());
        paths.push(path.replacen("/v1", "/V1", 1));
        paths.push(path.replace("/v1/", "/v1//"));
        paths.push(path.replace("/v1/", "/v1/./"));
        paths.push(path.replace('e', "%65"));
        paths.push(path.replace("e", "%2565"));
        paths.push(path.replace('/', "%2f"));
        paths.push(path.replace('/', "\\"));
        paths.push(path.replace('o', "\u{43e}"));
        paths.push(format!("{path}{}", "/x".repeat(40_000)));
        paths.push(format!("{path}?{}", "x".repeat(30_000)));
        paths.push(format!("{path}?{}", "x".repeat(60_000)));
    }
    for model in [
        "..",
        ".",
        "%2e%2e",
        "a%2f..%2f..",
        "a%2fb",
        "..;",
        "a;b",
        "a%00",
        "a\\b",
        "%",
        "%zz",
        "a%25b",
    ] {
        paths.push(format!("/v1/engines/{model}/completions"));
        paths.push(format!("/v1/responses/{model}"));
    }
    paths
}

#[tokio::test]
async fn paths_arrive_as_they_were_judged_or_not_at_all() {
    let (engine, guard) = world().await;
    let body = r#"{"model":"allowed","messages":[]}"#;
    let (mut tried, mut arrived_ones) = (0, 0);
    for path in paths() {
        for method in ["POST", "GET", "DELETE"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: guard\r\nx-api-key: {}\r\ncontent-type: application/json\r\n\
                 connection: close\r\ncontent-length: {}\r\n\r\n{body}",
                guard.user,
                body.len()
            );
            let answer = guard.raw(&request).await;
            let arrived = engine.take();
            let what: String = format!("{method} {path}").chars().take(200).collect();
            if let [one] = &arrived[..] {
                arrived_ones += 1;
                // What arrived is what was asked for, to the byte: a query, or another name of this host, at most.
                let asked = path.split('#').next().unwrap();
                assert!(asked.ends_with(one.target()), "{what}: {}", one.target());
                let (path, _) = one.target().split_once('?').unwrap_or((one.target(), ""));
                assert_eq!((one.method(), path), ("POST", ROUTES[0]), "{what}");
                assert_eq!(one.body, body.as_bytes(), "{what}");
            } else {
                check(&arrived, &what, answer.map(|answer| answer.status));
            }
            tried += 1;
        }
    }
    assert!(tried > 500 && arrived_ones > 5, "{tried} {arrived_ones}");
}

/// Headers and framings by which somebody may read another request.
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
        with(&format!("host: guard\r\ncontent-length: -1"), body),
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

/// Ways to name a model that is not to be had. What somebody could read as `secret` must not arrive.
fn bodies() -> Vec<(&'static str, String)> {
    let json = "application/json";
    let mut all: Vec<(&'static str, String)> = Vec::new();
    for body in [
        r#"{"model":"secret"}"#,
        r#"{"model":"allowed","model":"secret"}"#,
        r#"{"model":"secret","model":"allowed"}"#,
        r#"{"model":"allowed","Model":"secret"}"#,
        r#"{"model":"allowed","MODEL":"secret"}"#,
        r#"{"model":"allowed","mOdEl":"secret"}"#,
        r#"{"Model":"secret"}"#,
        r#"{"model":"allowed","mod\u0065l":"secret"}"#,
        r#"{"mod\u0065l":"secret","model":"allowed"}"#,
        r#"{"model":"\u0073ecret"}"#,
        r#"{"model":"sec\u0072et"}"#,
        r#"{"model":"allowed\u0000secret"}"#,
        r#"{"model":"secret\u0000"}"#,
        r#"{"model":" secret"}"#,
        r#"{"model":"secret "}"#,
        r#"{"model":"SECRET"}"#,
        r#"{"model":"Secret"}"#,
        r#"{"model":"secret:latest"}"#,
        r#"{"model":"library/secret"}"#,
        r#"{"model":"registry.ollama.ai/library/secret:latest"}"#,
        r#"{"model":"./secret"}"#,
        r#"{"model":"secret/"}"#,
        r#"{"model":"allowed/../secret"}"#,
        r#"{"model":["secret"]}"#,
        r#"{"model":{"name":"secret"}}"#,
        r#"{"model":["allowed","secret"]}"#,
        r#"{"model":1}"#,
        r#"{"model":null,"model":"secret"}"#,
        r#"{"model":"allowed","model\u0000":"secret"}"#,
        r#"{"model":"allowed","model ":"x"}x"#,
        r#"{"model":"allowed"}{"model":"secret"}"#,
        r#"{"model":"allowed"},{"model":"secret"}"#,
        r#"[{"model":"secret"}]"#,
        r#"["secret"]"#,
        r#""secret""#,
        "secret",
        "",
        r#"{"model":"allowed",/*"model":"secret"*/"x":1}"#,
        r#"{"model":"allowed",//"model":"secret"
"x":1}"#,
        r#"{'model':'secret'}"#,
        r#"{model:"secret"}"#,
        r#"{"model":"allowed","model":"secret""#,
        "\u{feff}{\"model\":\"secret\"}",
        r#"{"messages":[]}"#,
        r#"{"model":"default"}"#,
        r#"{"model":""}"#,
    ] {
        all.push((json, body.to_owned()));
        all.push(("application/json; charset=utf-8", body.to_owned()));
    }
    for kind in [
        "text/plain",
        "text/json",
        "application/jsonl",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "application/yaml",
        "application/octet-stream",
        "",
    ] {
        all.push((kind, r#"{"model":"secret"}"#.to_owned()));
    }
    let part = |name: &str, value: &str| format!("--B\r\ncontent-disposition: form-data; {name}\r\n\r\n{value}\r\n");
    let form = "multipart/form-data; boundary=B";
    for parts in [
        part(r#"name="model""#, "secret"),
        part(r#"name="model""#, "allowed") + &part(r#"name="model""#, "secret"),
        part(r#"name="model""#, "secret") + &part(r#"name="model""#, "allowed"),
        part(r#"name="model""#, "allowed") + &part(r#"name="Model""#, "secret"),
        part(r#"name="model""#, "allowed") + &part("name=model", "secret"),
        part(r#"name="model""#, "allowed") + &part(r#"name="model"; filename="x""#, "secret"),
        part(r#"name="model""#, "allowed") + &part(r#"name="x"; name="model""#, "secret"),
        part(r#"name="model""#, "allowed") + &part("name*=utf-8''model", "secret"),
        part(r#"name="model""#, "allowed") + &part(r#"name="mod\el""#, "secret"),
        part(r#"name="model""#, "allowed") + &part(r#"name="model[]""#, "secret").replace("\r\n", "\n"),
        part(r#"name="model""#, "allowed") + "--B--\r\n" + &part(r#"name="model""#, "secret"),
        "x\r\n".to_owned() + &part(r#"name="model""#, "secret"),
    ] {
        all.push((form, format!("{parts}--B--\r\n")));
        all.push((
            "multipart/form-data; boundary=B; boundary=C",
            format!("{parts}--B--\r\n"),
        ));
        all.push(("multipart/mixed; boundary=B", format!("{parts}--B--\r\n")));
    }
    for pairs in [
        "model=secret",
        "model=allowed&model=secret",
        "model=allowed&Model=secret",
        "model=allowed&mod%65l=secret",
        "model=allowed;model=secret",
        "model=%73ecret",
        "model[]=secret",
    ] {
        all.push(("application/x-www-form-urlencoded", pairs.to_owned()));
    }
    all
}

/// Whether some reader may find `secret` as the model in what arrived.
fn names_secret(received: &Received) -> bool {
    let text = String::from_utf8_lossy(&received.body).to_lowercase();
    let text = text.replace("\\u0073", "s").replace("\\u0072", "r").replace("%73", "s");
    let in_target = received.target().to_lowercase().contains("secret");
    let names_it = match serde_json::from_slice::<Value>(&received.body) {
        // Named by nothing but the path, perhaps.
        Ok(value) if value["model"].is_null() => !received.target().starts_with("/v1/engines/allowed/"),
        Ok(value) => value["model"] != "allowed",
        Err(_) => false,
    };
    in_target || names_it || text.contains("secret")
}

#[tokio::test]
async fn models_arrive_as_they_were_judged_or_not_at_all() {
    let (engine, guard) = world().await;
    let mut tried = 0;
    let mut send = async |target: &str, kind: &str, body: &str| {
        let request = format!(
            "POST {target} HTTP/1.1\r\nhost: guard\r\nx-api-key: {}\r\ncontent-type: {kind}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            guard.narrow,
            body.len()
        );
        let answer = guard.raw(&request).await.expect("an answer");
        let arrived = engine.take();
        tried += 1;
        for received in &arrived {
            assert!(!names_secret(received), "{target} {kind} {body}: {}", received.head);
        }
        (arrived.len(), answer.status)
    };
    for (kind, body) in bodies() {
        for target in ["/v1/chat/completions", "/v1/audio/transcriptions", "/v1/embeddings"] {
            let (arrived, status) = send(target, kind, &body).await;
            if arrived == 0 {
                assert!((400..500).contains(&status), "{kind} {body}: {status}");
            }
        }
    }
    let allowed = r#"{"model":"allowed"}"#;
    for query in [
        "model=secret",
        "Model=secret",
        "mod%65l=secret",
        "model=allowed&model=secret",
        "x=1;model=secret",
        "model%00=secret",
        "MODEL=%73ecret",
    ] {
        let (arrived, status) = send(&format!("/v1/chat/completions?{query}"), "application/json", allowed).await;
        assert_eq!((arrived, status), (0, 400), "{query}");
    }
    for target in [
        "/v1/engines/secret/completions",
        "/v1/engines/allowed/completions",
        "/v1/engines/SECRET/completions",
    ] {
        for body in [allowed, "{}", r#"{"model":"secret"}"#] {
            send(target, "application/json", body).await;
        }
    }
    // And what may be asked for is.
    let (arrived, status) = send("/v1/chat/completions", "application/json", allowed).await;
    assert_eq!((arrived, status), (1, 200));
    assert!(tried > 300, "{tried}");
}
