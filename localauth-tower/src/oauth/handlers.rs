//! To the provider, and back.

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use localauth_core::{ExternalCodes, ExternalProfile, Source, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Door;
use super::attempt::{self, Attempt, Linker, Wishes};
use super::failure::{Failure, quoted};
use crate::CurrentUser;
use crate::api::caller::Asker;
use crate::api::cookies;
use crate::api::error::ApiError;
use crate::api::refusals::{ErrorBody, Refusals};
use crate::local_path::local_path;

/// What comes with a wish to sign in.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// An invite's code.
    invite_code: Option<String>,
    /// The setup code of a server without users.
    setup_code: Option<String>,
    /// A path of this server to come back to.
    next: Option<String>,
}

/// Where to go.
#[derive(Serialize, ToSchema)]
pub(super) struct Way {
    url: String,
}

/// What comes back from a provider. Has no `Debug`: the code is secret.
#[derive(Default, Deserialize)]
pub(super) struct Returned {
    code: Option<String>,
    state: Option<String>,
    pub(super) iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Go to the provider (`github` or `oidc`), and come back signed in.
#[utoipa::path(get, path = "/api/auth/{provider}/login", operation_id = "provider_login", tag = "providers", security(()),
    params(("provider" = String, Path), Wanted), responses((status = 303), Refusals))]
pub(super) async fn login(State(door): State<Door>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let asker = Asker::find(&parts, &door.site);
    let Ok(Query(wanted)) = Query::<Wanted>::try_from_uri(&parts.uri) else {
        return ApiError::bad("the query cannot be read").into_response();
    };
    let wishes = Wishes {
        next: Some(
            wanted
                .next
                .as_deref()
                .and_then(local_path)
                .unwrap_or_else(|| "/".to_owned()),
        ),
        invite: wanted.invite_code,
        setup: wanted.setup_code,
        link: None,
    };
    match begin(&door, &parts, wishes, asker.https).await {
        Ok((url, cookies)) => with_cookies(see_other(&url), cookies),
        Err(failure) => land(&door, "/login", failure),
    }
}

/// Where to go to link an identity at the provider to the caller's account.
#[utoipa::path(post, path = "/api/auth/{provider}/link", operation_id = "provider_link", tag = "providers",
    params(("provider" = String, Path), ("next" = Option<String>, Query)),
    responses((status = 200, body = Way), (status = 502, body = ErrorBody), Refusals))]
pub(super) async fn link(State(door): State<Door>, user: CurrentUser, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let asker = Asker::find(&parts, &door.site);
    let Query(wanted) =
        Query::<Wanted>::try_from_uri(&parts.uri).map_err(|_| ApiError::bad("the query cannot be read"))?;
    let next = wanted.next.as_deref().and_then(local_path);
    let (url, cookies) = begin_link(&door, &user, &parts, next, asker.https).await?;
    Ok(with_cookies(Json(Way { url }).into_response(), cookies))
}

/// Where `user` has to go to link an identity, and the cookies that go with it.
pub(super) async fn begin_link(
    door: &Door,
    user: &CurrentUser,
    parts: &http::request::Parts,
    next: Option<String>,
    https: bool,
) -> Result<(String, Vec<HeaderValue>), ApiError> {
    let linker = linker(user)
        .ok_or_else(|| ApiError::forbidden("only somebody who is signed in, as themselves, can link an identity"))?;
    // What may not make keys may not make other ways in.
    user.require_unbound_minting()?;
    let wishes = Wishes {
        next,
        link: Some(linker),
        ..Wishes::default()
    };
    match begin(door, parts, wishes, https).await {
        Ok(begun) => Ok(begun),
        Err(Failure::Ours(error)) => Err(error),
        Err(failure) => {
            log(door, &failure);
            Err(ApiError::Said(
                StatusCode::BAD_GATEWAY,
                "the provider cannot be asked at the moment: try again a little later".to_owned(),
            ))
        }
    }
}

/// Who could link an identity: a person, as themselves, in a browser.
fn linker(user: &CurrentUser) -> Option<Linker> {
    let Source::Session { id } = user.source() else {
        return None;
    };
    // An administrator who acts as somebody must not keep a key to their house.
    (user.id() != UserId::SHARED && user.impersonator().is_none()).then(|| Linker {
        user: user.id().to_string(),
        session: id.to_string(),
    })
}

async fn begin(
    door: &Door,
    parts: &http::request::Parts,
    wishes: Wishes,
    https: bool,
) -> Result<(String, Vec<HeaderValue>), Failure> {
    let now = door.auth.now();
    let origin = door
        .site
        .url(&parts.extensions, &parts.headers, &parts.uri)
        .ok_or_else(|| {
            Failure::Ours(ApiError::bad(
                "the Host header says nothing that could be the address of this server",
            ))
        })?;
    let name = door.provider.name();
    let redirect_uri = format!("{origin}/api/auth/{name}/callback");
    let start = door.provider.begin(&redirect_uri, now).await?;
    let attempt = Attempt::new(&start, name, &redirect_uri, wishes, now);
    let cookies = door.seal.begin(&attempt, &parts.headers, now, https);
    Ok((start.url, cookies))
}

/// Where the provider sends people back to.
#[utoipa::path(get, path = "/api/auth/{provider}/callback", operation_id = "provider_callback", tag = "providers",
    security(()), params(("provider" = String, Path)), responses((status = 303), Refusals))]
pub(super) async fn callback(State(door): State<Door>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let asker = Asker::find(&parts, &door.site);
    let query = Query::<Returned>::try_from_uri(&parts.uri).map(|Query(query)| query);
    let unread = query.is_err();
    let returned = query.unwrap_or_default();
    let spent = attempt::forget(returned.state.as_deref(), &parts.headers, asker.https);
    let state = returned.state.as_deref();
    let attempt = door.seal.end(
        state,
        door.provider.name(),
        &parts.headers,
        door.auth.now(),
        asker.https,
    );
    let links = match &attempt {
        Ok(attempt) => attempt.link.is_some(),
        Err((_, links)) => *links,
    };
    let attempt = match attempt {
        // Twice the same parameter, for one (RFC 6749, section 3.1).
        _ if unread => Err(Failure::provider("the query of the answer cannot be read")),
        Ok(attempt) => Ok(attempt),
        Err((problem, _)) => Err(Failure::provider(problem.to_string())),
    };
    let done = match door.auth.attempt_callback(asker.caller.address()).await {
        Ok(()) => match attempt {
            Ok(attempt) => come_back(&door, &asker, &parts, attempt, returned).await,
            Err(failure) => Err(failure),
        },
        Err(error) => Err(error.into()),
    };
    let response = match done {
        Ok(response) => response,
        Err(failure) => {
            // The use cases note their own, and whoever links is signed in already.
            if let Failure::Told {
                cause, noted: false, ..
            } = &failure
                && !links
            {
                let name = door.provider.name();
                door.auth
                    .audit_failed_sign_in(&asker.caller, name, &format!("{name}: {cause}"))
                    .await;
            }
            land(&door, if links { "/account" } else { "/login" }, failure)
        }
    };
    with_cookies(response, spent)
}

async fn come_back(
    door: &Door,
    asker: &Asker,
    parts: &http::request::Parts,
    attempt: Attempt,
    returned: Returned,
) -> Result<Response, Failure> {
    door.provider.check_issuer(&returned, door.auth.now()).await?;
    if let Some(error) = &returned.error {
        let secrets = [attempt.state.as_str()];
        let said = returned.error_description.as_deref().unwrap_or_default();
        let cause = format!(
            "the provider says `{}` {}",
            quoted(error, &secrets),
            quoted(said, &secrets)
        );
        return Err(match error.as_str() {
            "access_denied" => Failure::denied(cause),
            _ => Failure::provider(cause),
        });
    }
    let code = returned.code.filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| Failure::provider("neither a code nor an error came back"))?;
    let linked = attempt.link.as_ref().map(|link| still(parts, link)).transpose()?;
    let profile = door.provider.finish(code, &attempt, door.auth.now()).await?;
    match linked {
        Some(()) => {
            door.auth
                .link_external(&asker.caller, &profile)
                .await
                .map_err(Failure::link)?;
            let next = attempt
                .next
                .unwrap_or_else(|| format!("/account?linked={}", door.provider.name()));
            Ok(see_other(&next))
        }
        None => sign_in(door, asker, profile, attempt).await,
    }
}

async fn sign_in(door: &Door, asker: &Asker, profile: ExternalProfile, attempt: Attempt) -> Result<Response, Failure> {
    let codes = ExternalCodes {
        invite: attempt.invite.as_deref(),
        setup: attempt.setup.as_deref(),
    };
    let verified = profile.email_verified;
    let signed_in = door.auth.sign_in_external(profile, codes, &asker.caller).await;
    let signed_in = signed_in.map_err(|error| Failure::sign_in(error, verified))?;
    let mut response = see_other(attempt.next.as_deref().unwrap_or("/"));
    cookies::sign_in(&mut response, signed_in.token.expose(), signed_in.lifetime, asker.https);
    Ok(response)
}

/// Whether the browser is still signed in as whoever wanted to link: else somebody could be made to link an identity of
/// another to their account, or theirs to another's.
fn still(parts: &http::request::Parts, link: &Linker) -> Result<(), Failure> {
    let user = parts.extensions.get::<CurrentUser>();
    if user.and_then(linker).is_some_and(|now| now == *link) {
        Ok(())
    } else {
        Err(Failure::denied(
            "the browser is no longer signed in as whoever wanted to link",
        ))
    }
}

fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    match HeaderValue::try_from(location) {
        Ok(location) => {
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        Err(error) => ApiError::Internal(Box::new(error)).into_response(),
    }
}

fn with_cookies(mut response: Response, cookies: impl IntoIterator<Item = HeaderValue>) -> Response {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Tells the log the cause, and the browser a code.
fn land(door: &Door, page: &str, failure: Failure) -> Response {
    log(door, &failure);
    match failure {
        Failure::Told { code, .. } => see_other(&format!("{page}?error={code}")),
        Failure::Ours(error) => error.into_response(),
    }
}

fn log(door: &Door, failure: &Failure) {
    if let Failure::Told { code, cause, .. } = failure {
        tracing::warn!(
            provider = door.provider.name(),
            code,
            cause,
            "a sign-in through a provider failed"
        );
    }
}
