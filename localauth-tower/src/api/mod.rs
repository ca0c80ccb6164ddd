//! The REST API, `/api/auth/*`: a router that any axum server mounts.
//!
//! It brings its own [`RequireAuth`] and its own route table: merge it beside your routes, outside your layers. Errors are
//! LocalAI's flat form, `{"error": "…"}`, those of the layers included.

mod accounts;
mod client;
mod cookies;
mod cross_site;
mod error;
mod json;
mod keys;
mod limiter;
mod me;
mod usage;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use http::{HeaderValue, Method, header};
use localauth_core::Auth;
use localauth_core::policy::{RouteTable, RouteTableBuilder};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::{ContractErrors, RequireAuth, RoutePolicy};

pub use client::Proxies;
pub use cross_site::refuse_cross_site;

/// The largest request body, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The API of `auth`, with the defaults of [`ApiBuilder`].
///
/// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that the sign-in limiter can tell addresses
/// apart; without it, everybody shares one bucket.
///
/// ```
/// use axum::body::Body;
/// use http::Request;
/// use localauth_core::{Auth, MemoryStore};
/// use tower::ServiceExt as _;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::builder(MemoryStore::new()).build()?;
/// let app = localauth_tower::api::router(&auth);
///
/// // Public:
/// let response = app.clone().oneshot(Request::get("/api/auth/status").body(Body::empty())?).await?;
/// assert_eq!(response.status(), 200);
///
/// // For whoever is signed in:
/// let response = app.oneshot(Request::get("/api/auth/me").body(Body::empty())?).await?;
/// assert_eq!(response.status(), 401);
/// # Ok(())
/// # }
/// ```
pub fn router(auth: &Auth) -> Router {
    ApiBuilder::new(auth).build()
}

/// What handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    auth: Auth,
    client: Arc<client::Settings>,
    limiter: Arc<limiter::Limiter>,
}

/// Configures the API.
#[derive(Debug, Clone)]
#[must_use]
pub struct ApiBuilder {
    auth: Auth,
    client: client::Settings,
}

impl ApiBuilder {
    /// The API of `auth`.
    pub fn new(auth: &Auth) -> Self {
        Self {
            auth: auth.clone(),
            client: client::Settings::default(),
        }
    }

    /// Believes the forwarding headers of these proxies, and of nobody else.
    pub fn trusted_proxies(mut self, proxies: Proxies) -> Self {
        self.client.proxies = proxies;
        self
    }

    /// The public URL: whether cookies are for HTTPS only is read from it. Without it, from the request.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.client.base_url = Some(url.into());
        self
    }

    /// [`base_url`](Self::base_url), where there may be none.
    pub fn maybe_base_url(mut self, url: Option<String>) -> Self {
        self.client.base_url = url;
        self
    }

    /// The router.
    ///
    /// # Panics
    ///
    /// Never: the API's own route table is well-formed, which a test shows.
    pub fn build(self) -> Router {
        let api = Api {
            auth: self.auth.clone(),
            client: Arc::new(self.client),
            limiter: Arc::new(limiter::Limiter::new()),
        };
        let table = routes(RouteTable::builder()).build(self.auth.features());
        #[expect(clippy::expect_used, reason = "a constant table, and a test that builds it")]
        let table = table.expect("the API's own routes are well-formed");
        Router::new()
            .route("/api/auth/status", get(me::status))
            .route("/api/auth/register", post(accounts::register))
            .route("/api/auth/login", post(accounts::login))
            .route("/api/auth/logout", post(accounts::logout))
            .route("/api/auth/me", get(me::me))
            .route("/api/auth/api-keys", get(keys::list).post(keys::create))
            .route("/api/auth/api-keys/{id}", delete(keys::revoke))
            .route("/api/auth/usage", get(usage::own))
            .with_state(api)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .route_layer(RoutePolicy::new(table))
            .route_layer(RequireAuth::new(&self.auth).allow_anonymous())
            .route_layer(axum::middleware::from_fn_with_state(
                ContractErrors::default(),
                refuse_cross_site,
            ))
            .route_layer(SetResponseHeaderLayer::overriding(
                header::CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            ))
    }
}

/// Declares the API's routes: who may reach each.
pub fn routes(table: RouteTableBuilder) -> RouteTableBuilder {
    table
        .public(Method::GET, "/api/auth/status")
        .public(Method::POST, "/api/auth/register")
        .public(Method::POST, "/api/auth/login")
        .signed_in(Method::POST, "/api/auth/logout")
        .signed_in(Method::GET, "/api/auth/me")
        .signed_in(Method::GET, "/api/auth/api-keys")
        .signed_in(Method::POST, "/api/auth/api-keys")
        .signed_in(Method::DELETE, "/api/auth/api-keys/{id}")
        .signed_in(Method::GET, "/api/auth/usage")
}
