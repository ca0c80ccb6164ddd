//! The REST API, `/api/auth/*`: a router that any axum server mounts.
//!
//! It brings its own [`RequireAuth`] and its own route table: merge it beside your routes, outside your layers. Errors are
//! LocalAI's flat form, `{"error": "…"}`, those of the layers included. `GET /api/auth/openapi.json` describes all of it.

mod accounts;
pub(crate) mod admin;
pub(crate) mod caller;
pub(crate) mod cookies;
mod cross_site;
pub(crate) mod error;
mod invite_check;
mod json;
pub(crate) mod keys;
mod me;
mod openapi;
pub(crate) mod path;
mod query;
mod quota;
pub(crate) mod refusals;
mod renew;
pub(crate) mod rules;
mod sessions;
pub(crate) mod usage;
mod verify;
pub(crate) mod view;
pub(crate) mod why;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};
use http::{HeaderValue, Method, header};
use localauth_core::Auth;
use localauth_core::policy::{RouteTable, RouteTableBuilder};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::{Proxies, RequireAuth, RoutePolicy, Site};

#[cfg(feature = "console")]
pub(crate) use cross_site::cookies_of;
pub use cross_site::{CrossSite, refuse_cross_site};
pub use renew::{Renewal, renew_session};

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
    pub(crate) auth: Auth,
    pub(crate) site: Arc<Site>,
    /// The models that can be put on an allow-list.
    models: Arc<[String]>,
    /// The model that answers who names none.
    default_model: Option<Arc<str>>,
    /// Who may pass which route of the API.
    table: Arc<RouteTable>,
    /// Who may pass which route of the whole server.
    policy: Option<Arc<RouteTable>>,
    /// Whether there are accounts, or shared keys only.
    accounts: bool,
    /// The providers people can sign in with besides an address and a password.
    providers: Arc<[&'static str]>,
}

/// Configures the API.
#[derive(Debug, Clone)]
#[must_use]
pub struct ApiBuilder {
    auth: Auth,
    site: Site,
    models: Vec<String>,
    default_model: Option<Arc<str>>,
    policy: Option<Arc<RouteTable>>,
    accounts: bool,
    #[cfg(feature = "oauth")]
    oauth: Option<crate::oauth::OAuth>,
}

impl ApiBuilder {
    /// The API of `auth`.
    pub fn new(auth: &Auth) -> Self {
        Self {
            auth: auth.clone(),
            site: Site::new(),
            models: Vec::new(),
            default_model: None,
            policy: None,
            accounts: true,
            #[cfg(feature = "oauth")]
            oauth: None,
        }
    }

    /// Sign-in through providers beside the one with address and password.
    #[cfg(feature = "oauth")]
    pub fn oauth(mut self, oauth: crate::oauth::OAuth) -> Self {
        self.oauth = Some(oauth);
        self
    }

    /// Only what is left without accounts, where whoever has a shared key may do everything: the status, and sessions
    /// made from such a key.
    pub fn without_accounts(mut self) -> Self {
        self.accounts = false;
        self
    }

    /// How the server looks from outside: whose forwarding headers are believed, and the public URL.
    pub fn site(mut self, site: Site) -> Self {
        self.site = site;
        self
    }

    /// Believes the forwarding headers of these proxies, and of nobody else.
    pub fn trusted_proxies(mut self, proxies: Proxies) -> Self {
        self.site = self.site.trusted_proxies(proxies);
        self
    }

    /// The public URL: whether cookies are for HTTPS only is read from it. Without it, from the request.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.site = self.site.base_url(url);
        self
    }

    /// The models of this server, offered where an administrator chooses which ones somebody may use.
    pub fn models(mut self, models: impl IntoIterator<Item = String>) -> Self {
        self.models = models.into_iter().collect();
        self
    }

    /// The model that answers who names none, as [`Inspect::default_model`](crate::Inspect::default_model) has it: what
    /// `/api/auth/why` takes a request without a model to ask for.
    pub fn default_model(mut self, name: impl Into<Arc<str>>) -> Self {
        self.default_model = Some(name.into());
        self
    }

    /// Who may pass which route of the whole server: what `/api/auth/why` and `/api/auth/verify` answer from. Without it
    /// they know the API's own routes only.
    pub fn policy(mut self, table: impl Into<Arc<RouteTable>>) -> Self {
        self.policy = Some(table.into());
        self
    }

    #[cfg(feature = "oauth")]
    fn providers(&self) -> Vec<&'static str> {
        self.oauth
            .as_ref()
            .map(crate::oauth::OAuth::providers)
            .unwrap_or_default()
    }

    #[cfg(not(feature = "oauth"))]
    #[expect(clippy::unused_self, reason = "with the feature `oauth` it is used")]
    const fn providers(&self) -> Vec<&'static str> {
        Vec::new()
    }

    #[cfg(feature = "oauth")]
    fn with_providers(
        &self,
        table: RouteTableBuilder,
        handlers: Router<Api>,
        site: &Site,
    ) -> (RouteTableBuilder, Router<Api>) {
        match &self.oauth {
            Some(oauth) => (oauth.routes(table), handlers.merge(oauth.router(site).with_state(()))),
            None => (table, handlers),
        }
    }

    #[cfg(not(feature = "oauth"))]
    #[expect(clippy::unused_self, reason = "with the feature `oauth` it is used")]
    fn with_providers(
        &self,
        table: RouteTableBuilder,
        handlers: Router<Api>,
        _: &Site,
    ) -> (RouteTableBuilder, Router<Api>) {
        (table, handlers)
    }

    /// The router.
    ///
    /// # Panics
    ///
    /// Never: the API's own route table is well-formed, which a test shows.
    pub fn build(self) -> Router {
        let site = self.site.clone();
        let (rules, handlers) = if self.accounts {
            self.with_providers(routes(RouteTable::builder()), handlers(), &site)
        } else {
            (
                routes_without_accounts(RouteTable::builder()),
                handlers_without_accounts(),
            )
        };
        let table = rules.build(self.auth.features());
        #[expect(clippy::expect_used, reason = "a constant table, and a test that builds it")]
        let table = Arc::new(table.expect("the API's own routes are well-formed"));
        let api = Api {
            auth: self.auth.clone(),
            table: Arc::clone(&table),
            site: Arc::new(self.site.clone()),
            models: self.models.clone().into(),
            default_model: self.default_model.clone(),
            policy: self.policy.clone(),
            providers: self.providers().into(),
            accounts: self.accounts,
        };
        handlers
            .with_state(api)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .route_layer(from_fn_with_state(
                Renewal::new(&self.auth).site(site.clone()),
                renew_session,
            ))
            .route_layer(RoutePolicy::new(table))
            .route_layer(
                RequireAuth::new(&self.auth)
                    .allow_anonymous()
                    .trusted_proxies(site.proxies().clone()),
            )
            .route_layer(from_fn_with_state(
                CrossSite::new().site(site.clone()),
                refuse_cross_site,
            ))
            .route_layer(from_fn_with_state(site, verify::note_original))
            .route_layer(SetResponseHeaderLayer::overriding(
                header::CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            ))
    }
}

fn handlers() -> Router<Api> {
    Router::new()
        .route("/api/auth/openapi.json", get(openapi::document))
        .route("/api/auth/status", get(me::status))
        .route("/api/auth/register", post(accounts::register))
        .route("/api/auth/login", post(accounts::login))
        .route("/api/auth/token-login", post(accounts::token_login))
        .route("/api/auth/logout", post(accounts::logout))
        .route("/api/auth/invite/{code}/check", get(invite_check::check))
        .route("/api/auth/me", get(me::me))
        .route("/api/auth/profile", put(me::profile))
        .route("/api/auth/password", put(accounts::password))
        .route("/api/auth/quota", get(quota::quota))
        .route("/api/auth/identities", get(me::identities))
        .route("/api/auth/identities/{provider}", delete(me::unlink))
        .route("/api/auth/sessions", get(sessions::list).delete(sessions::end_others))
        .route("/api/auth/sessions/{id}", delete(sessions::end))
        .route("/api/auth/api-keys", get(keys::list).post(keys::create))
        .route("/api/auth/api-keys/{id}", delete(keys::revoke))
        .route("/api/auth/api-keys/{id}/rotate", post(keys::rotate))
        .route("/api/auth/usage", get(usage::own))
        .route("/api/auth/usage/sources", get(usage::own_sources))
        .route("/api/auth/why", post(why::why))
        .route("/api/auth/verify", get(verify::verify))
        .merge(admin::router())
}

fn handlers_without_accounts() -> Router<Api> {
    Router::new()
        .route("/api/auth/status", get(me::status))
        .route("/api/auth/token-login", post(accounts::token_login))
        .route("/api/auth/logout", post(accounts::logout))
}

fn routes_without_accounts(table: RouteTableBuilder) -> RouteTableBuilder {
    table
        .public(Method::GET, "/api/auth/status")
        .public(Method::POST, "/api/auth/token-login")
        .signed_in(Method::POST, "/api/auth/logout")
}

/// Declares the API's routes: who may reach each.
pub fn routes(table: RouteTableBuilder) -> RouteTableBuilder {
    let table = table
        .public(Method::GET, "/api/auth/openapi.json")
        .public(Method::GET, "/api/auth/status")
        .public(Method::POST, "/api/auth/register")
        .public(Method::POST, "/api/auth/login")
        .public(Method::POST, "/api/auth/token-login")
        .public(Method::GET, "/api/auth/invite/{code}/check")
        .signed_in(Method::POST, "/api/auth/logout")
        .signed_in(Method::GET, "/api/auth/me")
        .signed_in(Method::PUT, "/api/auth/profile")
        .signed_in(Method::PUT, "/api/auth/password")
        .signed_in(Method::GET, "/api/auth/quota")
        .signed_in(Method::GET, "/api/auth/identities")
        .signed_in(Method::DELETE, "/api/auth/identities/{provider}")
        .signed_in(Method::GET, "/api/auth/sessions")
        .signed_in(Method::DELETE, "/api/auth/sessions")
        .signed_in(Method::DELETE, "/api/auth/sessions/{id}")
        .signed_in(Method::GET, "/api/auth/api-keys")
        .signed_in(Method::POST, "/api/auth/api-keys")
        .signed_in(Method::DELETE, "/api/auth/api-keys/{id}")
        .signed_in(Method::POST, "/api/auth/api-keys/{id}/rotate")
        .signed_in(Method::GET, "/api/auth/usage")
        .signed_in(Method::GET, "/api/auth/usage/sources")
        .signed_in(Method::POST, "/api/auth/why")
        // It decides itself: what a proxy asks about may be for everybody.
        .public(Method::GET, "/api/auth/verify");
    admin::routes(table)
}
