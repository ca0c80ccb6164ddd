//! Accounts that only programs use.

use axum::extract::State;
use axum::response::Response;
use localauth_core::NewKey;

use super::{HERE, list};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::house::confirm::{Once, Secret};
use crate::console::page::page;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// Makes an account and its first key, which is shown once.
pub(super) async fn make(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let name = fields.text("service");
    let owner = match console.auth.add_service_account(&visit.caller, name).await {
        Ok(owner) => owner,
        Err(error) => {
            let trouble = Trouble::from(error);
            // The form lies on the list, whose filters the address of the form has not.
            return list::again(&console, &visit, name, &trouble).await;
        }
    };
    let made = match console
        .auth
        .create_key_for(&visit.caller, owner.id, NewKey::named(name))
        .await
    {
        Ok(made) => made,
        Err(error) => {
            // An account without its key is of no use to anybody, and another try would make a second one.
            if let Err(undo) = console.auth.delete_user(&visit.caller, owner.id).await {
                tracing::error!(user = %owner.id, "a service account is left without a key: {undo}");
            }
            return list::again(&console, &visit, name, &error.into()).await;
        }
    };
    let frame = visit.frame(&console, "users-service-made-title");
    Ok(page(&Once {
        says: frame.t1("users-service-made", "name", owner.name.as_str()),
        frame,
        secrets: &[Secret {
            label: "users-key",
            text: made.plain.expose(),
        }],
        next: &format!("{HERE}/{}", owner.id),
    }))
}
