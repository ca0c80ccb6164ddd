//! [`RequireModel`]: may they use that model?

use http::Request;
use localauth_core::Denial;
use tower_layer::Layer;

use crate::current_user::{names_a_model, whoever};
use crate::gate::{Decide, Gate};
use crate::inspect::Inspected;
use crate::reject::ContractErrors;

/// Lets a request to a model through only when its user may use that model: `model_not_allowed` says that the user may
/// not, `key_scope` that only the key may not. Belongs inside [`RequireAuth`](crate::RequireAuth) and
/// [`Inspect`](crate::Inspect).
///
/// Who names no model asks for the default one. Where there is none either, only those pass who may use every model.
///
/// What [`Inspect`](crate::Inspect) lets pass unread passes here too. A request to a model that it did not see (because it
/// is missing, or inside) is refused as `model_not_allowed`, and an error is logged: which model it asks for is not known.
///
/// ```
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use localauth_core::{Auth, Caller, MemoryStore, ModelAllowList, NewAccount, NewKey, Password};
/// use localauth_tower::{Inspect, InspectedBody, RequireAuth, RequireModel};
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::builder(MemoryStore::new()).build()?;
/// let ada = auth.add_user(NewAccount::local("ada@example.org", Password::new("correct-horse-battery"))).await?;
/// let key = auth.create_key(ada.id, NewKey::named("laptop")).await?;
/// let llama = ModelAllowList { enabled: true, models: ["llama".to_owned()].into() };
/// auth.set_models(&Caller::operator(), ada.id, llama).await?;
///
/// let service = ServiceBuilder::new()
///     .layer(RequireAuth::new(&auth))
///     .layer(Inspect::new())
///     .layer(RequireModel::new())
///     .service(service_fn(async |_: Request<InspectedBody<Full<bytes::Bytes>>>| {
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::default()))
///     }));
/// for (body, status) in [(r#"{"model":"llama"}"#, 200), (r#"{"model":"gpt"}"#, 403), ("{}", 403)] {
///     let request = Request::post("/v1/chat/completions")
///         .header("x-api-key", key.plain.expose())
///         .header("content-type", "application/json");
///     let response = service.clone().oneshot(request.body(Full::from(body))?).await?;
///     assert_eq!(response.status(), status, "{body}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[must_use]
pub struct RequireModel<R = ContractErrors> {
    reject: R,
}

impl RequireModel {
    /// Requires that the model is one that the user may use.
    pub fn new() -> Self {
        Self {
            reject: ContractErrors::default(),
        }
    }
}

impl<R> RequireModel<R> {
    /// Answers refusals with `reject`.
    pub fn with_reject<R2>(self, reject: R2) -> RequireModel<R2> {
        RequireModel { reject }
    }
}

/// The decision of [`RequireModel`].
#[derive(Debug, Clone, Copy)]
pub struct MayUseModel;

impl Decide for MayUseModel {
    fn decide<B>(&self, request: &mut Request<B>) -> Result<(), Denial> {
        if !names_a_model(request) {
            return Ok(());
        }
        let user = whoever(request.extensions())?;
        let Some(asked) = request.extensions().get::<Inspected>() else {
            tracing::error!(
                path = request.uri().path(),
                "refused: `RequireModel` must be inside of `Inspect`, which has not seen this request"
            );
            return Err(Denial::ModelNotAllowed);
        };
        // No model has the empty name: no list has it, and who has no list may use what it comes to.
        user.require_model(asked.model().unwrap_or_default())
    }
}

impl<S, R: Clone> Layer<S> for RequireModel<R> {
    type Service = Gate<S, MayUseModel, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(inner, MayUseModel, self.reject.clone())
    }
}

#[cfg(test)]
mod tests;
