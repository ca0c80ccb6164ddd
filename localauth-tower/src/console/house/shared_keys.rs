//! Shared keys: whoever has one is an administrator without an account.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::{SharedKeyInfo, SharedKeysError};

use super::confirm::{Confirm, Once, Secret};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::page::{done, page, page_with};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

const HERE: &str = "/admin/shared-keys";

#[derive(Template)]
#[template(path = "house/shared_keys.html")]
struct SharedKeys {
    frame: Frame,
    keys: Vec<SharedKeyInfo>,
}

async fn list(console: &Console, visit: &Visit) -> Result<SharedKeys, Trouble> {
    Ok(SharedKeys {
        frame: visit.frame(console, "house-shared-title"),
        keys: console.auth.shared_keys().await?,
    })
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    Ok(page(&list(&console, &visit).await?))
}

pub(super) async fn add(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let typed = fields.some("key");
    let key = match console.auth.add_shared_key(&visit.caller, typed).await {
        Ok(key) => key,
        Err(error) => {
            let trouble = Trouble::from(error);
            let mut again = list(&console, &visit).await?;
            again.frame = again.frame.told(&trouble);
            return Ok(page_with(trouble.status(), &again));
        }
    };
    if typed.is_some() {
        // Whoever typed it has it.
        return Ok(done(HERE, "done-shared-key-added"));
    }
    let frame = visit.frame(&console, "house-shared-made-title");
    Ok(page(&Once {
        says: frame.t("house-shared-made"),
        frame,
        secrets: &[Secret {
            label: "house-shared-key",
            text: &key,
        }],
        next: HERE,
    }))
}

pub(super) async fn confirm(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let keys = console.auth.shared_keys().await?;
    let key = keys.into_iter().find(|key| !key.is_configured && key.id == id);
    let key = key.ok_or_else(|| Trouble::missing("error-no-such-shared-key"))?;
    let frame = visit.frame(&console, "house-shared-remove-title");
    Ok(page(&Confirm {
        says: frame.t1("house-shared-remove", "key", key.masked.as_str()),
        parts: vec![frame.t("house-shared-remove-sessions")],
        frame,
        action: &format!("{HERE}/{}/remove", key.id),
        fields: &[],
        button: "house-shared-remove-button",
        back: HERE,
        type_this: None,
    }))
}

pub(super) async fn remove(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    let missing = |_| Trouble::missing("error-no-such-shared-key");
    let id = id.parse().map_err(missing)?;
    match console.auth.remove_shared_key(&visit.caller, id).await {
        Ok(()) => Ok(done(HERE, "done-shared-key-removed")),
        Err(SharedKeysError::NotFound) => Err(Trouble::missing("error-no-such-shared-key")),
        Err(error) => Err(error.into()),
    }
}
