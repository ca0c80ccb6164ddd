//! What speaks OpenAI's language: the routes of the wire contract (sections 7 to 9), and more that others have.

use http::Method;

use super::super::{Access, Asks, Dialect, ModelIn, RouteTableBuilder};
use super::pack::{Door, Engine, NOTHING, Pack, Route, UNTOLD, row};

const POST: Method = Method::POST;
const GET: Method = Method::GET;
const DELETE: Method = Method::DELETE;

const CHAT: Door = Door::Feature("chat");
const EMBEDDINGS: Door = Door::Feature("embeddings");
const TRANSCRIPTION: Door = Door::Feature("audio_transcription");
const TOKENIZE: Door = Door::Feature("tokenize");

/// Work of the model in the body, whose answer has `usage`.
const USAGE: Asks = UNTOLD.in_words_of(Dialect::OpenAi);
const MESSAGES: Asks = UNTOLD.in_words_of(Dialect::Anthropic);
const IN_FORM: Asks = Asks::work(ModelIn::Form).in_words_of(Dialect::OpenAi);
const IN_PATH: Asks = Asks::work(ModelIn::Path).in_words_of(Dialect::OpenAi);

pub(super) static PACK: Pack = Pack {
    engine: Engine::OpenAi,
    release: "v1",
    routes: &[CONTRACT, OTHERS],
};

/// What the wire contract declares.
static CONTRACT: &[Route] = &[
    row(GET, "/v1/models", Door::SignedIn, NOTHING),
    row(GET, "/models", Door::SignedIn, NOTHING),
    row(POST, "/v1/models/unload", Door::Admin, NOTHING),
    row(POST, "/v1/models/reload", Door::Admin, NOTHING),
    row(POST, "/v1/models/status", Door::Admin, NOTHING),
    row(POST, "/v1/models/tune", Door::Admin, NOTHING),
    row(POST, "/re_isq", Door::Admin, NOTHING),
    row(GET, "/v1/system/{*rest}", Door::Admin, NOTHING),
    row(POST, "/v1/system/{*rest}", Door::Admin, NOTHING),
    // Answers that a model server stores belong to whoever asked for them. Where no owners are kept, nobody but an
    // administrator reads them; see `owned_responses`.
    row(GET, "/v1/responses/{id}", Door::Admin, NOTHING),
    row(DELETE, "/v1/responses/{id}", Door::Admin, NOTHING),
    row(POST, "/v1/responses/{id}/cancel", Door::Admin, NOTHING),
    row(POST, "/v1/chat/completions", CHAT, USAGE),
    row(POST, "/chat/completions", CHAT, USAGE),
    row(POST, "/v1/completions", CHAT, USAGE),
    row(POST, "/completions", CHAT, USAGE),
    row(POST, "/v1/edits", CHAT, USAGE),
    row(POST, "/edits", CHAT, USAGE),
    row(POST, "/v1/messages", CHAT, MESSAGES),
    row(POST, "/v1/responses", CHAT, USAGE),
    row(POST, "/v1/embeddings", EMBEDDINGS, USAGE),
    row(POST, "/embeddings", EMBEDDINGS, USAGE),
    row(POST, "/v1/images/generations", Door::Feature("images"), USAGE),
    row(POST, "/images/generations", Door::Feature("images"), USAGE),
    row(POST, "/v1/audio/speech", Door::Feature("audio_speech"), UNTOLD),
    row(POST, "/audio/speech", Door::Feature("audio_speech"), UNTOLD),
    row(POST, "/v1/audio/transcriptions", TRANSCRIPTION, IN_FORM),
    row(POST, "/audio/transcriptions", TRANSCRIPTION, IN_FORM),
    row(POST, "/v1/rerank", Door::Feature("rerank"), USAGE),
    row(POST, "/rerank", Door::Feature("rerank"), USAGE),
    row(POST, "/v1/tokenize", TOKENIZE, UNTOLD),
    row(POST, "/tokenize", TOKENIZE, UNTOLD),
    row(POST, "/v1/detokenize", TOKENIZE, UNTOLD),
    row(POST, "/detokenize", TOKENIZE, UNTOLD),
    row(POST, "/v1/moderations", Door::Feature("moderation"), UNTOLD),
    row(POST, "/v1/vad", Door::Feature("vad"), UNTOLD),
    row(POST, "/vad", Door::Feature("vad"), UNTOLD),
    row(POST, "/v1/detection", Door::Feature("detection"), UNTOLD),
    row(POST, "/v1/mcp/chat/completions", Door::Feature("mcp"), USAGE),
    row(POST, "/mcp/chat/completions", Door::Feature("mcp"), USAGE),
    row(POST, "/v1/3d/generations", Door::Feature("3d"), UNTOLD),
    row(POST, "/v1/engines/{model}/completions", CHAT, IN_PATH),
    row(POST, "/v1/engines/{model}/embeddings", EMBEDDINGS, IN_PATH),
];

/// What other servers have besides.
static OTHERS: &[Route] = &[
    // As the list: the guard answers it, to whoever may not use the model as if there were none.
    row(GET, "/v1/models/{model}", Door::SignedIn, NOTHING),
    row(POST, "/v1/messages/count_tokens", TOKENIZE, UNTOLD),
    row(POST, "/v1/responses/input_tokens", TOKENIZE, UNTOLD),
    row(POST, "/v1/audio/translations", TRANSCRIPTION, IN_FORM),
    row(POST, "/v1/images/edits", Door::Feature("images"), IN_FORM),
    row(POST, "/v1/images/variations", Door::Feature("images"), IN_FORM),
    row(
        GET,
        "/v1/realtime",
        Door::Feature("realtime"),
        Asks::work(ModelIn::Query),
    ),
    // Everybody's in one heap: what one user put there, another one could read or delete.
    row(DELETE, "/v1/models/{model}", Door::Closed, NOTHING),
    row(GET, "/v1/responses/{id}/input_items", Door::Closed, NOTHING),
    row(GET, "/v1/chat/completions", Door::Closed, NOTHING),
    row(GET, "/v1/files", Door::Closed, NOTHING),
    row(POST, "/v1/files", Door::Closed, NOTHING),
    row(POST, "/v1/uploads", Door::Closed, NOTHING),
    row(GET, "/v1/batches", Door::Closed, NOTHING),
    row(POST, "/v1/batches", Door::Closed, NOTHING),
    row(GET, "/v1/fine_tuning/jobs", Door::Closed, NOTHING),
    row(POST, "/v1/fine_tuning/jobs", Door::Closed, NOTHING),
    row(GET, "/v1/assistants", Door::Closed, NOTHING),
    row(POST, "/v1/threads", Door::Closed, NOTHING),
    row(GET, "/v1/vector_stores", Door::Closed, NOTHING),
    row(POST, "/v1/vector_stores", Door::Closed, NOTHING),
    row(POST, "/v1/conversations", Door::Closed, NOTHING),
    // Ours, in every pack.
    row(GET, "/metrics", Door::Closed, NOTHING),
];

/// Declares the model's routes: work by feature, the list of models to whoever is signed in, management to
/// administrators.
///
/// ```
/// use http::Method;
/// use localauth_core::FeatureRegistry;
/// use localauth_core::policy::{Access, RouteTable, openai_routes};
///
/// let table = openai_routes(RouteTable::builder()).build(&FeatureRegistry::preset())?;
/// let access = |method: Method, path| table.find(&method, path).map(|rule| rule.access().clone());
/// assert_eq!(access(Method::POST, "/v1/chat/completions"), Some(Access::Feature("chat".into())));
/// assert_eq!(access(Method::GET, "/v1/models"), Some(Access::SignedIn));
/// assert_eq!(access(Method::POST, "/v1/models/unload"), Some(Access::Admin));
/// assert_eq!(access(Method::GET, "/docs"), None);
/// # Ok::<(), localauth_core::policy::RouteTableError>(())
/// ```
pub fn openai_routes(table: RouteTableBuilder) -> RouteTableBuilder {
    CONTRACT
        .iter()
        .filter_map(Route::rule)
        .fold(table, RouteTableBuilder::rule)
}

/// Opens stored responses to those who may chat. **Only where something behind the table holds each to its owner**, as
/// [`Owners`](crate::Owners) does: the table knows no owners.
///
/// ```
/// use http::Method;
/// use localauth_core::FeatureRegistry;
/// use localauth_core::policy::{Access, RouteTable, openai_routes, owned_responses};
///
/// let (method, path) = (Method::GET, "/v1/responses/resp_1");
/// let table = openai_routes(RouteTable::builder());
/// let closed = table.clone().build(&FeatureRegistry::preset())?;
/// assert_eq!(closed.find(&method, path).map(|rule| rule.access()), Some(&Access::Admin));
///
/// let open = owned_responses(table).build(&FeatureRegistry::preset())?;
/// assert_eq!(open.find(&method, path).map(|rule| rule.access()), Some(&Access::Feature("chat".into())));
/// # Ok::<(), localauth_core::policy::RouteTableError>(())
/// ```
pub fn owned_responses(table: RouteTableBuilder) -> RouteTableBuilder {
    let chat = || Access::Feature("chat".into());
    table
        .redeclare(Method::GET, "/v1/responses/{id}", chat())
        .redeclare(Method::DELETE, "/v1/responses/{id}", chat())
        // Asks no model for work, so it is neither counted nor made to wait.
        .redeclare(Method::POST, "/v1/responses/{id}/cancel", Access::SignedIn)
}
