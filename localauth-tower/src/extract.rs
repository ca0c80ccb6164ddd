//! [`CurrentUser`] as an axum extractor.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use localauth_core::Denial;

use crate::current_user::{CurrentUser, whoever};
use crate::reject::{ContractErrors, refuse};

/// There is no user: the answer that [`RequireAuth`](crate::RequireAuth) would have given.
#[derive(Debug)]
pub struct NoUser {
    denial: Denial,
    uri: http::Uri,
}

impl IntoResponse for NoUser {
    fn into_response(self) -> Response {
        refuse::<_, axum::body::Body>(&ContractErrors::default(), self.denial, &self.uri).map(axum::body::Body::new)
    }
}

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = NoUser;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoUser> {
        whoever(&parts.extensions).cloned().map_err(|denial| {
            if parts.extensions.get::<crate::current_user::Anonymous>().is_none() {
                tracing::warn!("a handler asks for CurrentUser where no RequireAuth layer is around it");
            }
            NoUser {
                denial,
                uri: parts.uri.clone(),
            }
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(whoever(&parts.extensions).ok().cloned())
    }
}
