//! The way in: where it leads to, the providers it can go through, and why it came to nothing there.

use crate::console::Console;
use crate::console::frame::Frame;
use crate::local_path::local_path;

/// A provider that can be signed in with.
pub(crate) struct Door {
    /// What it is called.
    pub(crate) name: String,
    /// Where it begins.
    pub(crate) address: String,
}

/// What comes along to a provider, each of it empty where there is none.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Luggage<'l> {
    pub(crate) next: &'l str,
    pub(crate) invite: &'l str,
    pub(crate) setup: &'l str,
}

/// The doors of the providers that are configured. Who says nothing of where to go on to comes home, as with a password:
/// the provider's routes know of no other home than `/`.
pub(crate) fn doors(console: &Console, frame: &Frame, luggage: Luggage<'_>) -> Vec<Door> {
    let next = match luggage.next {
        "" if &*console.home != "/" => &*console.home,
        next => next,
    };
    let door = |provider: &&'static str| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let given = [
            ("next", next),
            ("invite_code", luggage.invite),
            ("setup_code", luggage.setup),
        ];
        query.extend_pairs(given.into_iter().filter(|(_, value)| !value.is_empty()));
        let query = query.finish();
        let joint = if query.is_empty() { "" } else { "?" };
        Door {
            name: provider_name(frame, provider),
            address: format!("/api/auth/{provider}/login{joint}{query}"),
        }
    };
    console.providers.iter().map(door).collect()
}

/// What a way to sign in is called.
pub(crate) fn provider_name(frame: &Frame, provider: &str) -> String {
    match provider {
        "local" | "github" | "oidc" | "service" => frame.t(&format!("login-provider-{provider}")),
        other => other.to_owned(),
    }
}

/// Where to go on to: a path of this server, if `wanted` is one; else the home page.
pub(crate) fn next(console: &Console, wanted: &str) -> String {
    local_path(wanted).unwrap_or_else(|| console.home.to_string())
}

/// Whether `wanted` says where to go on to: empty where it does not, or leads elsewhere.
pub(crate) fn kept(wanted: Option<String>) -> String {
    wanted.and_then(|wanted| local_path(&wanted)).unwrap_or_default()
}

/// The text for what a provider, or the way back from it, ended with: see [`oauth`](crate::oauth).
pub(crate) fn failure(code: &str) -> Option<&'static str> {
    Some(match code {
        "invite_required" => "error-provider-invite",
        "invalid_invite" => "error-invite-invalid",
        "setup_code" => "error-provider-setup-code",
        "pending" => "error-pending",
        "denied" => "error-provider-denied",
        "provider" => "error-provider",
        "email_taken" => "error-provider-email-taken",
        "identity_taken" => "error-identity-taken",
        "rate_limited" => "error-rate-limited",
        _ => return None,
    })
}
