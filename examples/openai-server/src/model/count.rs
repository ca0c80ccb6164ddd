//! Counts prompts with the model's own tokenizer and chat template, before the model sees them.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use localauth_tower::{CountPrompt, Inspected};
use mistralrs::core::{MistralRs, Request, RequestMessage, TokenizationRequest};
use mistralrs_server_core::{
    chat_completion, completions,
    openai::{ChatCompletionRequest, CompletionRequest},
};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tracing::debug;

use super::stored::Stored;

/// Asks the engine, which takes well under a millisecond unless it is in the middle of a step.
#[derive(Clone)]
pub struct Tokenizer {
    runtime: Arc<MistralRs>,
    stored: Stored,
}

impl Tokenizer {
    /// That of the model in `runtime`, which answers what continues a response in `stored` with all that came before.
    pub const fn new(runtime: Arc<MistralRs>, stored: Stored) -> Self {
        Self { runtime, stored }
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokenizer")
    }
}

impl CountPrompt for Tokenizer {
    fn count(&self, path: &str, asked: &Inspected) -> Pin<Box<dyn Future<Output = Option<u64>> + Send>> {
        let (runtime, body) = (Arc::clone(&self.runtime), asked.body().clone());
        let kind = match path.strip_prefix("/v1").unwrap_or(path) {
            "/chat/completions" => Kind::Chat,
            "/completions" => Kind::Completion,
            _ => return Box::pin(std::future::ready(None)),
        };
        // On a task of its own: the engine panics when nobody takes its answer.
        let task = tokio::spawn(async move { count(runtime, kind, body).await });
        Box::pin(async move { task.await.ok().flatten() })
    }

    fn stored_bytes(&self, path: &str, asked: &Inspected) -> u64 {
        if path != "/v1/responses" {
            return 0;
        }
        // Of each name the last, as whoever looks it up does.
        let fields = serde_json::from_slice::<Map<String, Value>>(asked.body()).unwrap_or_default();
        let id = fields.get("previous_response_id").and_then(Value::as_str);
        id.map_or(0, |id| self.stored.history_bytes(id))
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Chat,
    Completion,
}

async fn count(runtime: Arc<MistralRs>, kind: Kind, body: Bytes) -> Option<u64> {
    let request = parse(&runtime, kind, &body).await?;
    let Request::Normal(request) = request else { return None };
    let (response, mut answer) = mpsc::channel(1);
    let tokenize = |text, enable_thinking, reasoning_effort| TokenizationRequest {
        text,
        tools: request.tools.clone(),
        add_generation_prompt: true,
        add_special_tokens: true,
        enable_thinking,
        reasoning_effort,
        response,
    };
    let tokenize = match request.messages {
        RequestMessage::Chat {
            messages,
            enable_thinking,
            reasoning_effort,
        } => tokenize(either::Either::Left(messages), enable_thinking, reasoning_effort),
        RequestMessage::Completion { text, .. } => tokenize(either::Either::Right(text), None, None),
        // Pictures and sound become tokens that only the model knows the number of.
        _ => return None,
    };
    let sender = runtime.get_sender(request.model_id.as_deref()).ok()?;
    sender.send(Request::Tokenize(tokenize)).await.ok()?;
    match answer.recv().await? {
        Ok(tokens) => u64::try_from(tokens.len()).ok(),
        Err(error) => {
            debug!(%error, "the prompt cannot be counted");
            None
        }
    }
}

/// Whether there may be media in it: mistral.rs fetches those while it parses, and nobody has judged their addresses yet.
fn may_have_media(value: &Value) -> bool {
    let names_media = |name: &str| {
        ["url", "image", "audio", "video", "file"]
            .iter()
            .any(|word| name.contains(word))
    };
    match value {
        Value::Array(items) => items.iter().any(may_have_media),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| names_media(name) || may_have_media(value)),
        _ => false,
    }
}

/// The request as the route makes it.
async fn parse(runtime: &Arc<MistralRs>, kind: Kind, body: &Bytes) -> Option<Request> {
    if may_have_media(&serde_json::from_slice(body).ok()?) {
        return None;
    }
    let (unused, _answers) = mpsc::channel(1);
    let parsed = match kind {
        Kind::Chat => {
            let asked: ChatCompletionRequest = serde_json::from_slice(body).ok()?;
            chat_completion::parse_request(asked, Arc::clone(runtime), unused).await
        }
        Kind::Completion => {
            let asked: CompletionRequest = serde_json::from_slice(body).ok()?;
            completions::parse_request(asked, Arc::clone(runtime), unused)
        }
    };
    parsed.ok().map(|(request, _)| request)
}
