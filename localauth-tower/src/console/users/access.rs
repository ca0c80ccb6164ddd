//! Which features and models a user may use.

use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::ModelAllowList;

use super::{HERE, find, person};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::house::access;
use crate::console::page::done;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

pub(super) async fn permissions(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let mut user = find::by_id(&console, &id).await?;
    let said = access::said(&fields)?;
    match console.auth.set_permissions(&visit.caller, user.id, &said).await {
        Ok(()) => Ok(done(&format!("{HERE}/{}", user.id), "done-user-features")),
        Err(error) => {
            // As it was chosen.
            user.permissions = said;
            person::again(&console, &visit, &user, error.into(), |_| ()).await
        }
    }
}

pub(super) async fn models(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let mut user = find::by_id(&console, &id).await?;
    let chosen = access::chosen(&fields)?;
    let list = ModelAllowList {
        enabled: chosen.is_some(),
        // Those of the list are kept for when it is on again.
        models: chosen.unwrap_or_else(|| user.models.models.clone()),
    };
    match console.auth.set_models(&visit.caller, user.id, list.clone()).await {
        Ok(()) => Ok(done(&format!("{HERE}/{}", user.id), "done-user-models")),
        Err(error) => {
            user.models = list;
            person::again(&console, &visit, &user, error.into(), |_| ()).await
        }
    }
}
