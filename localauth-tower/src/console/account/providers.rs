//! The providers that an account can be signed in with.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, header};
use localauth_core::{LinkedIdentity, Provider};

use super::own;
use crate::api::path::PathId;
use crate::console::Console;
use crate::console::frame::Frame;
use crate::console::page::{done, page};
use crate::console::sign_in::way;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// A link to the provider, and no redirect: the answer to a form may not lead to another site (`form-action` of Content
/// Security Policy Level 3).
#[derive(Template)]
#[template(path = "account/link.html")]
struct Leave {
    frame: Frame,
    provider: String,
    url: String,
}

#[derive(Template)]
#[template(path = "account/unlink.html")]
struct ConfirmUnlink {
    frame: Frame,
    provider: &'static str,
    name: String,
}

/// Begins to link an identity.
pub(super) async fn link(
    State(console): State<Console>,
    visit: Visit,
    provider: PathId<Provider>,
    request: Request,
) -> Result<Response, Trouble> {
    let user = visit.user()?;
    own(user)?;
    user.require_unbound_minting()?;
    let provider = provider.0.ok_or_else(missing)?.as_str();
    let (parts, _) = request.into_parts();
    let (url, cookies) = begin(&console, &visit, provider, &parts).await?;
    let frame = visit.frame(&console, "account-link-title");
    let mut response = page(&Leave {
        provider: way::provider_name(&frame, provider),
        frame,
        url,
    });
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[cfg(feature = "oauth")]
async fn begin(
    console: &Console,
    visit: &Visit,
    provider: &str,
    parts: &http::request::Parts,
) -> Result<(String, Vec<HeaderValue>), Trouble> {
    use crate::api::error::ApiError;

    let oauth = console.oauth.as_ref().ok_or_else(missing)?;
    let begun = oauth.begin_link(provider, &console.site, visit.user()?, parts).await;
    begun.ok_or_else(missing)?.map_err(|error| match error {
        ApiError::Said(status, _) if status.is_server_error() => Trouble::new(status, "error-provider-away"),
        ApiError::Said(status, _) if status.is_client_error() => Trouble::new(status, "error-link-session"),
        error => error.into(),
    })
}

#[cfg(not(feature = "oauth"))]
#[expect(clippy::unused_async, reason = "with providers it asks them")]
async fn begin(
    _: &Console,
    _: &Visit,
    _: &str,
    _: &http::request::Parts,
) -> Result<(String, Vec<HeaderValue>), Trouble> {
    Err(missing())
}

pub(super) async fn confirm(
    State(console): State<Console>,
    visit: Visit,
    provider: PathId<Provider>,
) -> Result<Response, Trouble> {
    let linked = linked(&console, &visit, provider).await?;
    let provider = linked.identity.provider.as_str();
    let frame = visit.frame(&console, "account-unlink-title");
    Ok(page(&ConfirmUnlink {
        name: way::provider_name(&frame, provider),
        frame,
        provider,
    }))
}

pub(super) async fn unlink(
    State(console): State<Console>,
    visit: Visit,
    provider: PathId<Provider>,
) -> Result<Response, Trouble> {
    let linked = linked(&console, &visit, provider).await?;
    if console.auth.unlink_external(&visit.caller, &linked.identity).await? {
        Ok(done("/account", "done-account-unlinked"))
    } else {
        Err(Trouble::bad("error-last-way-in"))
    }
}

/// The visitor's own identity at `provider`, for who may change how they sign in.
async fn linked(console: &Console, visit: &Visit, provider: PathId<Provider>) -> Result<LinkedIdentity, Trouble> {
    let user = visit.user()?;
    own(user)?;
    user.require_unbound_minting()?;
    let provider = provider.0.ok_or_else(missing)?;
    let identities = console.auth.identities(user.id()).await?;
    let mut linked = identities.into_iter();
    linked
        .find(|linked| linked.identity.provider == provider)
        .ok_or_else(missing)
}

const fn missing() -> Trouble {
    Trouble::missing("error-no-such-provider")
}
