//! [`RoutePolicy`]: what kind of door is it?

use std::sync::Arc;

use http::Request;
use localauth_core::Denial;
use localauth_core::policy::{Access, RouteTable};
use tower_layer::Layer;

use crate::current_user::{CurrentUser, PublicRoute, whoever};
use crate::gate::{Decide, Gate};
use crate::reject::ContractErrors;
use crate::trail::Trail;

/// Decides every request by one table; what the table does not declare is denied.
///
/// Belongs inside a [`RequireAuth`](crate::RequireAuth) that
/// [lets anonymous requests on](crate::RequireAuth::allow_anonymous), so that public routes are reached without a
/// credential, and with a stale one. Without `RequireAuth` around it, everything but public routes is refused.
///
/// ```
/// use http::{Method, Request, Response};
/// use localauth_core::policy::RouteTable;
/// use localauth_core::{Auth, FeatureRegistry, MemoryStore};
/// use localauth_tower::{RequireAuth, RoutePolicy};
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::builder(MemoryStore::new()).build()?;
/// let table = RouteTable::builder()
///     .public(Method::GET, "/healthz")
///     .feature(Method::POST, "/v1/chat/completions", "chat")
///     .build(auth.features())?;
///
/// let service = ServiceBuilder::new()
///     .layer(RequireAuth::new(&auth).allow_anonymous())
///     .layer(RoutePolicy::new(table))
///     .service(service_fn(async |_: Request<String>| {
///         Ok::<_, std::convert::Infallible>(Response::new(String::new()))
///     }));
///
/// let get = |path: &str| Request::get(path).body(String::new());
/// assert_eq!(service.clone().oneshot(get("/healthz")?).await?.status(), 200);
/// assert_eq!(service.oneshot(get("/metrics")?).await?.status(), 401);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RoutePolicy<R = ContractErrors> {
    table: Arc<RouteTable>,
    reject: R,
}

impl RoutePolicy {
    /// Decides by `table`.
    pub fn new(table: impl Into<Arc<RouteTable>>) -> Self {
        Self {
            table: table.into(),
            reject: ContractErrors::default(),
        }
    }
}

impl<R> RoutePolicy<R> {
    /// Answers refusals with `reject`.
    pub fn with_reject<R2>(self, reject: R2) -> RoutePolicy<R2> {
        RoutePolicy {
            table: self.table,
            reject,
        }
    }
}

/// The decision of [`RoutePolicy`].
#[derive(Debug, Clone)]
pub struct ByTable(Arc<RouteTable>);

impl Decide for ByTable {
    fn decide<B>(&self, request: &mut Request<B>) -> Result<(), Denial> {
        let found = self.0.find(request.method(), request.uri().path());
        if let (Some(trail), Some(rule)) = (request.extensions().get::<Trail>(), found) {
            trail.note_rule(rule);
        }
        let user = match (whoever(request.extensions()), found) {
            (Err(_), Some(rule)) if *rule.access() == Access::Public => {
                request.extensions_mut().insert(PublicRoute);
                return Ok(());
            }
            // The reason found by `RequireAuth`: a wrong key is not a missing one, and no store is no reason at all.
            (Err(denial), _) => return Err(denial),
            (Ok(_), None) => return Err(Denial::UnknownRoute),
            (Ok(user), Some(rule)) => {
                rule.verify(Some(user.identity()))?;
                Arc::clone(rule)
            }
        };
        if let Some(current) = request.extensions_mut().get_mut::<CurrentUser>() {
            current.set_rule(user);
        }
        Ok(())
    }
}

impl<S, R: Clone> Layer<S> for RoutePolicy<R> {
    type Service = Gate<S, ByTable, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(inner, ByTable(Arc::clone(&self.table)), self.reject.clone())
    }
}
