//! Ollama: `server/routes.go`.
//!
//! It asks nobody who they are. Its own routes are in its own words, those below `/v1` in OpenAI's and Anthropic's. Its
//! server also has Go's profiler at `/debug/pprof/`, which is shut as whatever else is not here.

use http::Method;

use super::super::{Asks, Dialect, ModelIn};
use super::pack::{Door, Engine, NOTHING, Pack, Route, UNTOLD, row};

const GET: Method = Method::GET;
const HEAD: Method = Method::HEAD;
const POST: Method = Method::POST;
const DELETE: Method = Method::DELETE;

const CHAT: Door = Door::Feature("chat");
const EMBEDDINGS: Door = Door::Feature("embeddings");
const IMAGES: Door = Door::Feature("images");

const OWN: Asks = UNTOLD.in_words_of(Dialect::Ollama);
const OPENAI: Asks = UNTOLD.in_words_of(Dialect::OpenAi);
const ANTHROPIC: Asks = UNTOLD.in_words_of(Dialect::Anthropic);
const IN_FORM: Asks = Asks::work(ModelIn::Form).in_words_of(Dialect::OpenAi);

pub(super) static PACK: Pack = Pack {
    engine: Engine::Ollama,
    release: "0.30",
    routes: &[ROUTES],
};

static ROUTES: &[Route] = &[
    // What its clients ask first, to see whether it is there.
    row(GET, "/", Door::SignedIn, NOTHING),
    row(HEAD, "/", Door::SignedIn, NOTHING),
    row(GET, "/api/version", Door::SignedIn, NOTHING),
    row(HEAD, "/api/version", Door::SignedIn, NOTHING),
    row(GET, "/api/status", Door::SignedIn, NOTHING),
    // Models: to look at, by whoever may use them.
    row(GET, "/api/tags", Door::SignedIn, NOTHING),
    row(HEAD, "/api/tags", Door::SignedIn, NOTHING),
    row(POST, "/api/show", Door::SignedIn, Asks::about(ModelIn::BodyOrName)),
    // Models: what everybody has.
    row(GET, "/api/ps", Door::Admin, NOTHING),
    row(POST, "/api/pull", Door::Admin, NOTHING),
    row(POST, "/api/push", Door::Admin, NOTHING),
    row(POST, "/api/create", Door::Admin, NOTHING),
    row(POST, "/api/copy", Door::Admin, NOTHING),
    row(DELETE, "/api/delete", Door::Admin, NOTHING),
    row(HEAD, "/api/blobs/{digest}", Door::Admin, NOTHING),
    row(POST, "/api/blobs/{digest}", Door::Admin, NOTHING),
    // The account at ollama.com that the server is signed in with. Whoever ends that, ends it for everybody.
    row(POST, "/api/me", Door::Admin, NOTHING),
    row(POST, "/api/signout", Door::Closed, NOTHING),
    row(DELETE, "/api/user/keys/{key}", Door::Closed, NOTHING),
    // Searches and fetches in the name of that account.
    row(POST, "/api/experimental/web_search", Door::Closed, NOTHING),
    row(POST, "/api/experimental/web_fetch", Door::Closed, NOTHING),
    // Go's profiler, which shows memory and what is in it.
    row(GET, "/debug/pprof/", Door::Closed, NOTHING),
    row(GET, "/debug/pprof/cmdline", Door::Closed, NOTHING),
    // Work, in its own words.
    row(POST, "/api/generate", CHAT, OWN),
    row(POST, "/api/chat", CHAT, OWN),
    row(POST, "/api/embed", EMBEDDINGS, OWN),
    row(POST, "/api/embeddings", EMBEDDINGS, OWN),
    // Work, in others'.
    row(POST, "/v1/chat/completions", CHAT, OPENAI),
    row(POST, "/v1/completions", CHAT, OPENAI),
    row(POST, "/v1/embeddings", EMBEDDINGS, OPENAI),
    row(POST, "/v1/responses", CHAT, OPENAI),
    row(POST, "/v1/messages", CHAT, ANTHROPIC),
    row(POST, "/v1/images/generations", IMAGES, OPENAI),
    row(POST, "/v1/images/edits", IMAGES, IN_FORM),
    row(
        POST,
        "/v1/audio/transcriptions",
        Door::Feature("audio_transcription"),
        IN_FORM,
    ),
    row(GET, "/v1/models", Door::SignedIn, NOTHING),
    // As the list: the guard answers it, to whoever may not use the model as if there were none.
    row(GET, "/v1/models/{model}", Door::SignedIn, NOTHING),
    // Ours, in every pack.
    row(GET, "/metrics", Door::Closed, NOTHING),
];
