//! vLLM: `vllm/entrypoints/**/api_router.py`.
//!
//! Its key covers `/v1`, `/v2`, `/inference` and `/cohere`. What stands beside them (`/invocations`, `/pooling`, `/rerank`,
//! and with the settings for development `/sleep`, `/update_weights`, `/collective_rpc`) it answers to whoever reaches it.

use http::Method;

use super::super::{Asks, Dialect, ModelIn};
use super::pack::{Door, Engine, NOTHING, Pack, Route, UNTOLD, row};

const GET: Method = Method::GET;
const POST: Method = Method::POST;

const CHAT: Door = Door::Feature("chat");
const EMBEDDINGS: Door = Door::Feature("embeddings");
const RERANK: Door = Door::Feature("rerank");
const TOKENIZE: Door = Door::Feature("tokenize");
const TRANSCRIPTION: Door = Door::Feature("audio_transcription");

const USAGE: Asks = UNTOLD.in_words_of(Dialect::OpenAi);
const ANTHROPIC: Asks = UNTOLD.in_words_of(Dialect::Anthropic);
const IN_FORM: Asks = Asks::work(ModelIn::Form).in_words_of(Dialect::OpenAi);

pub(super) static PACK: Pack = Pack {
    engine: Engine::Vllm,
    release: "0.33.0",
    routes: &[ROUTES],
};

static ROUTES: &[Route] = &[
    row(GET, "/v1/models", Door::SignedIn, NOTHING),
    row(GET, "/health", Door::SignedIn, NOTHING),
    row(GET, "/version", Door::SignedIn, NOTHING),
    // Work.
    row(POST, "/v1/chat/completions", CHAT, USAGE),
    row(POST, "/v1/completions", CHAT, USAGE),
    row(POST, "/v1/responses", CHAT, USAGE),
    row(POST, "/v1/messages", CHAT, ANTHROPIC),
    row(POST, "/v1/embeddings", EMBEDDINGS, USAGE),
    row(POST, "/v2/embed", EMBEDDINGS, UNTOLD),
    row(POST, "/pooling", EMBEDDINGS, USAGE),
    row(POST, "/classify", Door::Feature("moderation"), USAGE),
    row(POST, "/score", RERANK, USAGE),
    row(POST, "/v1/score", RERANK, USAGE),
    row(POST, "/rerank", RERANK, USAGE),
    row(POST, "/v1/rerank", RERANK, USAGE),
    row(POST, "/v2/rerank", RERANK, USAGE),
    row(POST, "/v1/audio/transcriptions", TRANSCRIPTION, IN_FORM),
    row(POST, "/v1/audio/translations", TRANSCRIPTION, IN_FORM),
    row(POST, "/tokenize", TOKENIZE, UNTOLD),
    row(POST, "/detokenize", TOKENIZE, UNTOLD),
    row(POST, "/v1/messages/count_tokens", TOKENIZE, UNTOLD),
    // Work whose length nobody can bound from outside, or of which one request is many.
    row(POST, "/invocations", Door::Admin, USAGE),
    row(POST, "/v1/chat/completions/batch", Door::Admin, USAGE),
    row(POST, "/cohere/v2/chat", Door::Admin, UNTOLD),
    row(POST, "/generative_scoring", Door::Admin, USAGE),
    row(POST, "/v1/decisions", Door::Admin, USAGE),
    row(POST, "/v1/systemone", Door::Admin, USAGE),
    // The model is named in the connection, where nobody looks, and may be another one later.
    row(GET, "/v1/realtime", Door::Admin, Asks::work(ModelIn::Query)),
    // Stored answers, of whoever asked for them.
    row(GET, "/v1/responses/{id}", Door::Admin, NOTHING),
    row(POST, "/v1/responses/{id}/cancel", Door::Admin, NOTHING),
    // What it is, and how it does.
    row(GET, "/ping", Door::Admin, NOTHING),
    row(POST, "/ping", Door::Admin, NOTHING),
    row(GET, "/load", Door::Admin, NOTHING),
    row(GET, "/server_info", Door::Admin, NOTHING),
    row(GET, "/tokenizer_info", Door::Admin, NOTHING),
    row(GET, "/is_sleeping", Door::Admin, NOTHING),
    row(GET, "/is_paused", Door::Admin, NOTHING),
    row(GET, "/fault_tolerance/status", Door::Admin, NOTHING),
    row(POST, "/is_scaling_elastic_ep", Door::Admin, NOTHING),
    row(GET, "/docs", Door::Admin, NOTHING),
    row(GET, "/docs/oauth2-redirect", Door::Admin, NOTHING),
    row(GET, "/redoc", Door::Admin, NOTHING),
    row(GET, "/openapi.json", Door::Admin, NOTHING),
    // What changes it for everybody.
    row(POST, "/pause", Door::Admin, NOTHING),
    row(POST, "/resume", Door::Admin, NOTHING),
    row(POST, "/sleep", Door::Admin, NOTHING),
    row(POST, "/wake_up", Door::Admin, NOTHING),
    row(POST, "/abort_requests", Door::Admin, NOTHING),
    row(POST, "/release_kv_cache_memory", Door::Admin, NOTHING),
    row(POST, "/reset_prefix_cache", Door::Admin, NOTHING),
    row(POST, "/reset_mm_cache", Door::Admin, NOTHING),
    row(POST, "/reset_encoder_cache", Door::Admin, NOTHING),
    row(POST, "/start_profile", Door::Admin, NOTHING),
    row(POST, "/stop_profile", Door::Admin, NOTHING),
    row(POST, "/scale_elastic_ep", Door::Admin, NOTHING),
    row(POST, "/v1/load_lora_adapter", Door::Admin, NOTHING),
    row(POST, "/v1/unload_lora_adapter", Door::Admin, NOTHING),
    // What makes it run code, take over weights, or talk to other machines: for its own network, not through a guard.
    row(POST, "/collective_rpc", Door::Closed, NOTHING),
    row(POST, "/fault_tolerance/apply", Door::Closed, NOTHING),
    row(POST, "/init_weight_transfer_engine", Door::Closed, NOTHING),
    row(POST, "/shutdown_weight_transfer_engine", Door::Closed, NOTHING),
    row(POST, "/start_weight_update", Door::Closed, NOTHING),
    row(POST, "/start_draft_weight_update", Door::Closed, NOTHING),
    row(POST, "/update_weights", Door::Closed, NOTHING),
    row(POST, "/finish_weight_update", Door::Closed, NOTHING),
    row(POST, "/update_weight_version", Door::Closed, NOTHING),
    row(GET, "/weight_info", Door::Closed, NOTHING),
    row(POST, "/weight_checker", Door::Closed, NOTHING),
    row(GET, "/get_world_size", Door::Closed, NOTHING),
    row(GET, "/kv_event_sources", Door::Closed, NOTHING),
    // One half of a request, for another vLLM that does the other half.
    row(POST, "/inference/v1/generate", Door::Closed, NOTHING),
    row(POST, "/inference/v1/abort_requests", Door::Closed, NOTHING),
    row(POST, "/v1/chat/completions/render", Door::Closed, NOTHING),
    row(POST, "/v1/chat/completions/derender", Door::Closed, NOTHING),
    row(POST, "/v1/completions/render", Door::Closed, NOTHING),
    row(POST, "/v1/completions/derender", Door::Closed, NOTHING),
    row(POST, "/v1/messages/render", Door::Closed, NOTHING),
    row(POST, "/v1/responses/render", Door::Closed, NOTHING),
    row(POST, "/cohere/v2/chat/render", Door::Closed, NOTHING),
    // Ours, in every pack.
    row(GET, "/metrics", Door::Closed, NOTHING),
];
