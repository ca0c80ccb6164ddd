use std::sync::Arc;

use localauth_core::ResolveModel;
use tower_layer::Layer;

use super::judge::Judge;
use super::resolve::Names;
use super::service::InspectService;
use crate::reject::ContractErrors;

/// 50 MB.
const MAX_BODY: usize = 50_000_000;

/// Reads what a request asks a model for, once, and refuses what can be read in two ways.
///
/// What it found is [`Inspected`](super::Inspected) in the request's extensions: the model, the limits, whether it is a
/// stream. What is handed on is what was judged, to the byte, but for the edits that layers further in make.
///
/// # Which requests
///
/// Those about a model: of a [`RoutePolicy`](crate::RoutePolicy) outside of it, the routes whose rule says where the model
/// is named, as that of each does which needs a feature; without one, all that are not `GET`, `HEAD`, `OPTIONS`, `TRACE` or
/// `DELETE`. Everything else passes as it comes, its body unread. What names its model in the address alone has no body.
///
/// # What is refused
///
/// | status | code | what |
/// |---|---|---|
/// | 400 | `ambiguous_request` | `model` or a field that limits depend on twice, in another case, with escapes in its name, or (`model`) another one in the path or the query; two limits that differ; further models for routers, in `models`, `fallbacks` and their like |
/// | 400 | `invalid_body` | no JSON object in UTF-8 to its end, deeper than 128, or one of those fields of another type |
/// | 400 | `integer_above_max_value` | `n` or `best_of` above 128 |
/// | 413 | `body_too_large` | larger than [`max_body`](Self::max_body): by its `Content-Length` before it is read, else as soon as it is; or more than 100,000 objects and arrays, or 2,000,000 values, which would be many times as large in memory |
/// | 415 | `unsupported_media_type` | neither JSON nor a form, or with a `Content-Encoding` |
///
/// ```
/// use http::{Request, Response};
/// use http_body_util::{BodyExt as _, Full};
/// use localauth_tower::{Inspect, Inspected, InspectedBody};
/// use tower::{Layer as _, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = Inspect::new().max_body(1_000).default_model("llama");
/// let service = layer.layer(service_fn(async |request: Request<InspectedBody<Full<bytes::Bytes>>>| {
///     let asked = request.extensions().get::<Inspected>().expect("Inspect is outside");
///     let model = asked.model().unwrap_or_default().to_owned();
///     Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::from(model)))
/// }));
/// let ask = |body: &'static str| {
///     let request = Request::post("/v1/chat/completions").header("content-type", "application/json");
///     request.body(Full::from(body))
/// };
///
/// // Accepted:
/// let response = service.clone().oneshot(ask(r#"{"messages":[]}"#)?).await?;
/// assert_eq!(response.into_body().collect().await?.to_bytes(), "llama");
///
/// // Refused:
/// let response = service.oneshot(ask(r#"{"model":"gpt","messages":[],"model":"llama"}"#)?).await?;
/// assert_eq!(response.status(), 400);
/// # Ok(())
/// # }
/// ```
///
/// With axum:
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Extension, Router, body::Body, routing::post};
/// use http::Request;
/// use localauth_tower::{Inspect, Inspected};
/// use tower::ServiceExt as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app: Router = Router::new()
///     .route("/v1/chat/completions", post(async |Extension(asked): Extension<Inspected>, body: String| {
///         format!("{:?} in {} bytes", asked.model(), body.len())
///     }))
///     .layer(Inspect::new());
/// let ask = |body: &'static str| {
///     let request = Request::post("/v1/chat/completions").header("content-type", "application/json");
///     request.body(Body::from(body))
/// };
/// assert_eq!(app.clone().oneshot(ask(r#"{"model":"llama"}"#)?).await?.status(), 200);
/// assert_eq!(app.oneshot(ask(r#"{"Model":"llama"}"#)?).await?.status(), 400);
/// # Ok(())
/// # }
/// # main().unwrap();
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Inspect<R = ContractErrors> {
    judge: Judge,
    reject: R,
}

impl Inspect {
    /// With bodies of up to 50 MB, and no default model.
    pub fn new() -> Self {
        Self {
            judge: Judge {
                max_body: MAX_BODY,
                default_model: None,
                names: None,
            },
            reject: ContractErrors::default(),
        }
    }
}

impl Default for Inspect {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Inspect<R> {
    /// Reads bodies of up to `bytes`. Each is held in memory while its request waits.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.judge.max_body = bytes;
        self
    }

    /// What a request means that names no model, or `default`.
    pub fn default_model(mut self, name: impl Into<Arc<str>>) -> Self {
        self.judge.default_model = Some(name.into());
        self
    }

    /// Goes by the one name that a model has, whatever a body calls it: that is what [`Inspected::model`] says, what
    /// layers further in judge and count, and what stands in the body that is handed on. A body that names no model gets
    /// the default one written into it, so that it is not left to whoever reads it. An address is never edited, so a name
    /// in a path or query counts to the letter. What nobody resolves stays as it is.
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
    ///
    /// [`Inspected::model`]: super::Inspected::model
    pub fn resolve_models(mut self, models: Arc<dyn ResolveModel>) -> Self {
        self.judge.names = Some(Names::new(models));
        self
    }

    /// Answers refusals with `reject`.
    pub fn with_reject<R2>(self, reject: R2) -> Inspect<R2> {
        Inspect {
            judge: self.judge,
            reject,
        }
    }
}

impl<S, R: Clone> Layer<S> for Inspect<R> {
    type Service = InspectService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        InspectService::new(inner, self.judge.clone(), self.reject.clone())
    }
}
