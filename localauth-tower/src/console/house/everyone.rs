//! A limit of everyone together.

use axum::extract::{Path, State};
use axum::response::Response;

use super::limits::{self, LimitPage, Place, rule};
use super::revision::{self, is_outdated};
use super::rules::{NEW, known, limit_id, not_put, put, take};
use super::tiers::HERE;
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::page::done;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// Where it is changed.
fn place(console: &Console, visit: &Visit, limit: &str) -> Place {
    Place {
        whose: visit.frame(console, "house-limit-title").t("house-limit-of-everyone"),
        action: format!("/admin/limits/{limit}"),
        back: HERE.to_owned(),
        is_there: limit != NEW,
        has_model: true,
    }
}

pub(super) async fn show(
    State(console): State<Console>,
    visit: Visit,
    Path(limit): Path<String>,
) -> Result<Response, Trouble> {
    present(&console, &visit, &limit, None).await
}

/// The limit as it is, with what went wrong if something did.
async fn present(
    console: &Console,
    visit: &Visit,
    limit: &str,
    trouble: Option<&Trouble>,
) -> Result<Response, Trouble> {
    let id = limit_id(limit)?;
    let (house, _) = console.auth.house_rules().await?;
    let rule = known(&house.everyone, id)?.map(|limit| &limit.rule);
    let place = place(console, visit, limit);
    Ok(LimitPage::show(console, visit, place, rule, trouble))
}

pub(super) async fn save(
    State(console): State<Console>,
    visit: Visit,
    Path(limit): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let id = limit_id(&limit)?;
    let saved = async {
        let rule = rule(&fields, None)?;
        let change = console.auth.change_house_rules(&visit.caller, |house| {
            put(&mut house.everyone, id, revision::sent(&fields), &rule, &console.auth)
        });
        change.await.map_err(not_put)
    };
    match saved.await {
        Ok(()) => Ok(done(HERE, "done-limit-saved")),
        Err(trouble) if is_outdated(&trouble) => present(&console, &visit, &limit, Some(&trouble)).await,
        Err(trouble) => {
            let place = place(&console, &visit, &limit);
            Ok(LimitPage::again(&console, &visit, place, &fields, &trouble))
        }
    }
}

pub(super) async fn confirm(
    State(console): State<Console>,
    visit: Visit,
    Path(limit): Path<String>,
) -> Result<Response, Trouble> {
    let id = limit_id(&limit)?;
    let (house, _) = console.auth.house_rules().await?;
    let present = known(&house.everyone, id)?.ok_or_else(|| Trouble::missing("error-no-such-limit"))?;
    let place = place(&console, &visit, &limit);
    Ok(limits::confirm(&console, &visit, place, present))
}

pub(super) async fn remove(
    State(console): State<Console>,
    visit: Visit,
    Path(limit): Path<String>,
) -> Result<Response, Trouble> {
    let id = limit_id(&limit)?;
    let change = console
        .auth
        .change_house_rules(&visit.caller, |house| take(&mut house.everyone, id));
    change.await?;
    Ok(done(HERE, "done-limit-removed"))
}
