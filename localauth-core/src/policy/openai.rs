//! The routes of a model server, as the wire contract declares them (sections 7 to 9).

use http::Method;

use super::{Access, RouteTableBuilder};

/// Routes that ask a model for work: path below `/v1`, feature, and whether it is answered without the `/v1` too.
const WORK: &[(&str, &str, bool)] = &[
    ("/chat/completions", "chat", true),
    ("/completions", "chat", true),
    ("/edits", "chat", true),
    ("/messages", "chat", false),
    ("/responses", "chat", false),
    ("/embeddings", "embeddings", true),
    ("/images/generations", "images", true),
    ("/audio/speech", "audio_speech", true),
    ("/audio/transcriptions", "audio_transcription", true),
    ("/rerank", "rerank", true),
    ("/tokenize", "tokenize", true),
    ("/detokenize", "tokenize", true),
    ("/moderations", "moderation", false),
    ("/vad", "vad", true),
    ("/detection", "detection", false),
    ("/mcp/chat/completions", "mcp", true),
    ("/3d/generations", "3d", false),
    ("/engines/{model}/completions", "chat", false),
    ("/engines/{model}/embeddings", "embeddings", false),
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
    let mut table = table
        .signed_in(Method::GET, "/v1/models")
        .signed_in(Method::GET, "/models")
        .admin(Method::POST, "/v1/models/unload")
        .admin(Method::POST, "/v1/models/reload")
        .admin(Method::POST, "/v1/models/status")
        .admin(Method::POST, "/v1/models/tune")
        .admin(Method::POST, "/re_isq")
        .admin(Method::GET, "/v1/system/{*rest}")
        .admin(Method::POST, "/v1/system/{*rest}")
        // Answers that a model server stores belong to whoever asked for them. Where no owners are kept, nobody but an
        // administrator reads them; see `owned_responses`.
        .admin(Method::GET, "/v1/responses/{id}")
        .admin(Method::DELETE, "/v1/responses/{id}")
        .admin(Method::POST, "/v1/responses/{id}/cancel");
    for &(path, feature, bare) in WORK {
        table = table.feature(Method::POST, format!("/v1{path}"), feature);
        if bare {
            table = table.feature(Method::POST, path, feature);
        }
    }
    table
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
