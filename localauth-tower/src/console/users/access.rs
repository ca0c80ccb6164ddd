//! Which features and models a user may use.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::{ModelAllowList, User};

use super::{HERE, find, person};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::house::{access, revision};
use crate::console::page::done;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// A user's own list, and whether it counts.
pub(super) const fn list_of(user: &User) -> (bool, &BTreeSet<String>) {
    (user.models.enabled, &user.models.models)
}

pub(super) async fn permissions(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let mut user = find::by_id(&console, &id).await?;
    if fields.under("feature-").next().is_none() {
        // Nobody loses what was said about them because a form says nothing.
        return Err(Trouble::bad("error-features-unsaid"));
    }
    let said = access::said(&fields)?;
    if let Err(error) = revision::check(revision::sent(&fields), &user.permissions) {
        return person::again(&console, &visit, &user, error.into(), |_| ()).await;
    }
    match console.auth.set_permissions(&visit.caller, user.id, &said).await {
        Ok(()) => Ok(done(&format!("{HERE}/{}", user.id), "done-user-features")),
        Err(error) => {
            // As it was chosen.
            user.permissions = said;
            person::again(&console, &visit, &user, error.into(), |page| {
                revision::sent(&fields).clone_into(&mut page.features_revision);
            })
            .await
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
    if let Err(error) = revision::check(revision::sent(&fields), &list_of(&user)) {
        return person::again(&console, &visit, &user, error.into(), |_| ()).await;
    }
    let list = ModelAllowList {
        enabled: chosen.is_some(),
        // Those of the list are kept for when it is on again.
        models: chosen.unwrap_or_else(|| user.models.models.clone()),
    };
    match console.auth.set_models(&visit.caller, user.id, list.clone()).await {
        Ok(()) => Ok(done(&format!("{HERE}/{}", user.id), "done-user-models")),
        Err(error) => {
            user.models = list;
            person::again(&console, &visit, &user, error.into(), |page| {
                revision::sent(&fields).clone_into(&mut page.models_revision);
            })
            .await
        }
    }
}
