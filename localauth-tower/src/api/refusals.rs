//! What every route may answer instead of what was asked for, for the `OpenAPI` document.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// LocalAI's flat error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What is wrong, and what to do next.
    error: String,
    /// Of a password that is not accepted: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    /// Of a password that is not accepted: whether `acknowledge_weak_password` overrides it.
    #[serde(skip_serializing_if = "Option::is_none")]
    overridable: Option<bool>,
}

/// What was done, in words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Message {
    /// What was done.
    pub(crate) message: &'static str,
}

impl Message {
    pub(crate) const fn json(message: &'static str) -> axum::Json<Self> {
        axum::Json(Self { message })
    }
}

const ALL: &[(u16, &str)] = &[
    (400, "The request is wrong."),
    (401, "No credential, or none that is good."),
    (
        403,
        "The credential is good and may not do this, or the request comes from another site.",
    ),
    (404, "There is no such thing, or no such route."),
    (429, "Too many attempts: see `Retry-After`."),
    (503, "The store cannot answer: see `Retry-After`."),
];

const OF_BODY: &[(u16, &str)] = &[
    (413, "The body is larger than 64 KiB."),
    (415, "The body is not JSON by its `Content-Type`."),
];

fn responses(all: impl Iterator<Item = &'static (u16, &'static str)>) -> BTreeMap<String, RefOr<Response>> {
    all.map(|(status, description)| {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("ErrorBody")))
            .build();
        let response = ResponseBuilder::new()
            .description(*description)
            .content("application/json", content)
            .build();
        (status.to_string(), RefOr::T(response))
    })
    .collect()
}

const CONFLICT: &[(u16, &str)] = &[(
    409,
    "Something else has to be done first, or others changed it meanwhile.",
)];

/// Refusals of a route that takes no body.
pub(crate) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(ALL.iter())
    }
}

/// Refusals of a route that takes a JSON body.
pub(crate) struct BodyRefusals;

impl IntoResponses for BodyRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(ALL.iter().chain(OF_BODY))
    }
}

/// Refusals of a route that takes a JSON body and changes what others may be changing.
pub(crate) struct ChangeRefusals;

impl IntoResponses for ChangeRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(ALL.iter().chain(OF_BODY).chain(CONFLICT))
    }
}

/// The same without a body.
pub(crate) struct RemovalRefusals;

impl IntoResponses for RemovalRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(ALL.iter().chain(CONFLICT))
    }
}
