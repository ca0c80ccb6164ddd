//! Against engines that answer as the real ones do, and remember what they were asked.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::Request,
    http::{StatusCode, header::AUTHORIZATION},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, get, post},
};
use localauth_core::policy::packs::Route;
use serde_json::json;

use super::*;

/// What an engine was asked: method, path and body.
type Heard = Arc<Mutex<Vec<(String, String, String)>>>;

/// An engine that listens until it is dropped.
struct Stand {
    url: String,
    asked: Heard,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stand {
    async fn new(engine: Router) -> Self {
        let asked = Heard::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ears = asked.clone();
        let engine = engine.layer(from_fn(move |request: Request, next: Next| {
            let ears = ears.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1_000_000).await.unwrap();
                let text = String::from_utf8(body.to_vec()).unwrap();
                ears.lock()
                    .unwrap()
                    .push((head.method.to_string(), head.uri.path().to_owned(), text));
                assert!(head.headers.get(AUTHORIZATION).is_none(), "it has no key");
                next.run(Request::from_parts(head, body.into())).await
            }
        }));
        let task = tokio::spawn(async move { axum::serve(listener, engine).await.unwrap() });
        Self { url, asked, task }
    }

    /// Whether it was asked that.
    fn was_asked(&self, method: &str, path: &str) -> bool {
        let all = self.asked.lock().unwrap();
        all.iter().any(|(asked, at, _)| asked == method && at == path)
    }

    async fn examine(&self, engine: Option<Engine>) -> Report {
        let command = Probe {
            url: self.url.clone(),
            engine,
            json: false,
        };
        examine(&command).await.unwrap()
    }
}

fn answer(report: &Report, method: &str, path: &str) -> Answer {
    let mut routes = report.routes.iter();
    let found = routes.find(|route| route.method == method && route.path == path);
    found.unwrap_or_else(|| panic!("{method} {path}")).answer
}

/// Reads JSON, as those do that ask a model for work.
fn work() -> MethodRouter {
    post(|_: Json<serde_json::Value>| async { StatusCode::OK })
}

/// Does what it is for at once.
fn harm() -> MethodRouter {
    post(|| async { StatusCode::OK })
}

fn unknown_route() -> StatusCode {
    StatusCode::NOT_FOUND
}

#[tokio::test]
async fn an_ollama_is_open() {
    let engine = Router::new()
        .route("/api/version", get(|| async { Json(json!({"version": "0.30.4"})) }))
        .route("/", get(|| async { "Ollama is running" }))
        .route("/api/tags", get(|| async { Json(json!({"models": []})) }))
        .route("/api/chat", work())
        .route("/api/pull", harm())
        .route("/api/delete", axum::routing::delete(|| async { StatusCode::OK }))
        .fallback(|| async { unknown_route() });
    let stand = Stand::new(engine).await;
    let report = stand.examine(None).await;
    assert_eq!(
        (report.engine.as_str(), report.version.as_deref()),
        ("ollama", Some("0.30.4"))
    );
    for (method, path, expected) in [
        ("GET", "/", Answer::Open),
        ("HEAD", "/", Answer::Open),
        ("POST", "/api/chat", Answer::Open),
        ("POST", "/api/pull", Answer::Open),
        ("DELETE", "/api/delete", Answer::Open),
        ("POST", "/api/push", Answer::Absent),
        ("GET", "/v1/models", Answer::Absent),
        // It may be there, and have no such model.
        ("GET", "/v1/models/{model}", Answer::Untold),
    ] {
        assert_eq!(answer(&report, method, path), expected, "{method} {path}");
    }
    assert!(!stand.was_asked("POST", "/api/pull") && !stand.was_asked("DELETE", "/api/delete"));
    let text = report.to_string();
    assert!(text.starts_with("ollama 0.30.4 at http://127.0.0.1:"), "{text}");
    assert!(text.contains("DELETE  /api/delete   admin\n"), "{text}");
    let advice = text.trim_end().lines().next_back().unwrap();
    assert!(
        advice.contains("OLLAMA_HOST=127.0.0.1") && advice.contains("LOCALAUTH_UPSTREAM=http://127"),
        "{advice}"
    );
}

/// A key for some prefixes, as vLLM's is.
async fn wants_key(request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/v1") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

#[tokio::test]
async fn a_vllm_is_half_open_and_has_news() {
    let paths = json!({"paths": {
        "/v1/chat/completions": {"post": {}}, "/sleep": {"post": {}}, "/v9/teleport": {"post": {}},
    }});
    let engine = Router::new()
        .route("/version", get(|| async { Json(json!({"version": "0.33.0"})) }))
        .route("/openapi.json", get(move || async move { Json(paths) }))
        .route("/v1/chat/completions", work())
        .route("/pooling", work())
        .route("/sleep", harm())
        .layer(from_fn(wants_key))
        .fallback(|| async { unknown_route() });
    let stand = Stand::new(engine).await;
    let report = stand.examine(None).await;
    assert_eq!(report.engine, "vllm");
    for (method, path, expected) in [
        ("POST", "/v1/chat/completions", Answer::Refused),
        ("POST", "/pooling", Answer::Open),
        ("POST", "/sleep", Answer::Open),
        ("POST", "/collective_rpc", Answer::Absent),
        ("GET", "/openapi.json", Answer::Open),
    ] {
        assert_eq!(answer(&report, method, path), expected, "{method} {path}");
    }
    assert!(!stand.was_asked("POST", "/sleep"));
    assert_eq!(report.unknown.len(), 1);
    let text = report.to_string();
    assert!(text.contains("\nPOST /v9/teleport\n"), "{text}");
}

#[tokio::test]
async fn a_llama_cpp_does_not_tell_all() {
    let engine = Router::new()
        .route("/props", get(|| async { Json(json!({"default_generation_settings": {}, "build_info": "b1"})) }))
        .route("/slots", get(|| async { StatusCode::NOT_IMPLEMENTED }))
        .route("/completion", work())
        // It knows a path by its method alone.
        .method_not_allowed_fallback(|| async { unknown_route() })
        .fallback(|| async { unknown_route() });
    let stand = Stand::new(engine).await;
    let report = stand.examine(None).await;
    assert_eq!(
        (report.engine.as_str(), report.version.as_deref()),
        ("llama.cpp", Some("b1"))
    );
    for (method, path, expected) in [
        ("POST", "/completion", Answer::Open),
        ("POST", "/infill", Answer::Absent),
        ("GET", "/slots", Answer::Off),
        ("POST", "/slots/{id}", Answer::Untold),
        ("POST", "/lora-adapters", Answer::Untold),
    ] {
        assert_eq!(answer(&report, method, path), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn what_wants_a_key_everywhere_is_fine() {
    let engine = Router::new().fallback(|| async { StatusCode::UNAUTHORIZED });
    let stand = Stand::new(engine).await;
    let report = stand.examine(None).await;
    assert_eq!(report.engine, "openai");
    assert!(report.routes.iter().all(|route| route.answer == Answer::Refused));
    assert!(
        report
            .to_string()
            .trim_end()
            .lines()
            .next_back()
            .unwrap()
            .starts_with("nothing here is open")
    );
    // By its name, where it does not say.
    assert_eq!(stand.examine(Some(Engine::Vllm)).await.engine, "vllm");
}

/// The attack is our own: a probe that pulls, deletes or puts to sleep.
#[tokio::test]
async fn no_engine_is_asked_to_do_anything() {
    let is_harmless = |route: &Route| {
        let Question { method, body, .. } = Question::about(route);
        let is_work = route.asks().is_work();
        match method.as_str() {
            "GET" | "HEAD" => *route.method() == method && body.is_none(),
            "PATCH" => body.is_none() && !is_work,
            "POST" => is_work && body.is_some_and(|(_, body)| serde_json::from_str::<serde_json::Value>(body).is_err()),
            _ => false,
        }
    };
    for engine in Engine::ALL {
        for route in pack(engine).routes() {
            assert!(is_harmless(route), "{engine}: {route:?}");
            // Nothing has a `PATCH` that this could be.
            assert_ne!(*route.method(), reqwest::Method::PATCH);
        }
        let everything = Router::new().fallback(|| async { StatusCode::OK });
        let stand = Stand::new(everything).await;
        stand.examine(Some(engine)).await;
        let heard = stand.asked.lock().unwrap().clone();
        assert!(heard.len() > 20);
        for (method, path, body) in heard {
            assert_ne!(method, "DELETE", "{path}");
            assert!(
                method != "POST" || body.contains("localauth-probe"),
                "{method} {path} {body}"
            );
            assert!(!path.contains('{'), "{path}");
        }
    }
}

#[tokio::test]
async fn nobody_there_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let command = Probe {
        url,
        engine: None,
        json: false,
    };
    let error = examine(&command).await.unwrap_err().to_string();
    assert!(error.starts_with("nobody answers at http://127.0.0.1:"), "{error}");
}

#[test]
fn only_an_origin_is_understood() {
    for url in [
        "http://127.0.0.1:11434",
        "https://engine.internal/",
        "http://[::1]:8000",
    ] {
        assert!(origin(url).is_ok(), "{url}");
    }
    for url in [
        "127.0.0.1:11434",
        "ftp://h",
        "http://h/v1",
        "http://h/?x",
        "http://h/#x",
        "http://user:secret@h",
        "unix:///run/x",
        "",
    ] {
        let error = origin(url).unwrap_err();
        assert!(!format!("{error:#}").contains("secret"), "{url}");
    }
}
