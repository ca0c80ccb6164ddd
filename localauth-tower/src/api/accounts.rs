//! Register, sign in, sign out, change the password.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use localauth_core::{NewAccount, Password, Registered, SignedIn, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Asker;
use super::error::ApiError;
use super::json::JsonBody;
use super::refusals::{BodyRefusals, Message, Refusals};
use super::view::UserView;
use super::{Api, cookies};
use crate::CurrentUser;

#[derive(Deserialize, ToSchema)]
pub(crate) struct Register {
    #[serde(default)]
    #[schema(example = "ada@example.org")]
    email: String,
    #[schema(value_type = String)]
    password: Option<Password>,
    #[serde(default)]
    name: String,
    /// Needed in the mode `invite`; lets in at once in the mode `approval`.
    #[serde(rename = "inviteCode")]
    invite_code: Option<String>,
    /// The code that the server printed when it started, where the first registration needs one.
    #[serde(rename = "setupCode")]
    setup_code: Option<String>,
    #[serde(default)]
    acknowledge_weak_password: bool,
}

/// Somebody new.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewUserView {
    id: String,
    email: String,
    name: String,
    role: &'static str,
}

/// Who registered; without `user`, nobody is told whether the address was known.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegisteredView {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<NewUserView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PendingView {
    message: &'static str,
    pending: bool,
}

/// Register. The first user is the administrator.
#[utoipa::path(post, path = "/api/auth/register", tag = "sign-in", request_body = Register, security(()),
    responses((status = 201, body = RegisteredView), (status = 200, body = PendingView), BodyRefusals))]
pub(crate) async fn register(
    State(api): State<Api>,
    asker: Asker,
    JsonBody(body): JsonBody<Register>,
) -> Result<Response, ApiError> {
    let mut account = NewAccount::local(body.email, body.password.unwrap_or_else(|| Password::new("")));
    account.name = body.name;
    account.acknowledge_weak = body.acknowledge_weak_password;
    account.invite_code = body.invite_code.unwrap_or_default();
    account.setup_code = body.setup_code.unwrap_or_default();
    let pending = || {
        Json(PendingView {
            message: "registration successful, awaiting admin approval",
            pending: true,
        })
    };
    let created = |user, message| (StatusCode::CREATED, Json(RegisteredView { user, message })).into_response();
    match api.auth.register(account, &asker.caller).await? {
        Registered::SignedIn(signed_in) => {
            let SignedIn { user, .. } = &*signed_in;
            let view = NewUserView {
                id: user.id.to_string(),
                email: user.email.as_str().to_owned(),
                name: user.name.clone(),
                role: user.role.as_str(),
            };
            Ok(with_session(created(Some(view), None), &signed_in, asker.https))
        }
        // Whoever asks does not learn that the address is known.
        Registered::Pending | Registered::EmailTaken { would_wait: true } => Ok(pending().into_response()),
        _ => Ok(created(None, Some("registration processed"))),
    }
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct Login {
    #[serde(default)]
    email: String,
    #[schema(value_type = String)]
    password: Option<Password>,
}

/// Who is signed in now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignedInView {
    user: UserView,
}

/// Sign in with address and password.
#[utoipa::path(post, path = "/api/auth/login", tag = "sign-in", request_body = Login, security(()),
    responses((status = 200, body = SignedInView), BodyRefusals))]
pub(crate) async fn login(
    State(api): State<Api>,
    asker: Asker,
    JsonBody(body): JsonBody<Login>,
) -> Result<Response, ApiError> {
    let (email, password) = match body.password {
        Some(password) if !body.email.is_empty() && !password.is_empty() => (body.email, password),
        _ => return Err(ApiError::bad("email and password are required")),
    };
    let signed_in = api.auth.sign_in(&email, password, &asker.caller).await?;
    let user = UserView::of(&api.auth, &signed_in.user).await?;
    Ok(with_session(
        Json(SignedInView { user }).into_response(),
        &signed_in,
        asker.https,
    ))
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct TokenLogin {
    /// An API key, or a shared key.
    #[serde(default)]
    #[schema(value_type = String)]
    token: Option<Password>,
}

/// Make a browser session out of an API key or a shared key.
#[utoipa::path(post, path = "/api/auth/token-login", tag = "sign-in", request_body = TokenLogin, security(()),
    responses((status = 200, body = SignedInView), BodyRefusals))]
pub(crate) async fn token_login(
    State(api): State<Api>,
    asker: Asker,
    JsonBody(body): JsonBody<TokenLogin>,
) -> Result<Response, ApiError> {
    let token = body
        .token
        .filter(|token| !token.is_empty())
        .ok_or_else(|| ApiError::bad("token is required"))?;
    let signed_in = api.auth.sign_in_with_token(token, &asker.caller).await?;
    let id = signed_in.identity.user_id();
    let user = if id == UserId::SHARED {
        UserView::shared(&api.auth)
    } else {
        let user = api.auth.find_user(id).await?;
        let user = user.ok_or(localauth_core::Denial::InvalidApiKey)?;
        let mut view = UserView::of(&api.auth, &user).await?;
        for (feature, on) in &mut view.permissions {
            *on = *on && signed_in.identity.may(feature);
        }
        view
    };
    let mut response = Json(SignedInView { user }).into_response();
    cookies::sign_in(&mut response, signed_in.token.expose(), signed_in.lifetime, asker.https);
    Ok(response)
}

/// End the session that was used.
#[utoipa::path(post, path = "/api/auth/logout", tag = "sign-in", responses((status = 200, body = Message), Refusals))]
pub(crate) async fn logout(State(api): State<Api>, asker: Asker) -> Result<Response, ApiError> {
    api.auth.sign_out(&asker.caller).await?;
    let mut response = Message::json("logged out").into_response();
    cookies::sign_out(&mut response, asker.https);
    Ok(response)
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangePassword {
    #[serde(rename = "current_password")]
    #[schema(value_type = String)]
    current: Option<Password>,
    #[serde(rename = "new_password")]
    #[schema(value_type = String)]
    new: Option<Password>,
    #[serde(rename = "acknowledge_weak_password", default)]
    acknowledge_weak: bool,
}

/// Change the password. Ends all other sessions, and gives a fresh one.
#[utoipa::path(put, path = "/api/auth/password", tag = "account", request_body = ChangePassword,
    responses((status = 200, body = Message), BodyRefusals))]
pub(crate) async fn password(
    State(api): State<Api>,
    user: CurrentUser,
    asker: Asker,
    JsonBody(body): JsonBody<ChangePassword>,
) -> Result<Response, ApiError> {
    user.require_unbound_minting()?;
    let empty = || Password::new("");
    let signed_in = api
        .auth
        .change_password(
            &asker.caller,
            body.current.unwrap_or_else(empty),
            body.new.unwrap_or_else(empty),
            body.acknowledge_weak,
        )
        .await?;
    let response = Message::json("password updated").into_response();
    Ok(match signed_in {
        Some(signed_in) => with_session(response, &signed_in, asker.https),
        None => response,
    })
}

fn with_session(mut response: Response, signed_in: &SignedIn, https: bool) -> Response {
    cookies::sign_in(&mut response, signed_in.token.expose(), signed_in.lifetime, https);
    response
}
