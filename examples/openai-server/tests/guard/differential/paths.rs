//! Paths.

use super::{ROUTES, check, world};

/// Spellings of a path that somebody may read as another one.
#[expect(clippy::too_many_lines, reason = "a table")]
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
        paths.push(path.replace('e', "%2565"));
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
