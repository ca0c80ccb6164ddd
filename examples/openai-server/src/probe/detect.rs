//! Which engine is it?

use anyhow::Context as _;
use localauth_core::policy::packs::Engine;
use reqwest::header::SERVER;
use serde_json::Value;

use super::ask::{Engineer, json};

/// What an engine says it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) engine: Engine,
    pub(super) version: Option<String>,
}

/// Asks who is there.
///
/// # Errors
///
/// When nobody is.
pub(super) async fn detect(engineer: &Engineer) -> anyhow::Result<Found> {
    let first = engineer.get("/api/version").await;
    let first = first.with_context(|| format!("nobody answers at {}", engineer.origin()))?;
    // cpp-httplib's server says so with each answer, those without a key included.
    let is_llama_cpp = first
        .headers()
        .get(SERVER)
        .is_some_and(|server| server.as_bytes().starts_with(b"llama.cpp"));
    let found = |engine, version: Option<&Value>| Found {
        engine,
        version: version.and_then(Value::as_str).map(str::to_owned),
    };
    if let Some(said) = json(first).await
        && said["version"].is_string()
    {
        return Ok(found(Engine::Ollama, said.get("version")));
    }
    if let Some(said) = engineer.read("/version").await
        && said["version"].is_string()
    {
        return Ok(found(Engine::Vllm, said.get("version")));
    }
    let props = engineer.read("/props").await.unwrap_or(Value::Null);
    if is_llama_cpp || props.get("default_generation_settings").is_some() {
        return Ok(found(Engine::LlamaCpp, props.get("build_info")));
    }
    Ok(found(Engine::OpenAi, None))
}
