//! The web console: pages for people, beside the REST API for programs.
//!
//! Rendered on the server and served from the binary: no build step, nothing loaded from elsewhere, a strict
//! Content-Security-Policy, and every form works without scripts. It asks the same use cases as the API, and brings its
//! own [`RequireAuth`] and route table: merge it beside your routes and the API's, outside your layers.
//!
//! Its pages: `/`, `/login`, `/register`, `/invite/{code}`, `/keys`, `/usage`, `/account`, and `/admin/…` for
//! administrators; what they load lies under `/console/`.

mod account;
mod assets;
mod chart;
mod failures;
mod fields;
mod frame;
mod home;
mod house;
mod keys;
mod language;
mod page;
mod refusal;
mod sign_in;
mod trouble;
mod usage;
mod users;
mod visit;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use localauth_core::policy::{RouteTable, RouteTableBuilder};
use localauth_core::{Auth, Denial};
use tower_http::set_header::SetResponseHeaderLayer;

use self::trouble::Trouble;
use crate::api::{CrossSite, Renewal, refuse_cross_site, renew_session};
use crate::current_user::Anonymous;
use crate::{Proxies, RequireAuth, RoutePolicy, Site};

/// The largest form, in bytes.
const MAX_BODY: usize = 256 * 1024;
/// Everything from this server, nothing inline, in nobody's frame (Content Security Policy Level 3).
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                      img-src 'self' data: https: http:; object-src 'none'";

/// The console of `auth`, with the defaults of [`ConsoleBuilder`].
///
/// Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that the sign-in limiter can tell addresses
/// apart.
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
/// let app = localauth_tower::api::router(&auth).merge(localauth_tower::console::router(&auth));
///
/// // For everybody:
/// let response = app.clone().oneshot(Request::get("/login").body(Body::empty())?).await?;
/// assert_eq!(response.status(), 200);
///
/// // For whoever is signed in; others are led to the sign-in, and back:
/// let response = app.oneshot(Request::get("/keys").body(Body::empty())?).await?;
/// assert_eq!(response.status(), 303);
/// assert_eq!(response.headers()["location"], "/login?next=%2Fkeys");
/// # Ok(())
/// # }
/// ```
pub fn router(auth: &Auth) -> Router {
    ConsoleBuilder::new(auth).build()
}

/// What handlers share.
#[derive(Debug, Clone)]
struct Console {
    auth: Auth,
    site: Arc<Site>,
    /// Where the home page is.
    home: Arc<str>,
    /// The models that can be put on an allow-list.
    models: Arc<[String]>,
    /// The model that answers who names none.
    default_model: Option<Arc<str>>,
    /// Who may pass which route of the whole server.
    policy: Option<Arc<RouteTable>>,
    /// The providers people can sign in with besides an address and a password.
    providers: Arc<[&'static str]>,
    /// Those themselves: accounts are linked to them.
    #[cfg(feature = "oauth")]
    oauth: Option<crate::oauth::OAuth>,
    /// The routes of an `OpenAI` endpoint, in their layers.
    openai: Option<Router>,
    /// How often which address asks how good a password is.
    pace: Arc<sign_in::strength::Pace>,
}

impl Console {
    /// The models there are: those that were told, and those that are known by now.
    fn known_models(&self) -> Vec<String> {
        self.auth.known_models(&self.models)
    }
}

/// Configures the console.
#[derive(Debug, Clone)]
#[must_use]
pub struct ConsoleBuilder {
    auth: Auth,
    site: Site,
    home: Arc<str>,
    models: Vec<String>,
    default_model: Option<Arc<str>>,
    policy: Option<Arc<RouteTable>>,
    providers: Vec<&'static str>,
    #[cfg(feature = "oauth")]
    oauth: Option<crate::oauth::OAuth>,
    openai: Option<Router>,
}

impl ConsoleBuilder {
    /// The console of `auth`.
    pub fn new(auth: &Auth) -> Self {
        Self {
            auth: auth.clone(),
            site: Site::new(),
            home: Arc::from("/"),
            models: Vec::new(),
            default_model: None,
            policy: None,
            providers: Vec::new(),
            #[cfg(feature = "oauth")]
            oauth: None,
            openai: None,
        }
    }

    /// Where the home page is, for a server that has a page of its own at `/`.
    ///
    /// # Panics
    ///
    /// When `path` does not begin with `/`, or is not plain.
    pub fn home(mut self, path: impl Into<Arc<str>>) -> Self {
        self.home = path.into();
        assert!(
            localauth_core::policy::is_plain_path(&self.home) && !self.home.contains(['{', '}']),
            "the home page needs a plain path, like `/home`"
        );
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

    /// The models of this server, offered where an administrator chooses which ones somebody may use.
    pub fn models(mut self, models: impl IntoIterator<Item = String>) -> Self {
        self.models = models.into_iter().collect();
        self
    }

    /// The model that answers who names none.
    pub fn default_model(mut self, name: impl Into<Arc<str>>) -> Self {
        self.default_model = Some(name.into());
        self
    }

    /// Who may pass which route of the whole server: what "why was this refused" answers from.
    pub fn policy(mut self, table: impl Into<Arc<RouteTable>>) -> Self {
        self.policy = Some(table.into());
        self
    }

    /// Buttons for the providers that the API signs in with.
    #[cfg(feature = "oauth")]
    pub fn oauth(mut self, oauth: &crate::oauth::OAuth) -> Self {
        self.providers = oauth.providers();
        self.oauth = Some(oauth.clone());
        self
    }

    /// The routes of an `OpenAI` endpoint, in all their layers: with it the home page has a chat to try a model. Requests
    /// walk through them as the visitor's own.
    pub fn openai(mut self, routes: Router) -> Self {
        self.openai = Some(routes);
        self
    }

    /// The router.
    ///
    /// # Panics
    ///
    /// Never: the console's own route table is well-formed, which a test shows.
    pub fn build(self) -> Router {
        let site = self.site;
        let table = routes(RouteTable::builder(), &self.home).build(self.auth.features());
        #[expect(clippy::expect_used, reason = "a constant table, and a test that builds it")]
        let table = Arc::new(table.expect("the console's own routes are well-formed"));
        let console = Console {
            auth: self.auth.clone(),
            site: Arc::new(site.clone()),
            home: self.home,
            models: self.models.into(),
            default_model: self.default_model,
            policy: self.policy,
            providers: self.providers.into(),
            #[cfg(feature = "oauth")]
            oauth: self.oauth,
            openai: self.openai,
            pace: Arc::default(),
        };
        handlers(&console.home)
            .with_state(console.clone())
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .route_layer(from_fn_with_state(
                Renewal::new(&self.auth).site(site.clone()),
                renew_session,
            ))
            .route_layer(RoutePolicy::new(table))
            .route_layer(from_fn(refusal::note_visitor))
            .route_layer(
                RequireAuth::new(&self.auth)
                    .allow_anonymous()
                    .trusted_proxies(site.proxies().clone()),
            )
            .route_layer(from_fn_with_state(
                CrossSite::new().site(site).without_cookies_too(),
                refuse_cross_site,
            ))
            .route_layer(from_fn_with_state(console, refusal::pages))
            // What everybody loads has nothing to do with who they are: caches keep it.
            .merge(assets::router())
            .route_layer(head(header::CONTENT_SECURITY_POLICY, POLICY))
            .route_layer(head(header::X_FRAME_OPTIONS, "DENY"))
            .route_layer(head(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            // Invites and key ids are in addresses.
            .route_layer(head(header::REFERRER_POLICY, "same-origin"))
            .route_layer(head(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
            .route_layer(SetResponseHeaderLayer::if_not_present(
                header::CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            ))
    }
}

fn head(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

fn handlers(home: &str) -> Router<Console> {
    Router::new()
        .route("/console/session", get(still_signed_in))
        .merge(sign_in::router())
        .merge(account::router())
        .merge(home::router(home))
        .merge(keys::router())
        .merge(usage::router())
        .merge(users::router())
        .merge(house::router())
}

/// Asked by open pages: whoever is signed out meanwhile is led to the sign-in. A key's scope need not name this address
/// for the session to be good, so this says by itself what it found.
async fn still_signed_in(nobody: Option<Extension<Anonymous>>) -> Result<StatusCode, Trouble> {
    match nobody.map(|Extension(Anonymous(denial))| denial) {
        None | Some(Denial::KeyScope | Denial::ConflictingCredentials) => Ok(StatusCode::NO_CONTENT),
        Some(denial @ Denial::StoreUnavailable) => Err(denial.into()),
        Some(_) => Err(Trouble::signed_out()),
    }
}

/// Declares the console's routes with its home page at `home`: who may reach each.
pub fn routes(table: RouteTableBuilder, home: &str) -> RouteTableBuilder {
    let table = table
        .public(Method::GET, "/console/{asset}")
        .public(Method::GET, "/console/session");
    let table = sign_in::routes(table);
    let table = account::routes(table);
    let table = home::routes(table, home);
    let table = keys::routes(table);
    let table = usage::routes(table);
    let table = users::routes(table);
    house::routes(table)
}
