//! The API: who somebody is, and where they can be written to.

use std::collections::HashMap;

use axum::extract::{OriginalUri, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Grant, Shared};

const NO_USER_AGENT: &str = "\r\nRequest forbidden by administrative rules. Please make sure your request has a \
    User-Agent header (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). Check \
    https://developer.github.com for other possible causes.\r\n";

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/user", get(user))
        .route("/user/emails", get(emails))
        .fallback(async || Refusal(StatusCode::NOT_FOUND, "Not Found"))
        .layer(from_fn(user_agent))
}

/// An error as the API writes it.
struct Refusal(StatusCode, &'static str);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        let body = json!({
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": status.as_str(),
        });
        (status, Json(body)).into_response()
    }
}

/// Before anything else: a program has to say what it is.
async fn user_agent(request: Request, next: Next) -> Response {
    if request
        .headers()
        .get(header::USER_AGENT)
        .is_none_or(HeaderValue::is_empty)
    {
        return (StatusCode::FORBIDDEN, Html(NO_USER_AGENT)).into_response();
    }
    next.run(request).await
}

async fn user(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, Refusal> {
    let grant = grant(&shared, &headers)?;
    let person = &grant.person;
    let body = json!({
        "login": person.login,
        "id": person.id,
        "node_id": "MDQ6VXNlcjE=",
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?v=4", person.id),
        "gravatar_id": "",
        "html_url": format!("https://github.com/{}", person.login),
        "type": "User",
        "site_admin": false,
        "name": person.name,
        "company": null,
        "email": person.public_email,
        "created_at": "2008-01-14T04:33:35Z",
    });
    Ok(answer(&grant, Json(body)))
}

/// All addresses, thirty at a time. Without the scope for them there is no such thing.
async fn emails(
    State(shared): State<Shared>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Refusal> {
    let grant = grant(&shared, &headers)?;
    if !grant
        .scopes
        .iter()
        .any(|scope| scope == "user:email" || scope == "user")
    {
        return Err(Refusal(StatusCode::NOT_FOUND, "Not Found"));
    }
    let number = |name: &str| query.get(name).and_then(|value| value.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(30).clamp(1, 100);
    let page = number("page").unwrap_or(1).max(1);
    let all = &grant.person.emails;
    let list: Vec<Value> = all
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .map(|email| {
            json!({
                "email": email.email,
                "primary": email.primary,
                "verified": email.verified,
                "visibility": email.primary.then_some("private"),
            })
        })
        .collect();
    let mut answer = answer(&grant, Json(list));
    if page * size < all.len() {
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        let next = format!(
            "<http://{host}{}?per_page={size}&page={}>; rel=\"next\"",
            uri.path(),
            page + 1
        );
        answer
            .headers_mut()
            .insert(header::LINK, next.parse().expect("a header"));
    }
    Ok(answer)
}

fn answer(grant: &Grant, body: impl IntoResponse) -> Response {
    ([("x-oauth-scopes", grant.scopes.join(", "))], body).into_response()
}

fn grant(shared: &Shared, headers: &HeaderMap) -> Result<Grant, Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, token)) = given.and_then(|value| value.split_once(' ')) else {
        return Err(Refusal(StatusCode::UNAUTHORIZED, "Requires authentication"));
    };
    let known = shared.lock().unwrap().tokens.get(token).cloned();
    known
        .filter(|_| scheme.eq_ignore_ascii_case("bearer"))
        .ok_or(Refusal(StatusCode::UNAUTHORIZED, "Bad credentials"))
}
