//! Would this credential pass, and which rule decides?

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::Method;
use localauth_core::policy::Rule;
use localauth_core::{Denial, LimitStatus};
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
    let judged = judge(&api, &user, &method, path, asker.caller.address());
    let model = asked_model(&api, ask.model.as_deref(), judged.names_model);
    let mut verdict = judged.verdict.and_then(|()| match model {
        Some(model) => user.require_model(model),
        None => Ok(()),
    });
    let mut rule = judged.rule;
    // Limits bind requests for answers of a model, and nothing else.
    if verdict.is_ok() && judged.is_work {
        let used_up = api.auth.used_up(user.identity(), model.unwrap_or_default()).await?;
        if let Some(LimitStatus { limit, subject, .. }) = used_up {
            verdict = Err(subject.denial());
            rule = Some(format!("limit {} ({}): {}", limit.id, subject.as_str(), limit.rule));
        }
    }
    Ok(Json(Answer {
        allowed: verdict.is_ok(),
        status: verdict.map_or_else(|denial| denial.status().as_u16(), |()| 200),
        code: verdict.err().map(Denial::code),
        rule,
    }))
}

/// What the walk of a request would come to, up to its body.
struct Judged {
    /// The rule that decides, in words.
    rule: Option<String>,
    /// Whether requests to the route are about a model.
    names_model: bool,
    /// Whether they ask it for work.
    is_work: bool,
    verdict: Result<(), Denial>,
}

/// What the walk of such a request would come to, up to its body.
fn judge(api: &Api, user: &CurrentUser, method: &Method, path: &str, address: Option<std::net::IpAddr>) -> Judged {
    let Some(rule) = rule_for(api, method, path) else {
        return Judged {
            rule: None,
            names_model: false,
            is_work: false,
            verdict: Err(Denial::UnknownRoute),
        };
    };
    let verdict = user
        .admit_request(method, path, address)
        .and_then(|()| rule.verify(Some(user.identity())));
    Judged {
        rule: Some(described(rule)),
        names_model: rule.names_model(),
        is_work: rule.is_model_route(),
        verdict,
    }
}

/// The rule for such a request: the API's own, or the server's.
pub(super) fn rule_for<'a>(api: &'a Api, method: &Method, path: &str) -> Option<&'a Arc<Rule>> {
    api.table
        .find(method, path)
        .or_else(|| api.policy.as_ref().and_then(|table| table.find(method, path)))
}

/// The model that such a request would be about: the default one where it names none, and is about a model at all.
fn asked_model<'a>(api: &'a Api, named: Option<&'a str>, names_model: bool) -> Option<&'a str> {
    match named.filter(|model| !model.is_empty()) {
        Some("default") => api.default_model.as_deref().or(named),
        Some(model) => Some(model),
        None => api.default_model.as_deref().filter(|_| names_model),
    }
}

fn described(rule: &Rule) -> String {
    let access = rule.access();
    format!("{} {}: {access}", rule.method(), rule.pattern())
}
