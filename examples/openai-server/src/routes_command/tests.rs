use serde_json::{Value, json};

use super::*;

fn settings() -> Settings {
    Settings::new([], []).unwrap()
}

fn command(engines: &[Engine]) -> Routes {
    Routes {
        engine: engines.to_vec(),
        json: false,
    }
}

fn printed(engines: &[Engine]) -> String {
    let rows = rows::of_engines(engines);
    text(&settings(), &command(engines), &rows)
}

/// The line about a route, its columns one space apart.
fn line(text: &str, method: &str, path: &str) -> Option<String> {
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = lines.into_iter().find(|cells| cells.starts_with(&[method, path]));
    found.map(|cells| cells[2..].join(" "))
}

#[test]
fn a_pack_is_printed_for_people() {
    let text = printed(&[Engine::Ollama]);
    for (method, path, expected) in [
        ("POST", "/api/chat", "feature chat body yes ollama"),
        ("POST", "/api/show", "signed in body or name - -"),
        ("GET", "/v1/models/{model}", "signed in - - -"),
        ("DELETE", "/api/delete", "admin - - -"),
        ("POST", "/api/signout", "nobody - - -"),
        // Ours, whatever the engine has there.
        ("GET", "/metrics", "admin - - -"),
    ] {
        assert_eq!(
            line(&text, method, path).as_deref(),
            Some(expected),
            "{method} {path}\n{text}"
        );
    }
    assert_eq!(line(&text, "POST", "/completion"), None);
    assert!(text.contains("ollama: written for 0."), "{text}");
    assert!(text.ends_with("what is not here is answered to nobody\n"));
    let paths: Vec<&str> = text
        .lines()
        .take_while(|line| !line.is_empty())
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert!(paths.is_sorted(), "{paths:?}");
}

#[test]
fn packs_together_are_as_strict_as_each() {
    let text = printed(&[Engine::OpenAi, Engine::Vllm]);
    assert_eq!(line(&text, "GET", "/v1/realtime").as_deref(), Some("admin query yes -"));
    let alone = printed(&[Engine::OpenAi]);
    assert_eq!(
        line(&alone, "GET", "/v1/realtime").as_deref(),
        Some("feature realtime query yes -")
    );
    // Shut by one of them and answered by another: by that one only.
    let both = printed(&[Engine::LlamaCpp, Engine::Ollama]);
    assert_eq!(line(&both, "GET", "/").as_deref(), Some("signed in - - -"));
}

#[test]
fn without_flags_it_is_what_the_server_answers() {
    let rows = rows::of_server(&Settings::new([], []).unwrap());
    let text = text(&settings(), &command(&[]), &rows);
    assert_eq!(
        line(&text, "POST", "/v1/chat/completions").as_deref(),
        Some("feature chat body yes openai")
    );
    assert_eq!(line(&text, "POST", "/api/chat"), None);
    assert!(!text.contains("auth is off"));
    let off = Settings::new([("--auth".to_owned(), "false".to_owned())], []).unwrap();
    assert!(super::text(&off, &command(&[]), &rows).contains("auth is off"));
}

#[test]
fn programs_get_the_same() {
    let rows = serde_json::to_value(rows::of_engines(&[Engine::LlamaCpp])).unwrap();
    let rows = rows.as_array().unwrap();
    let row = |path: &str| {
        rows.iter()
            .find(|row| row["path"] == path)
            .cloned()
            .unwrap_or(Value::Null)
    };
    assert_eq!(
        row("/completion"),
        json!({"path": "/completion", "method": "POST", "access": "feature", "feature": "chat", "model": "body",
            "counted": true, "usage": "llama.cpp"})
    );
    assert_eq!(
        row("/tools"),
        json!({"path": "/tools", "method": "GET", "access": "closed", "model": null, "counted": false, "usage": null})
    );
}
