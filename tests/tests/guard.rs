//! The official clients through the guard, in front of a stand-in that answers as the real routes do, and in front of our
//! own model server.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use localauth_tests::{Person, Server, required};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

const MODEL: &str = "llama3:latest";
const THEIRS: &str = "sk-of-the-engine";

/// A request as it came.
#[derive(Clone)]
struct Seen {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// An engine with OpenAI's routes and Ollama's.
#[derive(Clone, Default)]
struct Engine(Arc<Mutex<Vec<Seen>>>);

impl Engine {
    async fn start() -> (Self, String, JoinHandle<()>) {
        let engine = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(answer).with_state(engine.clone());
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        (engine, url, task)
    }

    fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }
}

fn reply(kind: &str, body: impl Into<axum::body::Body>) -> Response {
    ([(header::CONTENT_TYPE, kind.to_owned())], body.into()).into_response()
}

async fn answer(State(engine): State<Engine>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = head.uri.path().to_owned();
    engine.0.lock().unwrap().push(Seen {
        path: path.clone(),
        headers: head.headers,
        body: body.clone(),
    });
    let asked: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let json = |value: Value| reply("application/json", value.to_string());
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
    // As Ollama does: unless it is told not to.
    let streams = asked["stream"] != json!(false);
    let piece = |text: &str, done: bool| {
        let mut piece = json!({"model": MODEL, "created_at": "2026-11-01T00:00:00Z", "done": done});
        if path == "/api/chat" {
            piece["message"] = json!({"role": "assistant", "content": text});
        } else {
            piece["response"] = json!(text);
        }
        if done {
            piece["done_reason"] = json!("stop");
            piece["prompt_eval_count"] = json!(3);
            piece["eval_count"] = json!(2);
        }
        piece
    };
    match path.as_str() {
        "/api/tags" => json(json!({"models": [{
            "name": MODEL, "model": MODEL, "modified_at": "2026-11-01T00:00:00Z", "size": 7, "digest": "d",
            "details": {"family": "llama"},
        }]})),
        "/v1/chat/completions" if asked["stream"] == true => {
            let chunk = |delta: Value, finish: Value| {
                let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
                let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]});
                format!("data: {chunk}\n\n")
            };
            let mut text = chunk(json!({"role": "assistant", "content": "I am "}), Value::Null);
            text += &chunk(json!({"content": "a stand-in"}), json!("stop"));
            if asked["stream_options"]["include_usage"] == true {
                let last = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [], "usage": usage});
                text = text + "data: " + &last.to_string() + "\n\n";
            }
            reply("text/event-stream", text + "data: [DONE]\n\n")
        }
        "/v1/chat/completions" => json(json!({
            "id": "c", "object": "chat.completion", "created": 1, "model": MODEL, "usage": usage,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "I am a stand-in"}, "finish_reason": "stop"}],
        })),
        "/v1/embeddings" => json(json!({
            "object": "list", "model": MODEL, "usage": {"prompt_tokens": 3, "total_tokens": 3},
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}, {"object": "embedding", "index": 1, "embedding": [0.25]}],
        })),
        "/v1/audio/transcriptions" => json(json!({"text": format!("{} bytes", body.len())})),
        "/api/embed" => json(json!({"model": MODEL, "embeddings": [[0.5], [0.25]], "prompt_eval_count": 3})),
        "/api/chat" | "/api/generate" if streams => {
            let lines = format!("{}\n{}\n", piece("I am ", false), piece("a stand-in", true));
            reply("application/x-ndjson", lines)
        }
        "/api/chat" | "/api/generate" => json(piece("I am a stand-in", true)),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

fn python(name: &str) -> Command {
    let mut command = Command::new(required("LOCALAUTH_TEST_PYTHON"));
    command.arg(script(name));
    command
}

fn node(name: &str) -> Command {
    let mut command = Command::new(required("LOCALAUTH_TEST_NODE"));
    command
        .arg(script(name))
        .env("LOCALAUTH_TEST_NODE_MODULES", required("LOCALAUTH_TEST_NODE_MODULES"));
    command
}

/// What a client says at the end of its walk.
async fn run(mut command: Command, arguments: &[&str]) -> Value {
    let output = command
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await
        .expect("the client can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one line of JSON")
}

struct World {
    guard: Server,
    engine: Engine,
    ada: Person,
    key: String,
    _engine: JoinHandle<()>,
}

async fn world() -> World {
    let (engine, url, task) = Engine::start().await;
    let guard = Server::builder()
        .env("LOCALAUTH_UPSTREAM", url)
        .env("LOCALAUTH_UPSTREAM_KEY", THEIRS)
        .start()
        .await;
    // The first is the administrator: the one who walks is not.
    Person::register(&guard, "root@example.org").await;
    let ada = Person::register(&guard, "ada@example.org").await;
    let (_, key) = ada.make_key("walk").await;
    World {
        guard,
        engine,
        ada,
        key,
        _engine: task,
    }
}

impl World {
    /// What the clients saw is what was counted, and none of their credentials arrived.
    async fn check(&self, requests: u64, tokens: u64) {
        let usage = self.ada.usage().await;
        assert_eq!(usage["totals"]["request_count"], requests, "{usage}");
        assert_eq!(usage["totals"]["total_tokens"], tokens, "{usage}");
        for row in usage["usage"].as_array().unwrap() {
            assert_eq!(row["model"], MODEL, "whatever it was called");
        }
        for seen in self.engine.seen() {
            let told = format!("{:?}", seen.headers);
            assert_eq!(
                seen.headers[header::AUTHORIZATION],
                format!("Bearer {THEIRS}"),
                "{}",
                seen.path
            );
            assert!(!told.contains("sk-local-") && !told.contains("cookie"), "{told}");
        }
    }
}

#[tokio::test]
async fn openai_and_ollama_for_python() {
    let world = world().await;
    // By the short name, as Ollama's users do.
    let said = run(python("python/guard.py"), &[&world.guard.url, &world.key, "llama3"]).await;
    for client in ["openai", "ollama"] {
        assert_eq!(said[client]["models"], json!([MODEL]), "{said}");
        assert_eq!(said[client]["chat"], "I am a stand-in");
        assert_eq!(said[client]["stream"], "I am a stand-in");
    }
    // Sound arrives to the byte, in whatever the client wraps it in.
    let seen = world.engine.seen();
    let upload = seen
        .iter()
        .find(|seen| seen.path == "/v1/audio/transcriptions")
        .unwrap();
    let sound: Vec<u8> = b"RIFF"
        .iter()
        .copied()
        .chain((0..=255).cycle().take(256 * 40))
        .collect();
    assert!(upload.body.windows(sound.len()).any(|window| window == sound));
    for seen in &seen {
        if let Ok(asked) = serde_json::from_slice::<Value>(&seen.body) {
            assert_eq!(asked["model"], MODEL, "{}: the one exact name arrives", seen.path);
        }
    }
    // openai: chat and stream of 5, embeddings of 3, sound of none; ollama: generate, chat and stream of 5, embeddings of 3.
    world.check(8, 5 + 5 + 3 + 5 + 5 + 5 + 3).await;
}

#[tokio::test]
async fn openai_for_node() {
    let world = world().await;
    let said = run(node("node/guard.mjs"), &[&world.guard.url, &world.key, MODEL]).await;
    assert_eq!(said["openai"]["models"], json!([MODEL]), "{said}");
    assert_eq!(said["openai"]["stream"], "I am a stand-in");
    world.check(4, 5 + 5 + 3).await;
}

/// One server of ours in front of another: the same walk as without the one in front.
#[tokio::test]
async fn our_own_model_server_behind_the_guard() {
    let engine = Server::start().await;
    Person::register(&engine, "root@example.org").await;
    let service = Person::register(&engine, "guard@example.org").await;
    let (_, theirs) = service.make_key("guard").await;
    let guard = Server::builder()
        .env("LOCALAUTH_UPSTREAM", &engine.url)
        .env("LOCALAUTH_UPSTREAM_KEY", &theirs)
        .env("LOCALAUTH_UPSTREAM_ENGINE", "openai")
        .start()
        .await;
    Person::register(&guard, "root@example.org").await;
    let ada = Person::register(&guard, "ada@example.org").await;
    let (_, key) = ada.make_key("walk").await;
    let (id, revoked) = ada.make_key("revoked").await;
    assert_eq!(ada.revoke(&id).await, 200);
    let said = run(
        python("python/walk.py"),
        &[&format!("{}/v1", guard.url), &key, &revoked],
    )
    .await;
    assert_eq!(said["answers"].as_array().unwrap().len(), 3, "{said}");
    // Both have counted the same.
    let (here, there) = (ada.usage().await, service.usage().await);
    assert_eq!(
        here["totals"]["total_tokens"], there["totals"]["total_tokens"],
        "{here} {there}"
    );
    assert_eq!(here["totals"]["request_count"], 3, "{here}");
}

#[tokio::test]
async fn without_a_server_to_stand_in_front_of() {
    for (url, part) in [
        ("http://user:hunter2@127.0.0.1", "LOCALAUTH_UPSTREAM is not valid"),
        ("http://127.0.0.1/v1", "without path"),
    ] {
        let (status, said) = Server::builder().env("LOCALAUTH_UPSTREAM", url).fail().await;
        assert!(
            !status.success() && said.contains(part) && !said.contains("hunter2"),
            "{said}"
        );
        assert_eq!(said.trim().lines().count(), 1, "{said}");
    }
    // One that is away does not keep it from starting.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut guard = Server::builder()
        .env("LOCALAUTH_UPSTREAM", format!("http://{gone}"))
        .start()
        .await;
    let ready = reqwest::get(format!("{}/readyz", guard.url)).await.unwrap();
    assert_eq!(ready.status(), 200);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(ready["upstreams"], json!({"configured": 1, "reachable": 0}));
    assert!(guard.stop().await.success());
}
