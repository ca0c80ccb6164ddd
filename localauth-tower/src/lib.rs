//! Tower layers for users, API keys, roles, feature gates and usage.
#![deny(missing_docs)]

#[cfg(feature = "api")]
pub mod api;
mod current_user;
#[cfg(feature = "axum")]
mod extract;
mod gate;
mod reject;
mod require_admin;
mod require_auth;
mod require_feature;
mod route_policy;

pub use current_user::CurrentUser;
#[cfg(feature = "axum")]
pub use extract::NoUser;
pub use gate::Gate;
pub use localauth_core as core;
pub use reject::{ContractErrors, ErrorCode, Reject, ResponseBody, ResponseFuture};
pub use require_admin::{IsAdmin, RequireAdmin};
pub use require_auth::{RequireAuth, RequireAuthService, ResponseFuture as RequireAuthFuture};
pub use require_feature::{HasFeature, RequireFeature};
pub use route_policy::{ByTable, RoutePolicy};
