//! An axum server of one's own with users, keys, a feature gate, an admin route, usage, and the console.

use axum::routing::{get, post};
use axum::{Json, Router};
use localauth_core::Auth;
use localauth_tower::{CurrentUser, MeterUsage, RequireAdmin, RequireAuth, RequireFeature, api, console};
use serde_json::{Value, json};

/// The whole application.
pub fn app(auth: &Auth) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .layer(MeterUsage::new(auth))
        .layer(RequireFeature::new("chat"))
        .route("/admin/reload", post(reload).layer(RequireAdmin::new()))
        .route("/hello", get(hello))
        .layer(RequireAuth::new(auth))
        .merge(api::router(auth)) // /api/auth/*: register, sign in, make a key, …
        .merge(console::router(auth)) // the same for people, at /
}

async fn chat(user: CurrentUser, Json(request): Json<Value>) -> Json<Value> {
    let words = request["messages"].to_string().split_whitespace().count();
    let answer = format!("Hello {}, you sent about {words} words.", user.name());
    Json(json!({
        "model": "echo",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": answer } }],
        "usage": { "prompt_tokens": words, "completion_tokens": 7, "total_tokens": words + 7 },
    }))
}

async fn hello(user: CurrentUser) -> String {
    format!("{} ({})", user.name(), user.role())
}

async fn reload() -> &'static str {
    "reloaded"
}
