use localauth_core::Auth;
use tower_layer::Layer;

use super::RequireAuthService;
use super::service::Door;
use crate::client::Proxies;
use crate::reject::ContractErrors;

/// Lets a request through only when it carries a valid credential, and puts [`CurrentUser`](crate::CurrentUser) into its
/// extensions.
///
/// The credential may be a session cookie, `Authorization: Bearer` or `Basic`, `x-api-key`, `xi-api-key` or the cookie
/// `token`, in that order of precedence. Without one, or with a wrong one, the answer is 401 with a challenge
/// (RFC 9110, section 11.6.1; RFC 6750, section 3); 403 when its user may not come in; 503 when the store cannot say.
///
/// A credential that was seen lately costs a digest and a look-up in memory: no future, no lock, no store.
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use localauth_core::{Auth, MemoryStore, NewAccount, NewKey, Password};
/// use localauth_tower::{CurrentUser, RequireAuth};
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::builder(MemoryStore::new()).build()?;
/// let ada = auth.add_user(NewAccount::local("ada@example.org", Password::new("correct-horse-battery"))).await?;
/// let key = auth.create_key(ada.id, NewKey::named("laptop")).await?;
///
/// let service = ServiceBuilder::new().layer(RequireAuth::new(&auth)).service(service_fn(
///     async |request: Request<String>| {
///         let user = request.extensions().get::<CurrentUser>().expect("RequireAuth is outside");
///         Ok::<_, std::convert::Infallible>(Response::new(user.name().to_owned()))
///     },
/// ));
///
/// // Accepted:
/// let request = Request::get("/").header("authorization", format!("Bearer {}", key.plain.expose()));
/// let response = service.clone().oneshot(request.body(String::new())?).await?;
/// assert_eq!(response.status(), StatusCode::OK);
///
/// // Refused:
/// let response = service.oneshot(Request::get("/").body(String::new())?).await?;
/// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"localauth\"");
/// # Ok(())
/// # }
/// ```
///
/// # Switching it off
///
/// There is no "off" inside: leave the layer away, with `tower::util::option_layer` for instance, and a request walks as
/// if it had never been there.
#[derive(Debug, Clone)]
#[must_use]
pub struct RequireAuth<R = ContractErrors> {
    auth: Auth,
    anonymous: bool,
    proxies: Proxies,
    reject: R,
}

impl RequireAuth {
    /// Requires a credential that `auth` knows.
    pub fn new(auth: &Auth) -> Self {
        Self {
            auth: auth.clone(),
            anonymous: false,
            proxies: Proxies::default(),
            reject: ContractErrors::default(),
        }
    }
}

impl<R> RequireAuth<R> {
    /// Lets requests without a valid credential on, as nobody. **Something inside must then decide**: a
    /// [`RoutePolicy`](crate::RoutePolicy), [`RequireFeature`](crate::RequireFeature),
    /// [`RequireAdmin`](crate::RequireAdmin) or a handler that takes `Option<CurrentUser>`. They answer with the reason
    /// that was found here.
    pub fn allow_anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Believes `X-Forwarded-For` of these proxies, and of nobody else. Where a request comes from decides about keys that
    /// are bound to networks, and is noted as where a key was last used.
    ///
    /// Whoever opened the connection is read from axum's `ConnectInfo<SocketAddr>` (feature `axum`) or
    /// [`PeerAddress`](crate::PeerAddress); where neither is there, keys that are bound to networks are refused.
    pub fn trusted_proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Answers refusals with `reject`.
    pub fn with_reject<R2>(self, reject: R2) -> RequireAuth<R2> {
        RequireAuth {
            auth: self.auth,
            anonymous: self.anonymous,
            proxies: self.proxies,
            reject,
        }
    }
}

impl<S, R: Clone> Layer<S> for RequireAuth<R> {
    type Service = RequireAuthService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let door = Door {
            auth: self.auth.clone(),
            anonymous: self.anonymous,
            proxies: self.proxies.clone(),
            reject: self.reject.clone(),
        };
        RequireAuthService::new(inner, door)
    }
}
