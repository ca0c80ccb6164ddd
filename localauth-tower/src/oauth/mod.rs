//! Sign-in with GitHub and with any OpenID Connect provider.
//!
//! ```
//! use localauth_core::{Auth, MemoryStore};
//! use localauth_tower::Site;
//! use localauth_tower::oauth::{GithubConfig, OAuth, OidcConfig};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let auth = Auth::builder(MemoryStore::new()).build()?;
//! let oauth = OAuth::builder(&auth)
//!     .oidc(OidcConfig::new("https://id.example.org", "localauth").client_secret("hunter2"))
//!     .github(GithubConfig::new("Iv1.0123456789abcdef", "hunter3"))
//!     .build()?;
//! assert_eq!(oauth.providers(), ["github", "oidc"]);
//! let router: axum::Router = oauth.router(&Site::new().base_url("https://ai.example.org"));
//! # let _ = router;
//! # Ok(())
//! # }
//! ```
//!
//! | | |
//! |---|---|
//! | `GET /api/auth/{provider}/login?invite_code=&setup_code=&next=` | to the provider |
//! | `GET /api/auth/{provider}/callback` | back: the session cookie and to `next`, or to `/login?error=CODE` |
//! | `POST /api/auth/{provider}/link?next=` | for who is signed in: `{"url": "…"}`, where to go to link an identity |
//!
//! `CODE` is one of `invite_required`, `invalid_invite`, `setup_code`, `pending`, `denied`, `email_taken`, `rate_limited`,
//! `provider`; after linking, at `/account?error=CODE`, also `identity_taken`. The log has the cause.
//!
//! A provider is asked when somebody wants to sign in with it, not before: the server starts without it, and goes on
//! without it.
//!
//! People are recognised by their identity at the provider and never by their address: whoever has an account here links the
//! provider to it, signed in.

mod attempt;
mod config;
mod failure;
mod github;
mod handlers;
mod http;
mod oidc;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ::http::Method;
use axum::Router;
use axum::routing::{get, post};
use localauth_core::policy::RouteTableBuilder;
use localauth_core::{Auth, ExternalProfile, Timestamp};

use self::attempt::{Attempt, Seal, Start};
use self::failure::Failure;
use self::github::Github;
use self::handlers::Returned;
use self::http::{Http, Timeouts};
use self::oidc::Oidc;
use crate::Site;

pub use config::{GithubConfig, GroupMapping, OAuthConfigError, OidcConfig};

/// Their part of the `OpenAPI` document.
#[derive(utoipa::OpenApi)]
#[openapi(paths(handlers::login, handlers::callback, handlers::link))]
pub(crate) struct OAuthDoc;

/// Sign-in through providers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OAuth {
    auth: Auth,
    providers: Vec<Arc<Provider>>,
}

/// Configures [`OAuth`].
#[derive(Debug, Clone)]
#[must_use]
pub struct OAuthBuilder {
    auth: Auth,
    oidc: Option<OidcConfig>,
    github: Option<GithubConfig>,
    timeouts: Timeouts,
}

impl OAuthBuilder {
    /// Sign-in with an OpenID Connect provider.
    pub fn oidc(mut self, config: OidcConfig) -> Self {
        self.oidc = Some(config);
        self
    }

    /// Sign-in with GitHub.
    pub fn github(mut self, config: GithubConfig) -> Self {
        self.github = Some(config);
        self
    }

    /// How long a provider may take to be reached, and to answer. Without it 5 and 10 seconds.
    pub const fn timeouts(mut self, connect: Duration, total: Duration) -> Self {
        self.timeouts = Timeouts { connect, total };
        self
    }

    /// Sign-in as configured. Asks no provider anything.
    ///
    /// # Errors
    ///
    /// [`OAuthConfigError`] when a URL, id or secret cannot be right, or groups are mapped to a feature that there is not.
    pub fn build(self) -> Result<OAuth, OAuthConfigError> {
        let http = Http::new(self.timeouts)?;
        let mut providers = Vec::new();
        if let Some(config) = self.github {
            providers.push(Arc::new(Provider::Github(Box::new(Github::new(config, http.clone())?))));
        }
        if let Some(config) = self.oidc {
            for feature in config.groups.iter().flat_map(GroupMapping::features) {
                if self.auth.features().get(feature).is_none() {
                    return Err(OAuthConfigError::UnknownFeature(feature.to_owned()));
                }
            }
            providers.push(Arc::new(Provider::Oidc(Box::new(Oidc::new(config, http)?))));
        }
        Ok(OAuth {
            auth: self.auth,
            providers,
        })
    }
}

impl OAuth {
    /// Starts to configure sign-in through providers for the users of `auth`.
    pub fn builder(auth: &Auth) -> OAuthBuilder {
        OAuthBuilder {
            auth: auth.clone(),
            oidc: None,
            github: None,
            timeouts: Timeouts::default(),
        }
    }

    /// What can be signed in with: some of `github`, `oidc`.
    pub fn providers(&self) -> Vec<&'static str> {
        self.providers.iter().map(|provider| provider.name()).collect()
    }

    /// The routes themselves, without the layers they need: [`RequireAuth`](crate::RequireAuth) that lets anonymous requests
    /// on, and [`refuse_cross_site`](crate::api::refuse_cross_site). A provider that is not configured has none.
    pub fn router(&self, site: &Site) -> Router {
        let site = Arc::new(site.clone());
        let mut router = Router::new();
        for provider in &self.providers {
            let door = self.door(provider, &site);
            let path = |what: &str| format!("/api/auth/{}/{what}", provider.name());
            let door_routes = Router::new()
                .route(&path("login"), get(handlers::login))
                .route(&path("callback"), get(handlers::callback))
                .route(&path("link"), post(handlers::link))
                .with_state(door);
            router = router.merge(door_routes);
        }
        router
    }

    fn door(&self, provider: &Arc<Provider>, site: &Arc<Site>) -> Door {
        Door {
            auth: self.auth.clone(),
            site: Arc::clone(site),
            seal: Seal::new(&self.auth),
            provider: Arc::clone(provider),
        }
    }

    /// Where `user` has to go to link an identity at `provider`, and the cookies that go with it; `None` when there is no
    /// such provider.
    #[cfg(feature = "console")]
    pub(crate) async fn begin_link(
        &self,
        provider: &str,
        site: &Arc<Site>,
        user: &crate::CurrentUser,
        parts: &::http::request::Parts,
    ) -> Option<Result<(String, Vec<::http::HeaderValue>), crate::api::error::ApiError>> {
        let provider = self.providers.iter().find(|one| one.name() == provider)?;
        let https = site.is_https(&parts.extensions, &parts.headers);
        let door = self.door(provider, site);
        Some(handlers::begin_link(&door, user, parts, None, https).await)
    }

    /// Declares the routes: who may reach each.
    pub fn routes(&self, mut table: RouteTableBuilder) -> RouteTableBuilder {
        for provider in self.providers() {
            table = table
                .public(Method::GET, format!("/api/auth/{provider}/login"))
                .public(Method::GET, format!("/api/auth/{provider}/callback"))
                .signed_in(Method::POST, format!("/api/auth/{provider}/link"));
        }
        table
    }
}

/// What the handlers of one provider share.
#[derive(Clone)]
struct Door {
    auth: Auth,
    site: Arc<Site>,
    seal: Seal,
    provider: Arc<Provider>,
}

#[derive(Debug)]
enum Provider {
    Github(Box<Github>),
    Oidc(Box<Oidc>),
}

impl Provider {
    const fn name(&self) -> &'static str {
        match self {
            Self::Github(_) => "github",
            Self::Oidc(_) => "oidc",
        }
    }

    async fn begin(&self, redirect_uri: &str, now: Timestamp) -> Result<Start, Failure> {
        match self {
            Self::Github(github) => github.begin(redirect_uri),
            Self::Oidc(oidc) => oidc.begin(redirect_uri, now).await,
        }
    }

    async fn check_issuer(&self, returned: &Returned, now: Timestamp) -> Result<(), Failure> {
        match self {
            // Says none of its own; that each provider has its own redirect URI keeps them apart (RFC 9700, section 4.4.2.2).
            Self::Github(_) => Ok(()),
            Self::Oidc(oidc) => oidc.check_issuer(returned, now).await,
        }
    }

    // Boxed: the compiler does not see by itself that what is inside can move between threads.
    fn finish<'a>(
        &'a self,
        code: String,
        attempt: &'a Attempt,
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = Result<ExternalProfile, Failure>> + Send + 'a>> {
        match self {
            Self::Github(github) => Box::pin(github.finish(code, attempt)),
            Self::Oidc(oidc) => Box::pin(oidc.finish(code, attempt, now)),
        }
    }
}
