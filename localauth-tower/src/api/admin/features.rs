//! What can be switched on and off for a user.

use axum::Json;
use axum::extract::State;
use localauth_core::FeatureGroup;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Api;
use super::super::refusals::Refusals;

/// A feature.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FeatureView {
    key: &'static str,
    /// What people read.
    label: &'static str,
    /// Whether a user has it when nothing was said.
    default: bool,
}

/// The features there are, by group, and the models that can be put on an allow-list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FeatureList {
    agent_features: Vec<FeatureView>,
    general_features: Vec<FeatureView>,
    api_features: Vec<FeatureView>,
    models: Vec<String>,
}

/// The features and models there are.
#[utoipa::path(get, path = "/api/auth/admin/features", tag = "admin",
    responses((status = 200, body = FeatureList), Refusals))]
pub(super) async fn admin_features(State(api): State<Api>) -> Json<FeatureList> {
    let group = |group: FeatureGroup| {
        let features = api.auth.features().iter().filter(|feature| feature.group == group);
        features
            .map(|feature| FeatureView {
                key: feature.key,
                label: feature.label,
                default: feature.default,
            })
            .collect()
    };
    Json(FeatureList {
        agent_features: group(FeatureGroup::Agent),
        general_features: group(FeatureGroup::General),
        api_features: group(FeatureGroup::Api),
        models: api.auth.known_models(&api.models),
    })
}
