//! Would this credential pass, and which rule decides?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::Method;
use localauth_core::policy::Rule;
use localauth_core::{Auth, Denial, Identity, LimitStatus, StoreError};
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
    /// Without it, the default model.
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

/// Whether the credential that asks would pass a route now, and which rule or limit decides.
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
    let request = Request {
        method: &method,
        path,
        address: asker.caller.address(),
        model: ask.model.as_deref(),
        default_model: api.default_model.as_deref(),
    };
    let Judged { verdict, rule, limit } =
        judge(&api.auth, user.identity(), rule_for(&api, &method, path), &request).await?;
    let limit = limit
        .map(|LimitStatus { limit, subject, .. }| format!("limit {} ({}): {}", limit.id, subject.as_str(), limit.rule));
    let rule = limit.or_else(|| rule.as_deref().map(described));
    Ok(Json(Answer {
        allowed: verdict.is_ok(),
        status: verdict.map_or_else(|denial| denial.status().as_u16(), |()| 200),
        code: verdict.err().map(Denial::code),
        rule,
    }))
}

/// A request that somebody might send.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    /// From where.
    pub(crate) address: Option<std::net::IpAddr>,
    /// The model it names.
    pub(crate) model: Option<&'a str>,
    /// The model of those that name none.
    pub(crate) default_model: Option<&'a str>,
}

/// What the walk of a request would come to, up to what its body says besides the model.
pub(crate) struct Judged {
    pub(crate) verdict: Result<(), Denial>,
    /// The rule of its route, if somebody declared that.
    pub(crate) rule: Option<Arc<Rule>>,
    /// The limit that decides.
    pub(crate) limit: Option<LimitStatus>,
}

/// What would become of such a request of `identity`, whose route is under `rule`.
pub(crate) async fn judge(
    auth: &Auth,
    identity: &Identity,
    rule: Option<&Arc<Rule>>,
    request: &Request<'_>,
) -> Result<Judged, StoreError> {
    let Some(rule) = rule else {
        return Ok(Judged {
            verdict: Err(Denial::UnknownRoute),
            rule: None,
            limit: None,
        });
    };
    // As the walk has it: by the name that limits and lists go by.
    let model = asked_model(request, rule.names_model()).map(|model| auth.exact_model(model));
    let model = model.as_deref();
    let mut verdict = identity
        .admit_request(request.method, request.path, request.address)
        .and_then(|()| rule.verify(Some(identity)))
        .and_then(|()| model.map_or(Ok(()), |model| identity.require_model(model)));
    let mut limit = None;
    // Limits bind requests for answers of a model, and nothing else.
    if verdict.is_ok() && rule.is_model_route() {
        limit = auth.used_up(identity, model.unwrap_or_default()).await?;
        if let Some(used_up) = &limit {
            verdict = Err(used_up.subject.denial());
        }
    }
    Ok(Judged {
        verdict,
        rule: Some(Arc::clone(rule)),
        limit,
    })
}

/// The rule for such a request: the API's own, or the server's.
pub(super) fn rule_for<'a>(api: &'a Api, method: &Method, path: &str) -> Option<&'a Arc<Rule>> {
    api.table
        .find(method, path)
        .or_else(|| api.policy.as_ref().and_then(|table| table.find(method, path)))
}

/// The model that such a request would be about: the default one where it names none, and is about a model at all.
fn asked_model<'a>(request: &Request<'a>, names_model: bool) -> Option<&'a str> {
    match request.model.filter(|model| !model.is_empty()) {
        Some("default") => request.default_model.or(request.model),
        Some(model) => Some(model),
        None => request.default_model.filter(|_| names_model),
    }
}

/// A rule in words.
pub(crate) fn described(rule: &Rule) -> String {
    let access = rule.access();
    format!("{} {}: {access}", rule.method(), rule.pattern())
}
