//! [`RequireFeature`]: may they do that?

use std::borrow::Cow;

use http::Request;
use localauth_core::Denial;
use tower_layer::Layer;

use crate::current_user::whoever;
use crate::gate::{Decide, Gate};
use crate::reject::ContractErrors;

/// Lets a request through only when its user has a feature. Belongs inside [`RequireAuth`](crate::RequireAuth); without
/// one around it, everybody is refused.
///
/// Administrators have every feature there is. A feature that the registry does not have is off for everybody.
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use localauth_core::{Auth, MemoryStore, NewAccount, NewKey, Password};
/// use localauth_tower::{RequireAuth, RequireFeature};
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::builder(MemoryStore::new()).build()?;
/// let ada = auth.add_user(NewAccount::local("ada@example.org", Password::new("correct-horse-battery"))).await?;
/// let key = auth.create_key(ada.id, NewKey::named("laptop")).await?;
/// let handler = service_fn(async |_: Request<String>| Ok::<_, std::convert::Infallible>(Response::new(String::new())));
/// let ask = || Request::get("/").header("x-api-key", key.plain.expose()).body(String::new());
///
/// // `chat` is on by default:
/// let chat = ServiceBuilder::new().layer(RequireAuth::new(&auth)).layer(RequireFeature::new("chat")).service(handler);
/// assert_eq!(chat.oneshot(ask()?).await?.status(), StatusCode::OK);
///
/// // `agents` is not:
/// let agents =
///     ServiceBuilder::new().layer(RequireAuth::new(&auth)).layer(RequireFeature::new("agents")).service(handler);
/// assert_eq!(agents.oneshot(ask()?).await?.status(), StatusCode::FORBIDDEN);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RequireFeature<R = ContractErrors> {
    feature: Cow<'static, str>,
    reject: R,
}

impl RequireFeature {
    /// Requires `feature`.
    pub fn new(feature: impl Into<Cow<'static, str>>) -> Self {
        Self {
            feature: feature.into(),
            reject: ContractErrors::default(),
        }
    }
}

impl<R> RequireFeature<R> {
    /// Answers refusals with `reject`.
    pub fn with_reject<R2>(self, reject: R2) -> RequireFeature<R2> {
        RequireFeature {
            feature: self.feature,
            reject,
        }
    }
}

/// The decision of [`RequireFeature`].
#[derive(Debug, Clone)]
pub struct HasFeature(Cow<'static, str>);

impl Decide for HasFeature {
    fn decide<B>(&self, request: &mut Request<B>) -> Result<(), Denial> {
        whoever(request.extensions())?.require_feature(&self.0)
    }
}

impl<S, R: Clone> Layer<S> for RequireFeature<R> {
    type Service = Gate<S, HasFeature, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(inner, HasFeature(self.feature.clone()), self.reject.clone())
    }
}
