//! The password.

use axum::extract::State;
use axum::response::Response;
use localauth_core::ChangePasswordError;

use super::overview::Account;
use super::own;
use crate::api::cookies;
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::page::done;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// Changes it. All other sessions end, and this one is a fresh one.
pub(super) async fn change(
    State(console): State<Console>,
    visit: Visit,
    mut fields: Fields,
) -> Result<Response, Trouble> {
    let user = visit.user()?;
    own(user)?;
    user.require_unbound_minting()?;
    let acknowledged = fields.has("acknowledge");
    let (current, new) = (fields.password("current"), fields.password("new"));
    let changed = console.auth.change_password(&visit.caller, current, new, acknowledged);
    match changed.await {
        Ok(signed_in) => {
            let mut response = done("/account", "done-account-password");
            if let Some(signed_in) = signed_in {
                cookies::sign_in(&mut response, signed_in.token.expose(), signed_in.lifetime, visit.https);
            }
            Ok(response)
        }
        Err(error) => {
            let weak = matches!(&error, ChangePasswordError::Rejected(reason) if reason.overridable());
            let fill = |account: &mut Account| account.weak = weak || acknowledged;
            Account::once_more(&console, &visit, error.into(), fill).await
        }
    }
}
