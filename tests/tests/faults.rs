//! What goes wrong in life: crashes, bad settings, bad input. Each gets a clear word and harms nothing.

use std::os::unix::fs::PermissionsExt as _;

use localauth_tests::{Person, Postgres, Server, binary, clean_command};
use reqwest::Client;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn chat(url: &str, key: &str) -> reqwest::Result<u16> {
    let body = json!({"model": "demo", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]});
    let request = Client::new()
        .post(format!("{url}/v1/chat/completions"))
        .bearer_auth(key)
        .json(&body);
    Ok(request.send().await?.status().as_u16())
}

async fn killed_in_the_middle(database: Option<&Postgres>) {
    let with = |builder: localauth_tests::ServerBuilder| match database {
        Some(database) => builder.env("LOCALAUTH_DATABASE_URL", &database.url),
        None => builder,
    };
    let server = with(Server::builder()).start().await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("k").await;
    let busy: Vec<_> = (0..8)
        .map(|_| {
            let (url, key) = (server.url.clone(), key.clone());
            tokio::spawn(async move {
                let mut answered = 0;
                while let Ok(200) = chat(&url, &key).await {
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    while chat(&server.url, &key).await.unwrap() != 200 {}
    let data = server.crash().await;
    for worker in busy {
        worker.await.unwrap();
    }
    let again = with(Server::builder_in(data.path())).start().await;
    assert_eq!(chat(&again.url, &key).await.unwrap(), 200, "the key still works");
    assert!(
        Person::sign_in(&again, "ada@example.org", localauth_tests::PASSWORD)
            .await
            .is_ok()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_starts_again_on_sqlite() {
    killed_in_the_middle(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_starts_again_on_postgresql() {
    let database = Postgres::create("crash").await;
    killed_in_the_middle(Some(&database)).await;
    database.drop().await;
}

#[tokio::test]
async fn a_signal_stops_it_in_order() {
    let mut server = Server::start().await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, key) = ada.make_key("k").await;
    assert_eq!(chat(&server.url, &key).await.unwrap(), 200);
    assert_eq!(server.stop().await.code(), Some(0));
    let again = Server::builder_in(server.data()).start().await;
    let ada = Person::sign_in(&again, "ada@example.org", localauth_tests::PASSWORD)
        .await
        .unwrap();
    assert_eq!(
        ada.usage().await["totals"]["request_count"],
        1,
        "usage was written before it ended"
    );
}

#[track_caller]
fn one_clear_line(status: std::process::ExitStatus, said: &str, word: &str) {
    assert!(!status.success(), "{said}");
    let errors: Vec<&str> = said.lines().filter(|l| l.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(errors[0].contains(word), "{word}: {said}");
    assert!(
        !said.contains("panicked") && !said.contains("stack backtrace"),
        "{said}"
    );
}

#[tokio::test]
async fn settings_that_cannot_be_end_with_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let broken = folder.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("config.json"), r#"{"architectures":["LlamaForCausalLM"]}"#).unwrap();
    std::fs::write(broken.join("model.safetensors"), [0_u8; 100]).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (name, value, word) in [
        (
            "LOCALAUTH_DATABASE_URL",
            "postgres://nobody:hunter2secret@127.0.0.1:1/x",
            "database",
        ),
        ("LOCALAUTH_DATABASE_URL", "mysql://x/y", "LOCALAUTH_DATABASE_URL"),
        (
            "LOCALAUTH_DATABASE_URL",
            "sqlite:///proc/nothing/localauth.db",
            "/proc/nothing",
        ),
        ("LOCALAUTH_SECRET", "short", "32"),
        ("LOCALAUTH_SECRET", "", "LOCALAUTH_SECRET"),
        ("LOCALAUTH_LISTEN", address.as_str(), address.as_str()),
        ("LOCALAUTH_LISTEN", "nowhere", "nowhere"),
        ("LOCALAUTH_DATA_DIR", "/proc/nothing", "/proc/nothing"),
        ("LOCALAUTH_MODEL", "./no/such/model", "./no/such/model"),
        (
            "LOCALAUTH_MODEL",
            file("corrupt.gguf", b"GGUF nonsense").to_str().unwrap(),
            "`corrupt`",
        ),
        (
            "LOCALAUTH_MODEL",
            file("text.gguf", b"hello").to_str().unwrap(),
            "text.gguf",
        ),
        ("LOCALAUTH_MODEL", broken.to_str().unwrap(), "broken"),
        ("LOCALAUTH_REGISTRATION_MODE", "closed", "approval"),
        ("LOCALAUTH_REGISTRATION_MODUS", "open", "LOCALAUTH_REGISTRATION_MODE"),
        ("LOCALAUTH_MAX_BODY", "many", "LOCALAUTH_MAX_BODY"),
    ] {
        let (status, said) = Server::builder().env(name, value).fail().await;
        one_clear_line(status, &said, word);
        assert!(!said.contains("hunter2secret"), "{said}");
    }
}

/// A data directory that may be read and not written. Root may write anywhere: then somebody else tries.
#[tokio::test]
async fn a_read_only_data_directory_ends_with_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for path in [folder.path(), &data] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o555)).unwrap();
    }
    let program = folder.path().join("openai-server");
    let root = std::process::Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut command = if root {
        // The program itself may be where nobody else can read.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::copy(binary(), &program).unwrap();
        let mut command = clean_command("runuser");
        command
            .args(["-u", "nobody", "--", "env"])
            .arg(format!("LOCALAUTH_DATA_DIR={}", data.display()));
        command.arg("LOCALAUTH_LISTEN=127.0.0.1:0").arg(&program);
        command
    } else {
        let mut command = clean_command(binary());
        command
            .env("LOCALAUTH_DATA_DIR", &data)
            .env("LOCALAUTH_LISTEN", "127.0.0.1:0");
        command
    };
    let output = command.kill_on_drop(true).output().await.unwrap();
    one_clear_line(output.status, &String::from_utf8_lossy(&output.stderr), "data");
}

/// A server with another secret would take every key for a wrong one: it does not start.
#[tokio::test]
async fn another_secret_over_old_data_is_refused() {
    let server = Server::start().await;
    let data = server.crash().await;
    let secret = "0123456789abcdef0123456789abcdef";
    let (status, said) = Server::builder_in(data.path())
        .env("LOCALAUTH_SECRET", secret)
        .fail()
        .await;
    one_clear_line(status, &said, "secret");
    assert!(!said.contains(secret));
}

async fn raw(server: &Server, request: &[u8]) -> String {
    let address = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may answer and close before everything is written.
    stream.write_all(request).await.ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn hostile_headers_are_refused_and_harm_nothing() {
    let server = Server::start().await;
    let (_, key) = Person::register(&server, "ada@example.org").await.make_key("k").await;
    let long = "x".repeat(1_000_000);
    for (header, status) in [
        ("Authorization: Bearer a\x01b".to_owned(), "400"),
        ("Authorization: Bearer a\0b".to_owned(), "400"),
        (format!("Authorization: Bearer {long}"), "431"),
        (format!("Cookie: session={long}"), "431"),
        (format!("{}: x", "n".repeat(70_000)), "431"),
    ] {
        let request = format!("GET /v1/models HTTP/1.1\r\nHost: x\r\n{header}\r\nConnection: close\r\n\r\n");
        let line = raw(&server, request.as_bytes()).await;
        // A connection that is reset before the answer is read shows no line; what counts is that it is not a 200.
        assert!(line.contains(status) || line.is_empty(), "{status}: {line}");
    }
    let bytes = [
        b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer \xff\xfe",
        &b"\r\n\r\n"[..],
    ]
    .concat();
    assert!(raw(&server, &bytes).await.contains("401"));
    assert_eq!(
        chat(&server.url, &key).await.unwrap(),
        200,
        "others are served as before"
    );
}
