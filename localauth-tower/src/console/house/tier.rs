//! One tier: its features, models, weight and limits.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::{LimitError, Tier, TierName};

use super::access::{self, Group, Models};
use super::limits::{self, LimitPage, LimitRow, Place, rule};
use super::revision::{self, is_outdated};
use super::rules::{NEW, known, limit_id, not_put, put, take};
use super::tiers::{HERE, named};
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::page::{done, page, page_with};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

/// What is ticked where all are allowed.
static NO_MODELS: BTreeSet<String> = BTreeSet::new();

#[derive(Template)]
#[template(path = "house/tier.html")]
struct OneTier {
    frame: Frame,
    name: String,
    is_default: bool,
    /// Names what the form was filled in from.
    revision: String,
    weight: String,
    groups: Vec<Group>,
    models: Models,
    limits: Vec<LimitRow>,
    /// Where they are changed.
    limits_at: String,
}

impl OneTier {
    fn new(console: &Console, visit: &Visit, name: &TierName, tier: &Tier, is_default: bool) -> Self {
        let frame = visit.frame(console, "house-tier-title");
        Self {
            limits_at: format!("{HERE}/{name}/limits"),
            name: name.to_string(),
            is_default,
            revision: revision_of(tier, is_default),
            weight: tier.weight().to_string(),
            groups: access::groups(&console.auth, &tier.features, |_, on| access::by_default(&frame, on)),
            models: Models::of(
                &console.known_models(),
                tier.models.is_none(),
                tier.models.as_ref().unwrap_or(&NO_MODELS),
            ),
            limits: tier.limits.iter().map(|limit| LimitRow::of(&frame, limit)).collect(),
            frame,
        }
    }
}

/// Names what the form replaces.
fn revision_of(tier: &Tier, is_default: bool) -> String {
    revision::of(&(&tier.features, &tier.models, tier.weight, is_default))
}

/// The tier, and whether it is the default one.
async fn find(console: &Console, name: &TierName) -> Result<(Tier, bool), Trouble> {
    let (mut house, _) = console.auth.house_rules().await?;
    let tier = house
        .tiers
        .remove(name)
        .ok_or_else(|| Trouble::missing("error-no-such-tier"))?;
    Ok((tier, house.default_tier.as_ref() == Some(name)))
}

pub(super) async fn show(
    State(console): State<Console>,
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let name = named(&name)?;
    let (tier, is_default) = find(&console, &name).await?;
    Ok(page(&OneTier::new(&console, &visit, &name, &tier, is_default)))
}

/// The weight that a form says; `None` is that of everybody.
fn weight(fields: &Fields) -> Result<Option<u16>, Trouble> {
    let Some(weight) = fields.number("weight")? else {
        return Ok(None);
    };
    let weight = u16::try_from(weight).ok().filter(|weight| *weight > 0);
    weight.map(Some).ok_or_else(|| Trouble::bad("error-tier-weight"))
}

pub(super) async fn save(
    State(console): State<Console>,
    visit: Visit,
    Path(name): Path<String>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let name = named(&name)?;
    let (mut tier, mut is_default) = find(&console, &name).await?;
    let saved = async {
        // One after the other, so that what was chosen is shown again if anything of it is refused; the weight, which is
        // typed and shown again as it was, comes last.
        is_default = fields.has("default");
        tier.features = access::said(&fields)?;
        tier.models = access::chosen(&fields)?;
        tier.weight = weight(&fields)?;
        let wish = &tier;
        let change = console.auth.change_house_rules(&visit.caller, |house| {
            let was_default = house.default_tier.as_ref() == Some(&name);
            let tier = house.tiers.get_mut(&name).ok_or(LimitError::NoSuchTier)?;
            // Asked here, so that it holds for what is replaced, also where this is tried anew.
            if revision_of(tier, was_default) != revision::sent(&fields) {
                return Err(LimitError::Outdated);
            }
            tier.features.clone_from(&wish.features);
            tier.models.clone_from(&wish.models);
            tier.weight = wish.weight;
            if is_default {
                house.default_tier = Some(name.clone());
            } else if was_default {
                house.default_tier = None;
            }
            Ok(())
        });
        Ok::<_, Trouble>(change.await?)
    };
    match saved.await {
        Ok(()) => Ok(done(&format!("{HERE}/{name}"), "done-tier-saved")),
        Err(trouble) if is_outdated(&trouble) => {
            let (tier, is_default) = find(&console, &name).await?;
            let mut again = OneTier::new(&console, &visit, &name, &tier, is_default);
            again.frame = again.frame.told(&trouble);
            Ok(page_with(trouble.status(), &again))
        }
        Err(trouble) => {
            let mut again = OneTier::new(&console, &visit, &name, &tier, is_default);
            again.frame = again.frame.told(&trouble);
            fields.text("weight").clone_into(&mut again.weight);
            revision::sent(&fields).clone_into(&mut again.revision);
            Ok(page_with(trouble.status(), &again))
        }
    }
}

pub(super) async fn limit(
    State(console): State<Console>,
    visit: Visit,
    Path((name, limit)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    present(&console, &visit, &named(&name)?, &limit, None).await
}

/// A limit of the tier as it is, with what went wrong if something did.
async fn present(
    console: &Console,
    visit: &Visit,
    name: &TierName,
    limit: &str,
    trouble: Option<&Trouble>,
) -> Result<Response, Trouble> {
    let id = limit_id(limit)?;
    let (tier, _) = find(console, name).await?;
    let rule = known(&tier.limits, id)?.map(|limit| &limit.rule);
    let place = place(console, visit, name, limit);
    Ok(LimitPage::show(console, visit, place, rule, trouble))
}

pub(super) async fn save_limit(
    State(console): State<Console>,
    visit: Visit,
    Path((name, limit)): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Trouble> {
    let name = named(&name)?;
    let id = limit_id(&limit)?;
    let place = place(&console, &visit, &name, &limit);
    let saved = async {
        let rule = rule(&fields, None)?;
        let change = console.auth.change_house_rules(&visit.caller, |house| {
            let tier = house.tiers.get_mut(&name).ok_or(LimitError::NoSuchTier)?;
            put(&mut tier.limits, id, revision::sent(&fields), &rule, &console.auth)
        });
        change.await.map_err(not_put)
    };
    match saved.await {
        Ok(()) => Ok(done(&place.back, "done-limit-saved")),
        Err(trouble) if is_outdated(&trouble) => present(&console, &visit, &name, &limit, Some(&trouble)).await,
        Err(trouble) => Ok(LimitPage::again(&console, &visit, place, &fields, &trouble)),
    }
}

pub(super) async fn confirm_limit(
    State(console): State<Console>,
    visit: Visit,
    Path((name, limit)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let name = named(&name)?;
    let id = limit_id(&limit)?;
    let (tier, _) = find(&console, &name).await?;
    let present = known(&tier.limits, id)?.ok_or_else(|| Trouble::missing("error-no-such-limit"))?;
    let place = place(&console, &visit, &name, &limit);
    Ok(limits::confirm(&console, &visit, place, present))
}

pub(super) async fn remove_limit(
    State(console): State<Console>,
    visit: Visit,
    Path((name, limit)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let name = named(&name)?;
    let id = limit_id(&limit)?;
    let change = console.auth.change_house_rules(&visit.caller, |house| {
        let tier = house.tiers.get_mut(&name).ok_or(LimitError::NoSuchTier)?;
        take(&mut tier.limits, id)
    });
    change.await?;
    Ok(done(&format!("{HERE}/{name}"), "done-limit-removed"))
}

/// Where a limit of a tier is changed.
fn place(console: &Console, visit: &Visit, name: &TierName, limit: &str) -> Place {
    let frame = visit.frame(console, "house-limit-title");
    Place {
        whose: frame.t1("house-limit-of-tier", "name", name.as_str()),
        action: format!("{HERE}/{name}/limits/{limit}"),
        back: format!("{HERE}/{name}"),
        is_there: limit != NEW,
        has_model: true,
    }
}
