//! The routes of mistral.rs, with our errors.

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
};
use mistralrs_server_core::mistralrs_server_router_builder::MistralRsServerRouterBuilder;
use tower_http::limit::RequestBodyLimitLayer;

use super::{detach::detach, errors::shape, load::Loaded};
use crate::settings::ErrorCode;

/// The routes of a loaded model.
///
/// # Errors
///
/// None that depends on the model: mistral.rs only refuses settings that are made here.
pub async fn router(model: &Loaded, max_body: usize, style: ErrorCode) -> anyhow::Result<Router> {
    let routes = MistralRsServerRouterBuilder::new()
        .with_mistralrs(model.runtime.clone())
        .with_allowed_origins(Vec::new())
        .with_max_body_limit(max_body)
        .build()
        .await?;
    // From the inside to the outside. The limit of mistral.rs only holds while a body is read; this one refuses before.
    Ok(routes
        .layer(from_fn(detach))
        .layer(RequestBodyLimitLayer::new(max_body))
        .layer(from_fn_with_state(style, shape)))
}
