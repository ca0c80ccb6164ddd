//! Register, sign in, sign out.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use localauth_core::{NewAccount, Password, Registered, RegistrationMode, Role, SignedIn};
use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::error::ApiError;
use super::json::JsonBody;
use super::{Api, cookies, me};
use crate::CurrentUser;

#[derive(Deserialize)]
pub(crate) struct Register {
    #[serde(default)]
    email: String,
    password: Option<Password>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    acknowledge_weak_password: bool,
}

/// `POST /api/auth/register`
pub(crate) async fn register(
    State(api): State<Api>,
    client: Client,
    JsonBody(body): JsonBody<Register>,
) -> Result<Response, ApiError> {
    api.limiter.attempt(client.ip)?;
    let account = NewAccount {
        email: body.email,
        name: body.name,
        password: body.password.unwrap_or_else(|| Password::new("")),
        acknowledge_weak: body.acknowledge_weak_password,
        role: Role::User,
    };
    let pending = || Json(json!({ "message": "registration successful, awaiting admin approval", "pending": true }));
    match api
        .auth
        .register(account, &client.ip_text(), &client.user_agent)
        .await?
    {
        Registered::SignedIn(signed_in) => {
            let SignedIn { user, .. } = &*signed_in;
            let body = json!({ "user": {
                "id": user.id.to_string(), "email": user.email.as_str(), "name": user.name, "role": user.role.as_str(),
            }});
            Ok(with_session(
                (StatusCode::CREATED, Json(body)).into_response(),
                &signed_in,
                &client,
            ))
        }
        Registered::Pending => Ok(pending().into_response()),
        // Whoever asks does not learn that the address is known.
        Registered::EmailTaken if api.auth.registration() == RegistrationMode::Approval => {
            Ok(pending().into_response())
        }
        _ => Ok((
            StatusCode::CREATED,
            Json(json!({ "message": "registration processed" })),
        )
            .into_response()),
    }
}

#[derive(Deserialize)]
pub(crate) struct Login {
    #[serde(default)]
    email: String,
    password: Option<Password>,
}

/// `POST /api/auth/login`
pub(crate) async fn login(
    State(api): State<Api>,
    client: Client,
    JsonBody(body): JsonBody<Login>,
) -> Result<Response, ApiError> {
    // Before anything is looked up: whoever is limited learns nothing.
    api.limiter.attempt(client.ip)?;
    let (email, password) = match body.password {
        Some(password) if !body.email.is_empty() && !password.is_empty() => (body.email, password),
        _ => return Err(ApiError::bad("email and password are required")),
    };
    let signed_in = api
        .auth
        .sign_in(&email, password, &client.ip_text(), &client.user_agent)
        .await?;
    let body = json!({ "user": me::user_json(&api.auth, &signed_in.user) });
    Ok(with_session(Json(body).into_response(), &signed_in, &client))
}

/// `POST /api/auth/logout`
pub(crate) async fn logout(State(api): State<Api>, client: Client, user: CurrentUser) -> Result<Response, ApiError> {
    api.auth.sign_out(&user).await?;
    let mut response = Json(json!({ "message": "logged out" })).into_response();
    cookies::sign_out(&mut response, client.https);
    Ok(response)
}

fn with_session(mut response: Response, signed_in: &SignedIn, client: &Client) -> Response {
    cookies::sign_in(
        &mut response,
        signed_in.token.expose(),
        signed_in.lifetime,
        client.https,
    );
    response
}
