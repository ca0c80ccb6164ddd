//! Tiers, the limits of everyone together and prices, on one page; a new tier, and the end of one.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use localauth_core::{HouseRules, LimitError, Price, Tier, TierName};

use super::confirm::Confirm;
use super::limits::LimitRow;
use crate::console::Console;
use crate::console::fields::Fields;
use crate::console::frame::Frame;
use crate::console::page::{done, page, page_with, see};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;

pub(super) const HERE: &str = "/admin/tiers";

#[derive(Template)]
#[template(path = "house/tiers.html")]
struct Tiers {
    frame: Frame,
    rows: Vec<Row>,
    everyone: Vec<LimitRow>,
    prices: Vec<(String, Price)>,
    /// The name of a new tier, as it was typed.
    name: String,
}

/// A tier in the list.
struct Row {
    name: String,
    is_default: bool,
    limits: Vec<LimitRow>,
    /// How many features it switches.
    features: String,
    /// How many models it allows.
    models: String,
    weight: u64,
}

impl Row {
    fn of(frame: &Frame, name: &TierName, tier: &Tier, house: &HouseRules) -> Self {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Self {
            name: name.to_string(),
            is_default: house.default_tier.as_ref() == Some(name),
            limits: tier.limits.iter().map(|limit| LimitRow::of(frame, limit)).collect(),
            features: frame.t1("house-tier-features", "features", count(tier.features.len())),
            models: match &tier.models {
                Some(models) => frame.t1("house-tier-models", "models", count(models.len())),
                None => frame.t("house-models-all"),
            },
            weight: tier.weight().into(),
        }
    }
}

async fn all(console: &Console, visit: &Visit) -> Result<Tiers, Trouble> {
    let frame = visit.frame(console, "house-tiers-title");
    let (house, _) = console.auth.house_rules().await?;
    let everyone = console.auth.everyone_status().await?;
    Ok(Tiers {
        rows: house
            .tiers
            .iter()
            .map(|(name, tier)| Row::of(&frame, name, tier, &house))
            .collect(),
        everyone: everyone
            .iter()
            .map(|status| LimitRow::standing(&frame, status))
            .collect(),
        prices: house.prices.into_iter().collect(),
        name: String::new(),
        frame,
    })
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> Result<Response, Trouble> {
    Ok(page(&all(&console, &visit).await?))
}

/// The tier that an address names, which there may be or not.
pub(super) fn named(name: &str) -> Result<TierName, Trouble> {
    name.parse().map_err(|_| Trouble::missing("error-no-such-tier"))
}

pub(super) async fn make(State(console): State<Console>, visit: Visit, fields: Fields) -> Result<Response, Trouble> {
    let typed = fields.text("name");
    let made = async {
        let name: TierName = typed.parse().map_err(|_| Trouble::bad("error-tier-name"))?;
        let is_new = console
            .auth
            .change_house_rules(&visit.caller, |house| {
                let is_new = !house.tiers.contains_key(&name);
                house.tiers.entry(name.clone()).or_default();
                Ok(is_new)
            })
            .await?;
        if is_new {
            Ok(name)
        } else {
            Err(Trouble::bad("error-tier-there"))
        }
    };
    match made.await {
        Ok(name) => Ok(see(&format!("{HERE}/{name}"))),
        Err(trouble) => {
            let mut again = all(&console, &visit).await?;
            again.frame = again.frame.told(&trouble);
            typed.clone_into(&mut again.name);
            Ok(page_with(trouble.status(), &again))
        }
    }
}

pub(super) async fn confirm(
    State(console): State<Console>,
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    ask(&console, &visit, &named(&name)?, None).await
}

/// Asks whether a tier is to go; with what went wrong when it was tried.
async fn ask(
    console: &Console,
    visit: &Visit,
    name: &TierName,
    trouble: Option<&Trouble>,
) -> Result<Response, Trouble> {
    let (house, _) = console.auth.house_rules().await?;
    let tier = house
        .tiers
        .get(name)
        .ok_or_else(|| Trouble::missing("error-no-such-tier"))?;
    let mut frame = visit.frame(console, "house-tier-delete-title");
    let limits = u64::try_from(tier.limits.len()).unwrap_or(u64::MAX);
    let parts = vec![
        frame.t1("house-tier-delete-limits", "limits", limits),
        frame.t("house-tier-delete-in-use"),
    ];
    if let Some(trouble) = trouble {
        frame = frame.told(trouble);
    }
    let page = Confirm {
        says: frame.t1("house-tier-delete", "name", name.as_str()),
        parts,
        frame,
        action: &format!("{HERE}/{name}/delete"),
        fields: &[],
        button: "house-tier-delete-button",
        back: &format!("{HERE}/{name}"),
        type_this: None,
    };
    Ok(page_with(trouble.map_or(http::StatusCode::OK, Trouble::status), &page))
}

pub(super) async fn delete(
    State(console): State<Console>,
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let name = named(&name)?;
    match console.auth.delete_tier(&visit.caller, &name).await {
        Ok(()) => Ok(done(HERE, "done-tier-deleted")),
        Err(LimitError::NoSuchTier) => Err(Trouble::missing("error-no-such-tier")),
        Err(error) => ask(&console, &visit, &name, Some(&error.into())).await,
    }
}
