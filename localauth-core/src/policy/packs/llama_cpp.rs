//! llama.cpp's server: `tools/server/server.cpp`.
//!
//! Its key, where one is set, leaves the web page and the health open.

use http::Method;

use super::super::{Asks, Dialect, ModelIn};
use super::pack::{Door, Engine, NOTHING, Pack, Route, UNTOLD, row};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const DELETE: Method = Method::DELETE;

const CHAT: Door = Door::Feature("chat");
const EMBEDDINGS: Door = Door::Feature("embeddings");
const RERANK: Door = Door::Feature("rerank");
const TOKENIZE: Door = Door::Feature("tokenize");
const TRANSCRIPTION: Door = Door::Feature("audio_transcription");

const OWN: Asks = UNTOLD.in_words_of(Dialect::LlamaCpp);
const OPENAI: Asks = UNTOLD.in_words_of(Dialect::OpenAi);
const ANTHROPIC: Asks = UNTOLD.in_words_of(Dialect::Anthropic);
const IN_FORM: Asks = Asks::work(ModelIn::Form).in_words_of(Dialect::OpenAi);

pub(super) static PACK: Pack = Pack {
    engine: Engine::LlamaCpp,
    release: "0.5.0",
    routes: &[ROUTES],
};

static ROUTES: &[Route] = &[
    row(GET, "/health", Door::SignedIn, NOTHING),
    row(GET, "/v1/health", Door::SignedIn, NOTHING),
    row(GET, "/models", Door::SignedIn, NOTHING),
    row(GET, "/v1/models", Door::SignedIn, NOTHING),
    // Work, in its own words. `/completion` and `/completions` are the same.
    row(POST, "/completion", CHAT, OWN),
    row(POST, "/completions", CHAT, OWN),
    row(POST, "/infill", CHAT, OWN),
    row(POST, "/embedding", EMBEDDINGS, OWN),
    row(POST, "/embeddings", EMBEDDINGS, OWN),
    row(POST, "/tokenize", TOKENIZE, UNTOLD),
    row(POST, "/detokenize", TOKENIZE, UNTOLD),
    row(POST, "/apply-template", TOKENIZE, UNTOLD),
    // Work, in others'.
    row(POST, "/v1/completions", CHAT, OPENAI),
    row(POST, "/chat/completions", CHAT, OPENAI),
    row(POST, "/v1/chat/completions", CHAT, OPENAI),
    row(POST, "/responses", CHAT, OPENAI),
    row(POST, "/v1/responses", CHAT, OPENAI),
    row(POST, "/v1/messages", CHAT, ANTHROPIC),
    row(POST, "/v1/embeddings", EMBEDDINGS, OPENAI),
    row(POST, "/rerank", RERANK, OPENAI),
    row(POST, "/reranking", RERANK, OPENAI),
    row(POST, "/v1/rerank", RERANK, OPENAI),
    row(POST, "/v1/reranking", RERANK, OPENAI),
    row(POST, "/audio/transcriptions", TRANSCRIPTION, IN_FORM),
    row(POST, "/v1/audio/transcriptions", TRANSCRIPTION, IN_FORM),
    // Counting, which makes no token.
    row(POST, "/v1/messages/count_tokens", TOKENIZE, UNTOLD),
    row(POST, "/chat/completions/input_tokens", TOKENIZE, UNTOLD),
    row(POST, "/v1/chat/completions/input_tokens", TOKENIZE, UNTOLD),
    row(POST, "/responses/input_tokens", TOKENIZE, UNTOLD),
    row(POST, "/v1/responses/input_tokens", TOKENIZE, UNTOLD),
    // What everybody has: settings, what is in the slots (the texts of others), adapters, models.
    row(GET, "/props", Door::Admin, NOTHING),
    row(POST, "/props", Door::Admin, NOTHING),
    row(GET, "/slots", Door::Admin, NOTHING),
    row(POST, "/slots/{id}", Door::Admin, NOTHING),
    row(GET, "/lora-adapters", Door::Admin, NOTHING),
    row(POST, "/lora-adapters", Door::Admin, NOTHING),
    row(POST, "/v1/chat/completions/control", Door::Admin, NOTHING),
    row(POST, "/models", Door::Admin, NOTHING),
    row(DELETE, "/models", Door::Admin, NOTHING),
    row(GET, "/models/sse", Door::Admin, NOTHING),
    row(POST, "/models/load", Door::Admin, NOTHING),
    row(POST, "/models/unload", Door::Admin, NOTHING),
    // The page for a browser, which knows no keys of ours.
    row(GET, "/", Door::Closed, NOTHING),
    row(GET, "/index.html", Door::Closed, NOTHING),
    // Answers that go on while their client is away: by an id that somebody else may guess.
    row(GET, "/v1/stream", Door::Closed, NOTHING),
    row(GET, "/v1/stream/{id}", Door::Closed, NOTHING),
    row(GET, "/v1/streams", Door::Closed, NOTHING),
    row(POST, "/v1/streams/lookup", Door::Closed, NOTHING),
    row(DELETE, "/v1/stream", Door::Closed, NOTHING),
    row(DELETE, "/v1/stream/{id}", Door::Closed, NOTHING),
    // Requests to anywhere, and commands, in the name of the server.
    row(GET, "/cors-proxy", Door::Closed, NOTHING),
    row(POST, "/cors-proxy", Door::Closed, NOTHING),
    row(GET, "/tools", Door::Closed, NOTHING),
    row(POST, "/tools", Door::Closed, NOTHING),
    // Any other route by its name in the body.
    row(POST, "/predict", Door::Closed, NOTHING),
    // Ours, in every pack.
    row(GET, "/metrics", Door::Closed, NOTHING),
];
