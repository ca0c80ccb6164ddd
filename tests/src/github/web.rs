//! The site: where people say yes or no, and where codes become tokens.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Url;
use sha2::{Digest as _, Sha256};

use super::{GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET, Grant, Shared};

type Fields = HashMap<String, String>;

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/login/oauth/authorize", get(authorize))
        .route("/login/oauth/access_token", post(access_token))
        .fallback(not_found)
}

async fn not_found() -> Response {
    (
        StatusCode::NOT_FOUND,
        Html("<h1>This is not the web page you are looking for.</h1>"),
    )
        .into_response()
}

/// Sends the browser back at once, as for somebody who has said yes before.
async fn authorize(State(shared): State<Shared>, Query(asked): Query<Fields>) -> Response {
    let mut inner = shared.lock().unwrap();
    if asked.get("client_id").is_none_or(|id| id != GITHUB_CLIENT_ID) {
        return (StatusCode::NOT_FOUND, Html("<h1>404</h1>")).into_response();
    }
    let registered = inner.callback.clone();
    let wanted = asked.get("redirect_uri").cloned();
    let Some(target) = wanted.clone().or_else(|| registered.clone()) else {
        return (StatusCode::BAD_REQUEST, Html("<h1>no callback</h1>")).into_response();
    };
    let state = asked.get("state");
    if let Some(registered) = registered.filter(|registered| !is_below(&target, registered)) {
        return back(
            &registered,
            state,
            &problem(
                "redirect_uri_mismatch",
                "The redirect_uri MUST match the registered callback URL for this application.",
            ),
        );
    }
    let Some(person) = inner.person.clone() else {
        return back(
            &target,
            state,
            &problem("access_denied", "The user has denied your application access."),
        );
    };
    let code = inner.fresh(20);
    let scopes = asked.get("scope").map(String::as_str).unwrap_or_default();
    let grant = Grant {
        person,
        scopes: scopes
            .split([' ', ','])
            .filter(|scope| !scope.is_empty())
            .map(ToOwned::to_owned)
            .collect(),
        redirect_uri: wanted,
        // The only method there is. Without one there is no challenge.
        challenge: asked
            .get("code_challenge")
            .filter(|_| {
                asked
                    .get("code_challenge_method")
                    .is_some_and(|method| method == "S256")
            })
            .cloned(),
    };
    inner.codes.insert(code.clone(), grant);
    back(&target, state, &[("code", code)])
}

/// Whether a callback is the registered one or below it.
fn is_below(target: &str, registered: &str) -> bool {
    target
        .strip_prefix(registered.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

fn back(target: &str, state: Option<&String>, fields: &[(&str, String)]) -> Response {
    let mut url = Url::parse(target).expect("a callback is a URL");
    url.query_pairs_mut()
        .extend_pairs(fields)
        .extend_pairs(state.map(|state| ("state", state)));
    (StatusCode::FOUND, [(header::LOCATION, url.to_string())]).into_response()
}

fn problem(error: &str, description: &str) -> [(&'static str, String); 3] {
    let anchor = error.replace('_', "-");
    [
        ("error", error.to_owned()),
        ("error_description", description.to_owned()),
        (
            "error_uri",
            format!("https://docs.github.com/apps/oauth-apps/maintaining-oauth-apps/troubleshooting/#{anchor}"),
        ),
    ]
}

/// A code becomes a token. What goes wrong is told with status 200.
async fn access_token(State(shared): State<Shared>, headers: HeaderMap, Form(sent): Form<Fields>) -> Response {
    let field = |name: &str| sent.get(name).map(String::as_str);
    let Some(id) = field("client_id") else {
        return not_found().await;
    };
    let mut inner = shared.lock().unwrap();
    if id != GITHUB_CLIENT_ID || field("client_secret") != Some(GITHUB_CLIENT_SECRET) {
        return answer(
            &headers,
            &problem(
                "incorrect_client_credentials",
                "The client_id and/or client_secret passed are incorrect.",
            ),
        );
    }
    // Spent, whatever comes of it.
    let grant = field("code").and_then(|code| inner.codes.remove(code));
    let grant = grant.filter(|grant| {
        grant.challenge.as_ref().is_none_or(|challenge| {
            field("code_verifier")
                .is_some_and(|verifier| BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == *challenge)
        })
    });
    let Some(grant) = grant else {
        return answer(
            &headers,
            &problem("bad_verification_code", "The code passed is incorrect or expired."),
        );
    };
    if field("redirect_uri").is_some_and(|uri| grant.redirect_uri.as_deref() != Some(uri)) {
        return answer(
            &headers,
            &problem(
                "redirect_uri_mismatch",
                "The redirect_uri MUST match the registered callback URL for this application.",
            ),
        );
    }
    let token = format!("gho_{}", inner.fresh(36));
    // Asked for with spaces, answered with commas.
    let scope = grant.scopes.join(",");
    inner.tokens.insert(token.clone(), grant);
    answer(
        &headers,
        &[
            ("access_token", token),
            ("token_type", "bearer".to_owned()),
            ("scope", scope),
        ],
    )
}

/// JSON for who asks for it, a form for who does not.
fn answer(headers: &HeaderMap, fields: &[(&'static str, String)]) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accepted.is_some_and(|accept| accept.contains("application/json")) {
        let fields: HashMap<_, _> = fields.iter().cloned().collect();
        axum::Json(fields).into_response()
    } else {
        Form(fields).into_response()
    }
}
