//! Models.

use serde_json::Value;

use super::super::engine::Received;
use super::world;

/// Ways to name a model that is not to be had. What somebody could read as `secret` must not arrive.
#[expect(clippy::too_many_lines, reason = "a table")]
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
        "{'model':'secret'}",
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
