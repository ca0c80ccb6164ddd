//! [`RequireAdmin`]: are they an administrator?

use http::Request;
use localauth_core::Denial;
use tower_layer::Layer;

use crate::current_user::whoever;
use crate::gate::{Decide, Gate};
use crate::reject::ContractErrors;

/// Lets a request through only when its user is an administrator. Belongs inside [`RequireAuth`](crate::RequireAuth);
/// without one around it, everybody is refused.
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use localauth_core::{Auth, MemoryStore, NewAccount, NewKey, Password, Role};
/// use localauth_tower::{RequireAdmin, RequireAuth};
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::builder(MemoryStore::new()).build()?;
/// let account = |email| NewAccount::local(email, Password::new("correct-horse-battery"));
/// let root = auth.add_user(NewAccount { role: Role::Admin, ..account("root@example.org") }).await?;
/// let ada = auth.add_user(account("ada@example.org")).await?;
///
/// let service = ServiceBuilder::new().layer(RequireAuth::new(&auth)).layer(RequireAdmin::new()).service(service_fn(
///     async |_: Request<String>| Ok::<_, std::convert::Infallible>(Response::new(String::new())),
/// ));
/// for (user, status) in [(root, StatusCode::OK), (ada, StatusCode::FORBIDDEN)] {
///     let key = auth.create_key(user.id, NewKey::named("laptop")).await?;
///     let request = Request::get("/").header("x-api-key", key.plain.expose()).body(String::new())?;
///     assert_eq!(service.clone().oneshot(request).await?.status(), status);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[must_use]
pub struct RequireAdmin<R = ContractErrors> {
    reject: R,
}

impl RequireAdmin {
    /// Requires an administrator.
    pub fn new() -> Self {
        Self {
            reject: ContractErrors::default(),
        }
    }
}

impl<R> RequireAdmin<R> {
    /// Answers refusals with `reject`.
    pub fn with_reject<R2>(self, reject: R2) -> RequireAdmin<R2> {
        RequireAdmin { reject }
    }
}

/// The decision of [`RequireAdmin`].
#[derive(Debug, Clone, Copy)]
pub struct IsAdmin;

impl Decide for IsAdmin {
    fn decide<B>(&self, request: &mut Request<B>) -> Result<(), Denial> {
        whoever(request.extensions())?.require_admin()
    }
}

impl<S, R: Clone> Layer<S> for RequireAdmin<R> {
    type Service = Gate<S, IsAdmin, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate::new(inner, IsAdmin, self.reject.clone())
    }
}
