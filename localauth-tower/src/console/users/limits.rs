//! A user's own limits: one for each model.

use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::User;

use super::{HERE, find};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::house::limits::{self, LimitPage, Place, rule};
use crate::console::house::revision::{self, is_outdated};
use crate::console::house::rules::{NEW, known, limit_id};
use crate::console::page::done;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// Where a limit of a user is changed.
fn place(console: &Console, visit: &Visit, user: &User, limit: &str) -> Place {
    let frame = visit.frame(console, "house-limit-title");
    Place {
        whose: frame.t1("users-limit-of", "name", user.name.as_str()),
        action: format!("{HERE}/{}/limits/{limit}", user.id),
        back: format!("{HERE}/{}", user.id),
        is_there: limit != NEW,
        // A user's limits are told apart by their models: another model is another limit.
        has_model: limit == NEW,
    }
}

pub(super) async fn show(
    State(console): State<Console>,
    visit: Visit,
    Path((id, limit)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    present(&console, &visit, &user, &limit, None).await
}

/// The limit as it is, with what went wrong if something did.
async fn present(
    console: &Console,
    visit: &Visit,
    user: &User,
    limit: &str,
    trouble: Option<&Trouble>,
) -> Result<Response, Trouble> {
    let id = limit_id(limit)?;
    let own = console.auth.user_limits(user.id).await?;
    let rule = known(&own.limits, id)?.map(|limit| &limit.rule);
    let place = place(console, visit, user, limit);
    Ok(LimitPage::show(console, visit, place, rule, trouble))
}

pub(super) async fn save(
    State(console): State<Console>,
    visit: Visit,
    Path((id, limit)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let id = limit_id(&limit)?;
    let own = console.auth.user_limits(user.id).await?;
    let before = known(&own.limits, id)?.map(|limit| &limit.rule);
    let place = place(&console, &visit, &user, &limit);
    let saved = async {
        let mut rule = rule(&fields, before.map(|rule| rule.model.as_str()))?;
        rule.model = console.auth.exact_model(&rule.model).into_owned();
        // A user has one limit for each model: another one would take its place.
        if before.is_none() && own.limits.iter().any(|limit| limit.rule.model == rule.model) {
            return Err(Trouble::bad("error-user-limit-there"));
        }
        if let Some(before) = before {
            revision::check(revision::sent(&fields), before)?;
        }
        Ok::<_, Trouble>(console.auth.set_user_limit(&visit.caller, user.id, rule).await?)
    };
    match saved.await {
        Ok(_) => Ok(done(&place.back, "done-limit-saved")),
        Err(trouble) if is_outdated(&trouble) => present(&console, &visit, &user, &limit, Some(&trouble)).await,
        Err(trouble) => Ok(LimitPage::again(&console, &visit, place, &fields, &trouble)),
    }
}

pub(super) async fn confirm(
    State(console): State<Console>,
    visit: Visit,
    Path((id, limit)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let id = limit_id(&limit)?;
    let own = console.auth.user_limits(user.id).await?;
    let present = known(&own.limits, id)?.ok_or_else(|| Trouble::missing("error-no-such-limit"))?;
    let place = place(&console, &visit, &user, &limit);
    Ok(limits::confirm(&console, &visit, place, present))
}

pub(super) async fn remove(
    State(console): State<Console>,
    visit: Visit,
    Path((id, limit)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let user = find::by_id(&console, &id).await?;
    let id = limit_id(&limit)?.ok_or_else(|| Trouble::missing("error-no-such-limit"))?;
    console.auth.delete_user_limit(&visit.caller, user.id, id).await?;
    Ok(done(&format!("{HERE}/{}", user.id), "done-limit-removed"))
}
