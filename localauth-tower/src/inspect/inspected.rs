//! What is known about a request, and what layers further in may still change of it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::found::{Amount, Found};
use super::kind::Kind;
use super::route::Reads;
use super::splice::{Edits, Original, Splices};

/// What a request asks for, as [`Inspect`](super::Inspect) read it: found in the extensions of a request to a model.
///
/// Copies are cheap and tell of the same request.
///
/// ```
/// use http::{Request, Response};
/// use http_body_util::{BodyExt as _, Full};
/// use localauth_tower::{Inspect, Inspected, InspectedBody};
/// use tower::{Layer as _, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = Inspect::new().layer(service_fn(async |request: Request<InspectedBody<Full<bytes::Bytes>>>| {
///     let asked = request.extensions().get::<Inspected>().expect("Inspect is outside").clone();
///     assert_eq!((asked.model(), asked.max_tokens()), (Some("llama"), Some(4_000)));
///
///     // As long as nobody has read the body, it can be made to ask for less:
///     assert!(asked.limit_completion_tokens(100).is_ok());
///     let body = request.into_body().collect().await?.to_bytes();
///     assert_eq!(body, r#"{"model":"llama","max_tokens":100}"#);
///
///     // Now it is too late:
///     assert!(asked.limit_completion_tokens(50).is_err());
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::default()))
/// }));
/// let request = Request::post("/v1/chat/completions").header("content-type", "application/json");
/// let body = Full::from(r#"{"model":"llama","max_tokens":4000}"#);
/// assert_eq!(service.oneshot(request.body(body)?).await?.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Inspected(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    model: Option<Model>,
    /// Whether the body is to name that model, whatever it names now.
    names_model: bool,
    kind: Kind,
    found: Found,
    reads: Reads,
    body: Bytes,
    edits: Mutex<Pending>,
}

/// The model that is asked for.
#[derive(Debug, Clone)]
pub(super) enum Model {
    /// As the request names it.
    Named(Box<str>),
    /// One that is known: the default one, or what another name of it stands for.
    Known(Arc<str>),
}

impl Model {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Known(name) => name,
        }
    }
}

/// What was found in a request.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) model: Option<Model>,
    /// Whether the body is to name that model, whatever it names now.
    pub(super) names_model: bool,
    pub(super) kind: Kind,
    pub(super) found: Found,
    pub(super) reads: Reads,
    pub(super) body: Bytes,
}

#[derive(Debug)]
struct Pending {
    edits: Edits,
    is_sent: bool,
}

/// Why a body was not edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotEdited {
    /// It has been read already.
    Sent,
    /// It is a form.
    Form,
    /// There is none.
    Nothing,
}

impl fmt::Display for NotEdited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent => "the body has been read already: edit it before the request is handed on",
            Self::Form => "the body is a form: only JSON can be edited",
            Self::Nothing => "the request has no body: its address says it all",
        })
    }
}

impl std::error::Error for NotEdited {}

impl Inspected {
    pub(super) fn new(judged: Judged) -> Self {
        let Judged {
            model,
            names_model,
            kind,
            found,
            reads,
            body,
        } = judged;
        Self(Arc::new(Shared {
            model,
            names_model,
            kind,
            found,
            reads,
            body,
            edits: Mutex::new(Pending {
                edits: Edits::default(),
                is_sent: false,
            }),
        }))
    }

    /// The model that is asked for; the default one where none is named, or as `default`. `None` where none is named and
    /// no default is known. By its one exact name, where [`Inspect`](super::Inspect) was told how to
    /// [resolve](super::Inspect::resolve_models) names.
    pub fn model(&self) -> Option<&str> {
        self.0.model.as_ref().map(Model::name)
    }

    /// Whether the answer is to be a stream.
    pub fn is_stream(&self) -> bool {
        self.0.found.stream
    }

    /// How many tokens each answer may have at most, as the client said in a field that the route goes by; `None` where
    /// it said nothing, or that there is no limit.
    pub fn max_tokens(&self) -> Option<u64> {
        let tokens = |field| match self.0.found.amount(field) {
            Some(Amount::Tokens(tokens)) => Some(tokens),
            _ => None,
        };
        self.0.reads.route.bounds().iter().find_map(|field| tokens(*field))
    }

    /// How many answers are to be written: the largest of `n`, `best_of` and llama.cpp's `n_cmpl`, or one; and as many for
    /// each of several prompts.
    pub fn n(&self) -> u32 {
        self.0.found.choices
    }

    /// How long the body is in bytes, as it came.
    pub fn body_bytes(&self) -> u64 {
        self.0.body.len() as u64
    }

    /// Whether the client asked a stream to tell its usage, by `stream_options.include_usage`.
    pub fn includes_usage(&self) -> bool {
        self.0.found.includes_usage
    }

    /// Whether the body says by which name (`request_id`) the request, or the answer that is stored, is to be known. Where
    /// names are shared among users, one could so take another's.
    pub fn names_itself(&self) -> bool {
        self.0.found.names_itself
    }

    /// Whether it is a stream that tells its usage only when asked to.
    pub(crate) fn tells_usage_when_asked(&self) -> bool {
        self.is_stream() && self.0.reads.route.is_asked_for_usage()
    }

    /// Whether the answer is made of tokens that are written, as far as the route tells.
    pub(crate) fn writes_tokens(&self) -> bool {
        !self.0.reads.route.bounds().is_empty()
    }

    /// The body as it came. To read what is not here; what is forwarded may have been edited.
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }

    /// Lets the model write `tokens` at most: puts it in the place of a larger number, or of none, in the field that the
    /// client used or the route goes by. Of several such edits the smallest counts. A route that writes no tokens is left
    /// as it is.
    ///
    /// # Errors
    ///
    /// [`NotEdited`].
    pub fn limit_completion_tokens(&self, tokens: u64) -> Result<(), NotEdited> {
        self.edit(|edits| edits.limit = Some(edits.limit.map_or(tokens, |limit| limit.min(tokens))))
    }

    /// Asks a stream to tell its usage. What is no stream, or tells it anyway, is left as it is.
    ///
    /// # Errors
    ///
    /// [`NotEdited`].
    pub fn include_usage(&self) -> Result<(), NotEdited> {
        self.edit(|edits| edits.include_usage = true)
    }

    fn edit(&self, edit: impl FnOnce(&mut Edits)) -> Result<(), NotEdited> {
        match self.0.kind {
            Kind::Json => {}
            Kind::Form | Kind::Multipart(_) => return Err(NotEdited::Form),
            Kind::Nothing => return Err(NotEdited::Nothing),
        }
        let mut pending = self.pending();
        if pending.is_sent {
            return Err(NotEdited::Sent);
        }
        edit(&mut pending.edits);
        Ok(())
    }

    /// How long `body` would be, were it sent now.
    pub(super) fn len_of(&self, body: &Bytes) -> usize {
        let edits = self.pending().edits;
        self.splices(edits).len(body)
    }

    /// `body` as it is to be sent. From now on nothing can be edited.
    pub(super) fn send(&self, body: Bytes) -> Bytes {
        let edits = {
            let mut pending = self.pending();
            pending.is_sent = true;
            pending.edits
        };
        self.splices(edits).apply(body)
    }

    fn splices(&self, edits: Edits) -> Splices {
        let original = Original {
            kind: &self.0.kind,
            reads: &self.0.reads,
            found: &self.0.found,
        };
        let model = self.model().filter(|_| self.0.names_model);
        Splices::new(original, model, edits)
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        // Nothing can panic while it is held.
        self.0.edits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
