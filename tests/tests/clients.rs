//! The official clients: what they parse is what we mean.

use std::path::PathBuf;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use localauth_tests::{Person, Server, required};
use serde_json::{Value, json};
use tokio::process::Command;

struct Walk {
    server: Server,
    ada: Person,
    user: String,
    revoked: String,
}

async fn walk() -> Walk {
    let server = Server::start().await;
    // The first is the administrator: the one who walks is not.
    Person::register(&server, "root@example.org").await;
    let ada = Person::register(&server, "ada@example.org").await;
    let (_, user) = ada.make_key("user").await;
    let (id, revoked) = ada.make_key("revoked").await;
    assert_eq!(ada.revoke(&id).await, 200);
    Walk {
        server,
        ada,
        user,
        revoked,
    }
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// Runs a client's walk, and compares the report with what the client was told. `walk.py` and `walk.mjs` themselves check
/// each refusal's class, status and code.
async fn run(mut command: Command, walk: &Walk) {
    command.args([&format!("{}/v1", walk.server.url), &walk.user, &walk.revoked]);
    let output = command
        .kill_on_drop(true)
        .output()
        .await
        .expect("the client can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    assert_eq!(said["refusals"].as_array().unwrap().len(), 7, "{said}");
    let answers = said["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 3, "{said}");
    let sum = |name: &str| {
        answers
            .iter()
            .map(|a| a["usage"][name].as_u64().expect("usage in each answer"))
            .sum::<u64>()
    };
    let totals = &walk.ada.usage().await["totals"];
    for name in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        assert_eq!(totals[name], sum(name), "{name}: {totals} {said}");
    }
    assert_eq!(
        (&totals["request_count"], &totals["estimated_requests"]),
        (&json!(3), &json!(0))
    );
}

#[tokio::test]
async fn openai_for_python() {
    let mut command = Command::new(required("LOCALAUTH_TEST_PYTHON"));
    command.arg(script("python/walk.py"));
    run(command, &walk().await).await;
}

#[tokio::test]
async fn openai_for_node() {
    let mut command = Command::new(required("LOCALAUTH_TEST_NODE"));
    command
        .arg(script("node/walk.mjs"))
        .env("LOCALAUTH_TEST_NODE_MODULES", required("LOCALAUTH_TEST_NODE_MODULES"));
    run(command, &walk().await).await;
}

#[tokio::test]
async fn async_openai_for_rust() {
    let walk = walk().await;
    let client = |key: &str| {
        let config = OpenAIConfig::new()
            .with_api_base(format!("{}/v1", walk.server.url))
            .with_api_key(key);
        Client::with_config(config)
    };
    let models = client(&walk.user).models().list().await.unwrap();
    assert!(models.data.iter().any(|m| m.id == "demo"));
    for (key, code) in [
        ("", "missing_credentials"),
        ("sk-local-wrong", "invalid_api_key"),
        (walk.revoked.as_str(), "invalid_api_key"),
        ("a.b.c", "invalid_token"),
        ("ss-local-over", "invalid_session"),
    ] {
        let error = client(key).models().list().await.unwrap_err();
        let OpenAIError::ApiError(error) = error else {
            panic!("{key}: {error:?}")
        };
        let text = format!("{error:?}");
        assert!(
            text.contains(code) && text.contains("authentication_error"),
            "{code}: {text}"
        );
    }
}
