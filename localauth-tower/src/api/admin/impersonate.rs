//! Acting as somebody.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::caller::Asker;
use super::super::error::ApiError;
use super::super::refusals::Refusals;
use super::super::view::{UserView, time};
use super::super::{Api, cookies};
use super::target::Target;

/// As whom, and how long. The session itself is in the cookie.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActingAs {
    user: UserView,
    /// RFC 3339.
    expires_at: String,
}

/// Act as a user for 15 minutes. Takes the place of the browser's session; each line of the audit log has both names.
#[utoipa::path(post, path = "/api/auth/admin/users/{id}/impersonate", tag = "admin", params(("id" = String, Path)),
    responses((status = 200, body = ActingAs), Refusals))]
pub(super) async fn impersonate(
    State(api): State<Api>,
    asker: Asker,
    Target(id): Target,
) -> Result<Response, ApiError> {
    let acting = api.auth.impersonate(&asker.caller, id).await?;
    let session = acting.signed_in;
    let body = ActingAs {
        user: UserView::of(&api.auth, &session.user).await?,
        expires_at: time(acting.expires_at),
    };
    let mut response = Json(body).into_response();
    cookies::sign_in(&mut response, session.token.expose(), session.lifetime, asker.https);
    Ok(response)
}
