//! What the layers find out about a request, for whoever logs and counts it.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use localauth_core::Identity;
use localauth_core::policy::Rule;

/// What the layers find out about a request, for whoever logs and counts requests outside of them.
///
/// Put one into the request's extensions and keep a clone: [`RequireAuth`](crate::RequireAuth) notes who asks and from
/// where, [`RoutePolicy`](crate::RoutePolicy) which rule decides, refusals included. Also when the client went away and
/// there never was an answer. Why a request was refused is the [`Denial`](localauth_core::Denial) in the extensions of the
/// response.
///
/// ```
/// use http::{Method, Request, Response};
/// use localauth_core::policy::RouteTable;
/// use localauth_core::{Auth, Denial, MemoryStore};
/// use localauth_tower::{RequireAuth, RoutePolicy, Trail};
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::builder(MemoryStore::new()).build()?;
/// let table = RouteTable::builder()
///     .public(Method::GET, "/healthz")
///     .admin(Method::POST, "/models/{model}/reload")
///     .build(auth.features())?;
/// let service = ServiceBuilder::new()
///     .layer(RequireAuth::new(&auth).allow_anonymous())
///     .layer(RoutePolicy::new(table))
///     .service(service_fn(async |_: Request<String>| {
///         Ok::<_, std::convert::Infallible>(Response::new(String::new()))
///     }));
/// let ask = async |method: Method, path: &str| {
///     let trail = Trail::new();
///     let mut request = Request::new(String::new());
///     *request.method_mut() = method;
///     *request.uri_mut() = path.parse().expect("a path");
///     request.extensions_mut().insert(trail.clone());
///     let response = service.clone().oneshot(request).await.expect("it never fails");
///     (trail.rule().map(|rule| rule.pattern().to_owned()), response.extensions().get::<Denial>().copied())
/// };
///
/// // Let through:
/// assert_eq!(ask(Method::GET, "/healthz").await, (Some("/healthz".to_owned()), None));
/// // Refused, and known for what it was, without the model's name that a client chose:
/// let (rule, denial) = ask(Method::POST, "/models/x/reload").await;
/// assert_eq!(rule.as_deref(), Some("/models/{model}/reload"));
/// assert_eq!(denial, Some(Denial::MissingCredentials));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Trail(Arc<Found>);

#[derive(Default)]
struct Found {
    address: OnceLock<IpAddr>,
    user: OnceLock<Arc<Identity>>,
    rule: OnceLock<Arc<Rule>>,
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail")
            .field("address", &self.0.address.get())
            .field("rule", &self.0.rule.get())
            .finish_non_exhaustive()
    }
}

impl Trail {
    /// Nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the request comes from, as far as that can be believed.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.address.get().copied()
    }

    /// Whom the credential belongs to.
    pub fn user(&self) -> Option<&Arc<Identity>> {
        self.0.user.get()
    }

    /// The rule of the route table that decides.
    pub fn rule(&self) -> Option<&Arc<Rule>> {
        self.0.rule.get()
    }

    // Where two layers look at one request the outer one has seen more of it.

    pub(crate) fn note_address(&self, address: IpAddr) {
        let _ = self.0.address.set(address);
    }

    pub(crate) fn note_user(&self, user: &Arc<Identity>) {
        let _ = self.0.user.set(Arc::clone(user));
    }

    pub(crate) fn note_rule(&self, rule: &Arc<Rule>) {
        let _ = self.0.rule.set(Arc::clone(rule));
    }
}
