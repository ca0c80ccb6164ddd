//! The user that a route is about.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use localauth_core::{LimitId, User, UserId};

use super::super::Api;
use super::super::error::ApiError;
use super::super::path::PathId;

/// The id of the user in the path. What can be nobody's with an account is a 404: the synthetic administrator has none.
pub(super) struct Target(pub(super) UserId);

impl FromRequestParts<Api> for Target {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let PathId(id) = PathId::<UserId>::from_request_parts(parts, api).await?;
        match id {
            Some(id) if id != UserId::SHARED => Ok(Self(id)),
            _ => Err(no_user()),
        }
    }
}

/// The ids of a user and of one of their limits in the path.
pub(super) struct TargetQuota(pub(super) UserId, pub(super) LimitId);

impl FromRequestParts<Api> for TargetQuota {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, api).await;
        let ids = path.ok().and_then(|Path((user, quota))| {
            let user = user.parse().ok().filter(|user| *user != UserId::SHARED)?;
            Some((user, quota.parse().ok()?))
        });
        let (user, quota) = ids.ok_or_else(|| ApiError::missing("quota rule not found"))?;
        Ok(Self(user, quota))
    }
}

/// The user with this id, as the store has them now.
pub(super) async fn user(api: &Api, id: UserId) -> Result<User, ApiError> {
    let user = api.auth.find_user(id).await?;
    // A store that keeps the synthetic administrator's row for its own ends does not make them a user.
    user.filter(|user| user.id != UserId::SHARED).ok_or_else(no_user)
}

fn no_user() -> ApiError {
    ApiError::missing("user not found")
}
