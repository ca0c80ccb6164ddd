//! Would this credential pass, and which rule decides?

use axum::Json;
use axum::extract::State;
use http::Method;
use localauth_core::Denial;
use localauth_core::policy::{Access, RouteTable, Rule};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::caller::Asker;
use super::error::ApiError;
use super::json::JsonBody;
use super::refusals::BodyRefusals;
use crate::CurrentUser;

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Ask {
    #[schema(example = "POST")]
    #[serde(default)]
    method: String,
    #[schema(example = "/v1/chat/completions")]
    #[serde(default)]
    path: String,
    model: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Answer {
    allowed: bool,
    /// The status of the refusal, or 200.
    status: u16,
    /// The code of the refusal, or null.
    code: Option<&'static str>,
    /// The rule that decides, or null where nobody declared the route.
    rule: Option<String>,
}

/// Whether the credential that asks would pass a route, and which rule decides.
#[utoipa::path(post, path = "/api/auth/why", tag = "account", request_body = Ask,
    responses((status = 200, body = Answer), BodyRefusals))]
pub(crate) async fn why(
    State(api): State<Api>,
    user: CurrentUser,
    asker: Asker,
    JsonBody(ask): JsonBody<Ask>,
) -> Result<Json<Answer>, ApiError> {
    let method = Method::from_bytes(ask.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| ApiError::bad("method: expected one like `POST`"))?;
    if !ask.path.starts_with('/') {
        return Err(ApiError::bad("path: expected one like `/v1/chat/completions`"));
    }
    let path = ask.path.split(['?', '#']).next().unwrap_or_default();
    let (rule, verdict) = judge(&api, &user, &method, path, asker.caller.address());
    let model = ask.model.as_deref().filter(|model| !model.is_empty());
    let verdict = verdict.and_then(|()| match model {
        Some(model) if !user.may_use_model(model) => Err(Denial::ModelNotAllowed),
        _ => Ok(()),
    });
    Ok(Json(Answer {
        allowed: verdict.is_ok(),
        status: verdict.map_or_else(|denial| denial.status().as_u16(), |()| 200),
        code: verdict.err().map(Denial::code),
        rule,
    }))
}

/// What the walk of such a request would come to, up to its body.
pub(super) fn judge(
    api: &Api,
    user: &CurrentUser,
    method: &Method,
    path: &str,
    address: Option<std::net::IpAddr>,
) -> (Option<String>, Result<(), Denial>) {
    let own = super::routes(RouteTable::builder()).build(api.auth.features()).ok();
    let found = own
        .as_ref()
        .and_then(|table| table.find(method, path))
        .or_else(|| api.policy.as_ref().and_then(|table| table.find(method, path)));
    let Some(rule) = found else {
        return (None, Err(Denial::UnknownRoute));
    };
    let verdict = user
        .admit_request(method, path, address)
        .and_then(|()| rule.verify(Some(user.identity())));
    (Some(described(rule)), verdict)
}

fn described(rule: &Rule) -> String {
    let access = match rule.access() {
        Access::Public => "public".to_owned(),
        Access::SignedIn => "signed in".to_owned(),
        Access::Feature(feature) => format!("feature `{feature}`"),
        Access::Admin => "admin".to_owned(),
        _ => "restricted".to_owned(),
    };
    format!("{} {}: {access}", rule.method(), rule.pattern())
}
