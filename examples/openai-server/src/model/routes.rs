//! The routes of mistral.rs, with our errors.

use axum::{
    Router,
    extract::Request,
    middleware::{from_fn, from_fn_with_state},
};
use localauth_core::Auth;
use mistralrs_server_core::mistralrs_server_router_builder::MistralRsServerRouterBuilder;
use tower::ServiceBuilder;
use tower_http::limit::RequestBodyLimitLayer;

use super::{
    allow::Models,
    detach::detach,
    errors::shape,
    inspect::{Inspect, inspect},
    load::Loaded,
    stored::{Stored, keep_owners},
};
use crate::settings::Settings;

/// The routes of a loaded model, and the stored responses whose owners they keep. `auth` says whether an owner still exists.
///
/// # Errors
///
/// None that depends on the model: mistral.rs only refuses settings that are made here.
pub async fn router(model: &Loaded, settings: &Settings, auth: Option<&Auth>) -> anyhow::Result<(Router, Stored)> {
    let (max_body, style) = (settings.max_body, settings.error_code);
    let routes = MistralRsServerRouterBuilder::new()
        .with_mistralrs(model.runtime.clone())
        .with_allowed_origins(Vec::new())
        .with_max_body_limit(max_body)
        .build()
        .await?;
    let inspection = Inspect {
        max_body,
        models: Models::new(&model.alias),
    };
    // From the inside to the outside. The limit of mistral.rs only holds while a body is read; this one refuses before.
    let routes = routes.layer(from_fn(detach));
    let stored = Stored::new(routes.clone(), &model.alias, max_body)
        .style(style, settings.opaque_errors)
        .auth(auth);
    let routes = routes
        .layer(from_fn_with_state(inspection, inspect))
        .layer(from_fn_with_state(stored.clone(), keep_owners))
        .layer(RequestBodyLimitLayer::new(max_body))
        .layer(from_fn_with_state(style, shape));
    let mut all = routes.clone();
    for path in WITHOUT_VERSION {
        let service = ServiceBuilder::new().map_request(with_version).service(routes.clone());
        all = all.route_service(path, service);
    }
    Ok((all, stored))
}

/// What LocalAI answers without the `/v1` too.
const WITHOUT_VERSION: [&str; 6] = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/images/generations",
    "/audio/speech",
    "/models",
];

fn with_version(mut request: Request) -> Request {
    let path = request.uri().path_and_query().map_or("/", |both| both.as_str());
    // A path with something before it is a path still.
    if let Ok(uri) = format!("/v1{path}").parse() {
        *request.uri_mut() = uri;
    }
    request
}
