//! The `OpenAPI` document, made from the code.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
#[cfg(feature = "oauth")]
use utoipa::openapi::RefOr;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi as Document};
use utoipa::{Modify, OpenApi};

use super::Api;
use super::admin::AdminDoc;
use super::refusals::{ErrorBody, Refusals};
use super::{accounts, invite_check, keys, me, quota, sessions, usage, verify, why};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "localauth",
        description = "Users, API keys, sessions, invites, roles, features and usage. Errors are `{\"error\": \"…\"}`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        document,
        me::status,
        accounts::register,
        accounts::login,
        accounts::token_login,
        accounts::logout,
        accounts::password,
        invite_check::check,
        me::me,
        me::profile,
        quota::quota,
        me::identities,
        me::unlink,
        sessions::list,
        sessions::end,
        sessions::end_others,
        keys::list,
        keys::create,
        keys::rotate,
        keys::revoke,
        usage::own,
        usage::own_sources,
        why::why,
        verify::verify
    ),
    components(schemas(ErrorBody)),
    security(("key" = []), ("session" = [])),
    modifiers(&Schemes)
)]
struct Doc;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_with(Components::new);
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key, or a session's token."))
            .build();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("session"));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    }
}

/// All of the API.
fn whole(providers: &[&str]) -> Document {
    let mut document = Doc::openapi();
    document.merge(AdminDoc::openapi());
    #[cfg(feature = "oauth")]
    for provider in providers {
        document.merge(of_provider(crate::oauth::OAuthDoc::openapi(), provider));
    }
    #[cfg(not(feature = "oauth"))]
    let _ = providers;
    document
}

/// The routes of one provider: only those of configured ones are there.
#[cfg(feature = "oauth")]
fn of_provider(mut document: Document, provider: &str) -> Document {
    let paths = std::mem::take(&mut document.paths.paths);
    for (path, mut item) in paths {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            if let Some(parameters) = &mut operation.parameters {
                parameters.retain(|parameter| !matches!(parameter, RefOr::T(one) if one.name == "provider"));
            }
            let name = operation.operation_id.take().unwrap_or_default();
            operation.operation_id = Some(name.replacen("provider", provider, 1));
        }
        document.paths.paths.insert(path.replace("{provider}", provider), item);
    }
    document
}

/// This document.
#[utoipa::path(get, path = "/api/auth/openapi.json", tag = "sign-in", security(()),
    responses((status = 200, body = serde_json::Value), Refusals))]
pub(super) async fn document(State(api): State<Api>) -> Response {
    Json(whole(&api.providers)).into_response()
}

#[cfg(test)]
mod tests {
    use localauth_core::policy::RouteTable;

    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document = serde_json::to_value(whole(&[])).unwrap();
        let mut described: Vec<String> = Vec::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys() {
                described.push(format!("{} {path}", method.to_uppercase()));
            }
        }
        let table = super::super::routes(RouteTable::builder());
        let mut declared: Vec<String> = table
            .rules()
            .iter()
            .map(|rule| format!("{} {}", rule.method(), rule.pattern()))
            .collect();
        described.sort();
        declared.sort();
        assert_eq!(described, declared);
        let mut names: Vec<&str> = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|path| path.as_object().unwrap().values())
            .map(|operation| operation["operationId"].as_str().unwrap())
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "each operation has a name of its own");
        assert!(
            document["openapi"].as_str().unwrap().starts_with("3.1"),
            "{}",
            document["openapi"]
        );
    }
}
