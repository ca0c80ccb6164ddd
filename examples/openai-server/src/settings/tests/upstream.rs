use std::fs;

use localauth_core::policy::packs::Engine;

use super::*;

fn upstream(environment: &[(&str, &str)]) -> UpstreamSettings {
    settings(&[], environment).unwrap().upstream.unwrap()
}

#[test]
fn none_unless_said() {
    assert!(settings(&[], &[]).unwrap().upstream.is_none());
}

#[test]
fn one_or_several_origins() {
    let one = upstream(&[("LOCALAUTH_UPSTREAM", "http://127.0.0.1:11434/")]);
    let server = &one.servers[0];
    assert_eq!(server.origin.to_string(), "http://127.0.0.1:11434");
    assert_eq!((server.origin.host(), server.origin.port()), ("127.0.0.1", 11434));
    assert!(server.engine.is_none() && server.key.is_none() && server.models.is_empty());
    assert_eq!(one.connect_timeout, Duration::from_secs(5));
    assert_eq!(one.first_byte_timeout, Duration::from_mins(10));
    assert_eq!(one.idle_timeout, Duration::from_mins(5));

    let several = upstream(&[
        ("LOCALAUTH_UPSTREAM", "https://GPU.example.org, http://[::1]:8000"),
        ("LOCALAUTH_UPSTREAM_KEY", "sk-theirs"),
        ("LOCALAUTH_UPSTREAM_ENGINE", "vllm"),
    ]);
    let shown: Vec<_> = several.servers.iter().map(|s| s.origin.to_string()).collect();
    assert_eq!(shown, ["https://gpu.example.org", "http://[::1]:8000"]);
    assert_eq!(
        (several.servers[0].origin.port(), several.servers[1].origin.host()),
        (443, "::1")
    );
    for server in &several.servers {
        assert_eq!(server.engine, Some(Engine::Vllm));
        assert_eq!(server.key.as_ref().unwrap().expose(), "sk-theirs");
    }
    assert!(!format!("{several:?}").contains("sk-theirs"));
}

#[test]
fn an_origin_is_nothing_more() {
    for wrong in [
        "127.0.0.1:11434",
        "ftp://h",
        "http://",
        "http://h/v1",
        "http://h/?x",
        "http://h#x",
        "http://user:hunter2@h",
        "http://hunter2@h",
        "http://h:0",
        "http://h:",
        "http://h:99999",
        "http://h, ",
        "http://h, http://H",
        "unix:/run/x",
    ] {
        let result = settings(&[], &[("LOCALAUTH_UPSTREAM", wrong)]);
        if wrong == "http://h, " {
            assert!(result.is_ok(), "a comma too many harms nobody");
            continue;
        }
        let message = result.unwrap_err().to_string();
        assert!(
            message.starts_with("LOCALAUTH_UPSTREAM is not valid"),
            "{wrong}: {message}"
        );
        assert!(!message.contains("hunter2") && !message.contains('\n'), "{message}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let origin = ("LOCALAUTH_UPSTREAM", "http://h");
    let model = refusal(&[], &[origin, ("LOCALAUTH_MODEL", "demo")]);
    assert!(
        model.contains("LOCALAUTH_UPSTREAM and LOCALAUTH_MODEL exclude each other"),
        "{model}"
    );
    for other in [
        "LOCALAUTH_UPSTREAM_KEY",
        "LOCALAUTH_UPSTREAM_ENGINE",
        "LOCALAUTH_UPSTREAM_CA",
        "LOCALAUTH_UPSTREAM_IDLE_TIMEOUT",
    ] {
        let message = refusal(&[], &[(other, "5s")]);
        assert!(
            message.contains(&format!("{other} is set without LOCALAUTH_UPSTREAM")),
            "{message}"
        );
    }
    for (name, value, part) in [
        ("LOCALAUTH_UPSTREAM_ENGINE", "lama", "llama.cpp"),
        ("LOCALAUTH_UPSTREAM_KEY", "hunter2 and more", "one line"),
        ("LOCALAUTH_UPSTREAM_IDLE_TIMEOUT", "0s", "longer than nothing"),
        (
            "LOCALAUTH_UPSTREAM_CONECT_TIMEOUT",
            "1s",
            "LOCALAUTH_UPSTREAM_CONNECT_TIMEOUT",
        ),
    ] {
        let message = refusal(&[], &[origin, (name, value)]);
        assert!(message.contains(part) && !message.contains("hunter2"), "{message}");
    }
}

fn from_file(content: &str) -> Result<Settings, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("localauth.toml");
    let key = folder.path().join("key");
    fs::write(&key, "sk-from-file\n").unwrap();
    fs::write(&file, content.replace("KEY_FILE", key.to_str().unwrap())).unwrap();
    settings(&[("--config", file.to_str().unwrap())], &[])
}

#[test]
fn tables_of_the_file() {
    let settings = from_file(
        "upstream_engine = 'openai'
         upstream_idle_timeout = '1m'
         [[upstreams]]
         url = 'http://a:1'
         engine = 'ollama'
         key_file = 'KEY_FILE'
         aliases = { 'gpt-4o' = 'llama3:latest' }
         [[upstreams]]
         url = 'https://b'
         key = 'sk-b'
         models = ['x', 'org/y']
         ca = '/etc/ca.pem'",
    )
    .unwrap();
    let upstream = settings.upstream.unwrap();
    assert_eq!(upstream.idle_timeout, Duration::from_mins(1));
    let [a, b] = &upstream.servers[..] else {
        panic!("{upstream:?}")
    };
    assert_eq!((a.engine, b.engine), (Some(Engine::Ollama), Some(Engine::OpenAi)));
    assert_eq!(a.key.as_ref().unwrap().expose(), "sk-from-file");
    assert_eq!(a.aliases["gpt-4o"], "llama3:latest");
    assert_eq!(b.key.as_ref().unwrap().expose(), "sk-b");
    assert_eq!(b.models, ["x", "org/y"]);
    assert_eq!(b.ca.as_deref(), Some(std::path::Path::new("/etc/ca.pem")));
}

#[test]
fn what_is_wrong_in_a_table_is_said_in_one_line() {
    let table = |fields: &str| format!("[[upstreams]]\nurl = 'http://a'\n{fields}");
    let two = |one: &str, other: &str| format!("{}\n[[upstreams]]\nurl = 'http://b'\n{other}", table(one));
    for (content, part) in [
        ("upstreams = []".to_owned(), "[[upstreams]]"),
        ("upstreams = 'http://a'".to_owned(), "[[upstreams]]"),
        ("[upstreams]\nurl = 'http://a'".to_owned(), "[[upstreams]]"),
        ("[[upstreams]]\nengine = 'vllm'".to_owned(), "upstreams[1].url"),
        (
            "[[upstreams]]\nurl = 'http://u:hunter2@a'".to_owned(),
            "without path and password",
        ),
        (table("modles = ['x']"), "did you mean `upstreams.models`?"),
        (table("engine = 'lama'"), "upstreams[1].engine"),
        (table("key = 'hunter2 x'"), "upstreams[1].key"),
        (table("key = 'hunter2'\nkey_file = '/x'"), "leave out either"),
        (table("key_file = '/no/such'"), "/no/such"),
        (table("models = 'x'"), "upstreams[1].models"),
        (table("models = []"), "upstreams[1].models"),
        (table("aliases = { x = 1 }"), "upstreams[1].aliases"),
        (format!("{}\n{}", table(""), table("")), "upstreams[2].url"),
        (
            two("aliases = { x = 'y' }", "aliases = { x = 'z' }"),
            "let each alias mean one model",
        ),
        (format!("upstream = 'http://c'\n{}", table("")), "exclude each other"),
        (format!("model = 'demo'\n{}", table("")), "exclude each other"),
    ] {
        let message = from_file(&content).unwrap_err().to_string();
        assert!(message.contains(part), "{content:?}: {message}");
        assert!(
            !message.contains("hunter2") && !message.contains('\n'),
            "{content:?}: {message}"
        );
    }
    assert!(from_file(&two("aliases = { x = 'y' }", "aliases = { x = 'y' }")).is_ok());
}
