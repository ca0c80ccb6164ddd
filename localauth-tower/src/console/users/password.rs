//! A new password for somebody else.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::{ManageError, Password, Provider, User, check_new_password};

use super::{HERE, find};
use crate::console::Console;
use crate::console::failures;
use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::house::confirm::{Once, Secret};
use crate::console::page::{done, page, page_with};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

#[derive(Template)]
#[template(path = "users/password.html")]
struct Reset {
    frame: Frame,
    id: String,
    name: String,
    /// The box that says that a weak one is meant, once one was refused.
    asks_for_weak: bool,
    is_typed: bool,
}

impl Reset {
    fn new(console: &Console, visit: &Visit, user: &User) -> Self {
        Self {
            frame: visit.frame(console, "users-password-title"),
            id: user.id.to_string(),
            name: user.name.clone(),
            asks_for_weak: false,
            is_typed: false,
        }
    }
}

/// The user, if there is a password to be reset.
async fn local(console: &Console, id: &str) -> Result<User, Trouble> {
    let user = find::by_id(console, id).await?;
    if user.provider == Provider::Local {
        Ok(user)
    } else {
        Err(ManageError::NotLocal.into())
    }
}

pub(super) async fn show(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let user = local(&console, &id).await?;
    Ok(page(&Reset::new(&console, &visit, &user)))
}

pub(super) async fn reset(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    mut fields: Fields,
) -> Result<Response, Trouble> {
    let user = local(&console, &id).await?;
    let back = format!("{HERE}/{}", user.id);
    if fields.text("how") != "typed" {
        let fresh = console.auth.generate_password()?;
        let password = Password::new(fresh.as_str());
        if let Err(error) = console.auth.reset_password(&visit.caller, user.id, password).await {
            return Ok(again(&console, &visit, &user, &error.into(), false));
        }
        let frame = visit.frame(&console, "users-password-made-title");
        return Ok(page(&Once {
            says: frame.t1("users-password-made", "name", user.name.as_str()),
            frame,
            secrets: &[Secret {
                label: "users-password",
                text: &fresh,
            }],
            next: &back,
        }));
    }
    let password = fields.password("password");
    let known = [user.email.as_str(), user.name.as_str()];
    // The use case takes a weak one from an administrator: here they have to mean it.
    if let Err(reason) = check_new_password(&password, &known, fields.has("weak")) {
        let text = failures::password(reason).unwrap_or("error-password-too-weak");
        let trouble = Trouble::bad(text);
        return Ok(again(&console, &visit, &user, &trouble, reason.overridable()));
    }
    match console.auth.reset_password(&visit.caller, user.id, password).await {
        Ok(()) => Ok(done(&back, "done-user-password")),
        Err(error) => Ok(again(&console, &visit, &user, &error.into(), false)),
    }
}

fn again(console: &Console, visit: &Visit, user: &User, trouble: &Trouble, asks_for_weak: bool) -> Response {
    let new = Reset::new(console, visit, user);
    let again = Reset {
        frame: new.frame.clone().told(trouble),
        asks_for_weak,
        is_typed: true,
        ..new
    };
    page_with(trouble.status(), &again)
}
