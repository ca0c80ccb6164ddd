//! Registration.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use localauth_core::{NewAccount, RegisterError, Registered, RegistrationMode};

use super::way::{self, Door, Luggage};
use crate::api::cookies;
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::page::{again, page, see};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// Whether an invite is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Invite {
    Unasked,
    /// Whoever has one need not wait.
    Optional,
    Needed,
}

/// The form, with what was typed in before.
#[derive(Template)]
#[template(path = "sign_in/register.html")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a part of the page that is there or not"
)]
pub(super) struct Register {
    frame: Frame,
    name: String,
    email: String,
    /// The invite's code.
    pub(super) invite: String,
    setup: String,
    invite_asked: Invite,
    /// The first registration, with a code that the server printed.
    setup_asked: bool,
    /// Nobody has registered yet: whoever does is the administrator.
    first: bool,
    /// Whether addresses and passwords are registered with.
    local: bool,
    /// The password before was weak: it can be taken all the same.
    weak: bool,
    /// The invite came by its link, and is good.
    pub(super) invited: bool,
    waits: bool,
    doors: Vec<Door>,
}

impl Register {
    pub(super) async fn new(console: &Console, visit: &Visit, invite: String, setup: String) -> Result<Self, Trouble> {
        let frame = visit.frame(console, "register-title");
        let first = !console.auth.has_users().await?;
        let mode = console.auth.registration();
        let invite_asked = match mode {
            _ if first => Invite::Unasked,
            RegistrationMode::Invite => Invite::Needed,
            RegistrationMode::Approval => Invite::Optional,
            _ => Invite::Unasked,
        };
        let luggage = Luggage {
            invite: &invite,
            setup: &setup,
            ..Luggage::default()
        };
        Ok(Self {
            doors: way::doors(console, &frame, luggage),
            name: String::new(),
            email: String::new(),
            invite_asked,
            setup_asked: first && console.auth.has_setup_code(),
            first,
            local: console.auth.local_auth(),
            weak: false,
            invited: false,
            waits: !first && mode == RegistrationMode::Approval,
            frame,
            invite,
            setup,
        })
    }

    fn asks_invite(&self) -> bool {
        self.invite_asked != Invite::Unasked
    }

    fn needs_invite(&self) -> bool {
        self.invite_asked == Invite::Needed
    }
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    let [invite, setup] = ["invite", "setup"].map(|name| visit.query(name).unwrap_or_default());
    Ok(page(&Register::new(&console, &visit, invite, setup).await?))
}

pub(super) async fn register(
    State(console): State<Console>,
    visit: Visit,
    mut fields: Fields,
) -> Result<Response, Trouble> {
    let acknowledged = fields.has("acknowledge");
    let password = fields.password("password");
    let account = NewAccount {
        name: fields.text("name").to_owned(),
        acknowledge_weak: acknowledged,
        invite_code: fields.text("invite").to_owned(),
        setup_code: fields.text("setup").to_owned(),
        ..NewAccount::local(fields.text("email"), password)
    };
    let error = match console.auth.register(account, &visit.caller).await {
        Ok(Registered::SignedIn(signed_in)) => {
            let mut response = see(&console.home);
            cookies::sign_in(&mut response, signed_in.token.expose(), signed_in.lifetime, visit.https);
            return Ok(response);
        }
        // Whoever asks does not learn that the address is known.
        Ok(Registered::Pending | Registered::EmailTaken { would_wait: true }) => return Ok(see("/register/waiting")),
        Ok(_) => return Ok(see("/register/received")),
        Err(error) => error,
    };
    let weak = matches!(&error, RegisterError::Password(reason) if reason.overridable());
    let trouble = Trouble::from(error);
    if trouble.status().is_server_error() {
        return Err(trouble);
    }
    let (invite, setup) = (fields.text("invite").to_owned(), fields.text("setup").to_owned());
    let form = Register::new(&console, &visit, invite, setup).await?;
    let form = Register {
        name: fields.text("name").to_owned(),
        email: fields.text("email").to_owned(),
        weak: weak || acknowledged,
        frame: form.frame.told(&trouble),
        ..form
    };
    Ok(again(&trouble, &form))
}

/// What is told after a registration: nothing of whoever registered, so that it can be loaded again.
#[derive(Template)]
#[template(path = "sign_in/registered.html")]
struct After {
    frame: Frame,
    text: String,
    hint: String,
}

pub(super) async fn waiting(State(console): State<Console>, visit: Visit) -> Response {
    let frame = visit.frame(&console, "registered-title");
    page(&After {
        text: frame.t("registered-waits"),
        hint: frame.t("registered-waits-hint"),
        frame,
    })
}

pub(super) async fn received(State(console): State<Console>, visit: Visit) -> Response {
    let frame = visit.frame(&console, "registered-title");
    page(&After {
        text: frame.t("registered-received"),
        hint: frame.t("registered-received-hint"),
        frame,
    })
}
