//! The user that a route is about.

use axum::extract::FromRequestParts;
use http::request::Parts;
use localauth_core::{User, UserId};

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

/// The user with this id, as the store has them now.
pub(super) async fn user(api: &Api, id: UserId) -> Result<User, ApiError> {
    let user = api.auth.find_user(id).await?;
    // A store that keeps the synthetic administrator's row for its own ends does not make them a user.
    user.filter(|user| user.id != UserId::SHARED).ok_or_else(no_user)
}

fn no_user() -> ApiError {
    ApiError::missing("user not found")
}
