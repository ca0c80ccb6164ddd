//! Name and picture.

use axum::extract::State;
use axum::response::Response;

use super::overview::Account;
use super::own;
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::page::done;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

pub(super) async fn change(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    own(visit.user()?)?;
    let (name, avatar) = (fields.text("name"), fields.text("avatar"));
    match console.auth.set_profile(&visit.caller, name, Some(avatar)).await {
        Ok(_) => Ok(done("/account", "done-account-profile")),
        Err(error) => {
            let fill = |account: &mut Account| {
                name.clone_into(&mut account.name);
                avatar.clone_into(&mut account.avatar);
            };
            Account::once_more(&console, &visit, error.into(), fill).await
        }
    }
}
