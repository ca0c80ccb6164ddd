//! Tower layers for users, API keys, roles, feature gates and usage. For axum, hyper, tonic or plain tower: the layers are
//! generic over bodies and services and need no axum.
//!
//! ```text
//! bytes → RequireAuth → RoutePolicy → Inspect → RequireModel → EnforceLimits → MeterUsage → handler
//!            who        what kind      what it      may they      may it         what it
//!                       of door        asks for     use that      still          used
//! ```
//!
//! 1. [`RequireAuth`] finds out who sends the request and puts [`CurrentUser`] into its extensions. A known credential
//!    costs a digest and a look-up in memory: no future, no lock, no store.
//! 2. [`RoutePolicy`] decides by one table; what nobody declared is denied. [`RequireFeature`] and [`RequireAdmin`] are the
//!    same decision for one route.
//! 3. [`Inspect`] reads a request to a model once, within a limit, and refuses what can be read in two ways. What it found
//!    is [`Inspected`] in the extensions; what is handed on is what was judged.
//! 4. [`RequireModel`] decides whether its user may use that model.
//! 5. [`EnforceLimits`] holds the request against every limit that binds it, all of them or none.
//! 6. [`MeterUsage`] reads the token counts out of JSON and event streams as they go by, unbuffered, and counts each answer
//!    exactly once, also when the client leaves in the middle. A stream whose credential ends, ends with it.
//!
//! [`FairShare`] between 2 and 3 lets only so many work at once, and the others wait for their turn, fairly by user.
//!
//! # Ten lines
//!
//! ```
//! # #[cfg(feature = "api")] {
//! use axum::{Router, routing::post};
//! use localauth_core::{Auth, MemoryStore};
//! use localauth_tower::{CurrentUser, MeterUsage, RequireAdmin, RequireAuth, RequireFeature};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let auth = Auth::builder(MemoryStore::new()).build()?; // or localauth_store::connect("sqlite://localauth.db").await?
//!
//! let app: Router = Router::new()
//!     .route("/v1/chat/completions", post(chat))
//!     .layer(MeterUsage::new(&auth))
//!     .layer(RequireFeature::new("chat"))
//!     .route("/admin/reload", post(reload).layer(RequireAdmin::new()))
//!     .layer(RequireAuth::new(&auth))
//!     .merge(localauth_tower::api::router(&auth)); // /api/auth/*; and console::router(&auth) for people
//!
//! async fn chat(user: CurrentUser) -> String {
//!     format!("Hello {}", user.name())
//! }
//! # async fn reload() {}
//! # let _ = app;
//! # Ok(())
//! # }
//! # main().unwrap();
//! # }
//! ```
//!
//! # Refusals
//!
//! Every layer answers in the OpenAI shape that the official clients parse, with status, `code` and challenge from one
//! table ([`Denial`](localauth_core::Denial)); [`Reject`] replaces it.
//!
//! # Switching it off
//!
//! There is no switch inside: leave the layers away (`tower::util::option_layer`), and requests walk as if they had never
//! been there.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | none | the layers, for any tower service |
//! | `axum` | [`CurrentUser`] and `Option<CurrentUser>` as extractors |
//! | `api` | `api::router`: accounts over REST |
//! | `console` | `console::router`: pages for people |
//! | `oauth` | `oauth`: sign-in with GitHub and OpenID Connect |
#![deny(missing_docs)]

#[cfg(feature = "api")]
pub mod api;
mod client;
#[cfg(feature = "console")]
pub mod console;
mod current_user;
mod enforce_limits;
#[cfg(feature = "axum")]
mod extract;
mod fair_share;
#[cfg(test)]
#[path = "../fuzz/driver.rs"]
mod fuzz;
mod gate;
mod inspect;
mod lasting;
#[cfg(any(feature = "oauth", feature = "console"))]
mod local_path;
mod meter_usage;
mod method_override;
#[cfg(feature = "oauth")]
pub mod oauth;
mod original;
mod reject;
mod require_admin;
mod require_auth;
mod require_feature;
mod require_model;
mod route_policy;
mod trail;

#[cfg(feature = "api")]
pub use client::Site;
pub use client::{OverTls, PeerAddress, Proxies};
pub use current_user::CurrentUser;
pub use enforce_limits::{
    CountPrompt, EnforceLimits, EnforceLimitsService, ResponseBody as EnforceLimitsBody,
    ResponseFuture as EnforceLimitsFuture,
};
#[cfg(feature = "axum")]
pub use extract::NoUser;
pub use fair_share::{FairShare, FairShareService, ResponseBody as FairShareBody, ResponseFuture as FairShareFuture};
pub use gate::Gate;
pub use inspect::{
    Inspect, InspectService, Inspected, InspectedBody, NotEdited, ResolveModel, ResponseFuture as InspectFuture,
};
pub use lasting::Lasting;
pub use localauth_core as core;
pub use meter_usage::{
    MeterUsage, MeterUsageService, ResponseBody as MeterUsageBody, ResponseFuture as MeterUsageFuture,
};
pub use method_override::query_names_method;
pub use reject::{ContractErrors, ErrorCode, Reject, ResponseBody, ResponseFuture};
pub use require_admin::{IsAdmin, RequireAdmin};
pub use require_auth::{RequireAuth, RequireAuthService, ResponseFuture as RequireAuthFuture};
pub use require_feature::{HasFeature, RequireFeature};
pub use require_model::{MayUseModel, RequireModel};
pub use route_policy::{ByTable, RoutePolicy};
pub use trail::Trail;
