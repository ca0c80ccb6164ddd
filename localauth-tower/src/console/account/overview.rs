//! The page of one's own account.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use localauth_core::{LinkedIdentity, Provider, Session, Source, Timestamp, User, UserId};

use super::user_agent;
use crate::CurrentUser;
use crate::console::Console;
use crate::console::frame::Frame;
use crate::console::page::{again, page, see};
use crate::console::sign_in::way;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

#[derive(Template)]
#[template(path = "account/show.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a part of the page that is there or not"
)]
pub(super) struct Account {
    frame: Frame,
    /// The name and the picture as they are in the form.
    pub(super) name: String,
    pub(super) avatar: String,
    /// The new password was weak: it can be taken all the same.
    pub(super) weak: bool,
    user: User,
    role: String,
    tier: Option<String>,
    ways: Vec<Way>,
    devices: Vec<Device>,
    /// Whether other devices than this one are signed in.
    others: bool,
    /// Whether this credential may change the profile and end sessions.
    may: bool,
    /// Whether it may change how one signs in.
    may_sign_in: bool,
    /// Why not.
    why_not: Option<String>,
    /// Whether the password is one here, and is signed in with.
    has_password: bool,
    linked: Option<String>,
}

/// A way to sign in.
struct Way {
    provider: &'static str,
    name: String,
    /// Since when it is linked; `None` for one that is not.
    linked_at: Option<Timestamp>,
    /// Whether it can be gone through now.
    is_on: bool,
}

/// A browser that is signed in.
struct Device {
    id: String,
    short: Option<String>,
    user_agent: String,
    address: String,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    is_this: bool,
    by_key: bool,
    /// The administrator who acts as the user in it.
    impersonator: Option<String>,
}

/// Behind a shared key stands no account.
#[derive(Template)]
#[template(path = "account/none.html")]
struct NoAccount {
    frame: Frame,
}

impl Account {
    pub(super) async fn find(console: &Console, visit: &Visit) -> Result<Self, Trouble> {
        let current = visit.user()?;
        let frame = visit.frame(console, "account-title");
        // Deleted between the look at the credential and this one.
        let user = console.auth.find_user(current.id()).await?;
        let user = user.ok_or_else(Trouble::signed_out)?;
        // So that a use just now is shown; without it the list is right all the same.
        if let Err(error) = console.auth.flush().await {
            tracing::debug!(%error, "a list is shown before the last uses are written");
        }
        let sessions = console.auth.list_sessions(user.id).await?;
        let identities = console.auth.identities(user.id).await?;
        let devices: Vec<Device> = sessions.into_iter().map(|session| device(current, session)).collect();
        let may = current.require_minting();
        let may_sign_in = current.require_unbound_minting();
        let why_not = match may.and(may_sign_in) {
            Ok(()) => None,
            Err(denial) => Some(Trouble::from(denial).text(visit.language)),
        };
        let linked = visit.query("linked").filter(|one| matches!(&**one, "github" | "oidc"));
        Ok(Self {
            name: user.name.clone(),
            avatar: user.avatar_url.clone(),
            weak: false,
            role: frame.t(&format!("account-role-{}", user.role.as_str())),
            tier: current.tier().map(ToString::to_string),
            ways: ways(console, &frame, &identities),
            others: devices.iter().any(|device| !device.is_this),
            devices,
            may: may.is_ok(),
            may_sign_in: may_sign_in.is_ok(),
            why_not,
            has_password: user.provider == Provider::Local && console.auth.local_auth(),
            linked: linked.map(|provider| way::provider_name(&frame, &provider)),
            user,
            frame,
        })
    }

    /// The page once more with what went wrong, unless that is the server's own.
    pub(super) async fn once_more(
        console: &Console,
        visit: &Visit,
        trouble: Trouble,
        fill: impl FnOnce(&mut Self),
    ) -> Result<Response, Trouble> {
        if trouble.status().is_server_error() || trouble.denial().is_some() {
            return Err(trouble);
        }
        let mut account = Self::find(console, visit).await?;
        account.frame = account.frame.told(&trouble);
        fill(&mut account);
        Ok(again(&trouble, &account))
    }
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    if visit.user()?.id() == UserId::SHARED {
        let frame = visit.frame(&console, "account-title");
        return Ok(page(&NoAccount { frame }));
    }
    let mut account = Account::find(&console, &visit).await?;
    let failure = visit.query("error").and_then(|code| way::failure(&code));
    account.frame.trouble = failure.map(|id| account.frame.t(id));
    Ok(page(&account))
}

/// For who loads the page of a failed change again by its address.
pub(super) async fn back() -> Response {
    see("/account")
}

/// The password, the providers that are linked, and those that can be.
fn ways(console: &Console, frame: &Frame, identities: &[LinkedIdentity]) -> Vec<Way> {
    let linked = identities.iter().map(|linked| Way {
        provider: linked.identity.provider.as_str(),
        name: way::provider_name(frame, linked.identity.provider.as_str()),
        linked_at: Some(linked.linked_at),
        is_on: console.providers.contains(&linked.identity.provider.as_str()),
    });
    let is_linked = |provider: &str| identities.iter().any(|one| one.identity.provider.as_str() == provider);
    let others = console.providers.iter().filter(|provider| !is_linked(provider));
    let others = others.map(|provider| Way {
        provider,
        name: way::provider_name(frame, provider),
        linked_at: None,
        is_on: true,
    });
    linked.chain(others).collect()
}

fn device(current: &CurrentUser, session: Session) -> Device {
    Device {
        is_this: matches!(current.source(), Source::Session { id } if *id == session.id),
        id: session.id.to_string(),
        short: user_agent::short(&session.user_agent),
        user_agent: session.user_agent,
        address: session.ip,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        by_key: session.key_id.is_some(),
        impersonator: session.impersonator.map(|by| by.name),
    }
}
