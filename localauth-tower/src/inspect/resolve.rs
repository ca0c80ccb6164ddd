//! Models that have several names.

use std::fmt;
use std::sync::Arc;

/// Knows the models there are, and what else they are called.
///
/// A limit, a price and a list of models go by one name. Where an engine takes others for the same model (`llama` for
/// `llama:latest`, any case, an alias from the settings), all of them have to come to that one before anybody judges.
///
/// ```
/// use std::sync::Arc;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt as _, Full};
/// use localauth_tower::{Inspect, Inspected, InspectedBody, ResolveModel};
/// use tower::{Layer as _, ServiceExt as _, service_fn};
///
/// struct Aliases;
/// impl ResolveModel for Aliases {
///     fn resolve(&self, name: &str) -> Option<Arc<str>> {
///         matches!(name, "llama" | "llama:latest").then(|| "llama:latest".into())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = Inspect::new().resolve_models(Arc::new(Aliases));
/// let service = layer.layer(service_fn(async |request: Request<InspectedBody<Full<bytes::Bytes>>>| {
///     let asked = request.extensions().get::<Inspected>().expect("Inspect is outside").clone();
///     assert_eq!(asked.model(), Some("llama:latest"));
///     // What is handed on says so too.
///     let body = request.into_body().collect().await?.to_bytes();
///     assert_eq!(body, r#"{"model":"llama:latest"}"#);
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::default()))
/// }));
/// let ask = |body: &'static str| {
///     let request = Request::post("/v1/chat/completions").header("content-type", "application/json");
///     request.body(Full::from(body))
/// };
///
/// // Accepted:
/// assert_eq!(service.clone().oneshot(ask(r#"{"model":"llama"}"#)?).await?.status(), 200);
///
/// // Refused, as without aliases:
/// assert_eq!(service.oneshot(ask(r#"{"model":"llama","Model":"gpt"}"#)?).await?.status(), 400);
/// # Ok(())
/// # }
/// ```
pub trait ResolveModel: Send + Sync {
    /// The one exact name of the model that `name` means, if it is another spelling or an alias of one that is known.
    fn resolve(&self, name: &str) -> Option<Arc<str>>;

    /// The model that a request without one is for, where only one can be meant now. What
    /// [`Inspect::default_model`](super::Inspect::default_model) says comes first.
    fn default_model(&self) -> Option<Arc<str>> {
        None
    }
}

/// What resolves names, in a judge that can be shown.
#[derive(Clone)]
pub(super) struct Names(Arc<dyn ResolveModel>);

impl Names {
    pub(super) const fn new(models: Arc<dyn ResolveModel>) -> Self {
        Self(models)
    }

    /// A name with control characters is none, wherever it comes from: in a form it could be more than a name.
    pub(super) fn resolve(&self, name: &str) -> Option<Arc<str>> {
        self.0.resolve(name).filter(|exact| !exact.contains(char::is_control))
    }

    pub(super) fn default_model(&self) -> Option<Arc<str>> {
        self.0.default_model().filter(|exact| !exact.contains(char::is_control))
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}
