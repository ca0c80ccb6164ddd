//! Tiers: named sets of limits, features and models.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use localauth_core::{HouseRules, LimitError, Tier, TierName, UserId, UserQuery};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::Api;
use super::super::caller::Asker;
use super::super::error::ApiError;
use super::super::json::{JsonBody, Said};
use super::super::path::PathId;
use super::super::refusals::{ChangeRefusals, Message, Refusals, RemovalRefusals};
use super::super::rules::{Rule, RuleView, Wished, number, views};

/// A tier.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TierView {
    name: String,
    /// Whether users are in it who were put into none.
    default: bool,
    /// Counted for each user and key by itself.
    limits: Vec<RuleView>,
    /// Features switched on or off; what is said about a user by name goes before.
    features: BTreeMap<String, bool>,
    /// The models it allows; null is all.
    models: Option<Vec<String>>,
    /// How much of a busy model its users get against others.
    weight: u16,
    /// How many users were put into it by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TierList {
    tiers: Vec<TierView>,
}

/// A tier as it is to be. What is left out stays as it is; of a new tier, that limits nothing.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewTier {
    /// All its limits. One that was there before, by id or by model and window, goes on counting.
    limits: Option<Vec<Rule>>,
    /// All features it switches on or off.
    features: Option<BTreeMap<String, bool>>,
    /// The models it allows; null is all, and an empty list none.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    models: Said,
    /// From 1 to 65535; null is 1.
    #[serde(default)]
    #[schema(value_type = Option<u16>, minimum = 1)]
    weight: Said,
    /// Whether users are in it who were put into none.
    default: Option<bool>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TierSaved {
    message: &'static str,
    tier: TierView,
}

/// What is to change about a tier, read.
#[expect(clippy::option_option, reason = "left out and null say different things")]
struct Change {
    limits: Option<Wished>,
    features: Option<BTreeMap<String, bool>>,
    models: Option<Option<BTreeSet<String>>>,
    weight: Option<Option<u16>>,
    default: Option<bool>,
}

impl TierView {
    fn of(name: &TierName, tier: &Tier, house: &HouseRules) -> Self {
        Self {
            name: name.to_string(),
            default: house.default_tier.as_ref() == Some(name),
            limits: views(&tier.limits),
            features: tier.features.clone(),
            models: tier.models.as_ref().map(|models| models.iter().cloned().collect()),
            weight: tier.weight(),
            users: None,
        }
    }
}

fn models(value: Value) -> Result<Option<BTreeSet<String>>, ApiError> {
    serde_json::from_value(value).map_err(|_| ApiError::bad("models must be a list of names, or null for all models"))
}

fn weight(value: Value) -> Result<Option<u16>, ApiError> {
    let Some(weight) = number("weight", Some(value))? else {
        return Ok(None);
    };
    match u16::try_from(weight) {
        Ok(weight @ 1..) => Ok(Some(weight)),
        _ => Err(ApiError::bad("weight must be a whole number from 1 to 65535")),
    }
}

impl NewTier {
    fn parse(self) -> Result<Change, ApiError> {
        Ok(Change {
            limits: self.limits.map(Wished::parse).transpose()?,
            features: self.features,
            models: self.models.value().map(models).transpose()?,
            weight: self.weight.value().map(weight).transpose()?,
            default: self.default,
        })
    }
}

impl Change {
    /// Done to the house rules as they are.
    fn apply(&self, api: &Api, name: &TierName, house: &mut HouseRules) -> Result<TierView, LimitError> {
        let tier = house.tiers.entry(name.clone()).or_default();
        if let Some(limits) = &self.limits {
            tier.limits = limits.in_place_of(&tier.limits, &api.auth)?;
        }
        if let Some(features) = &self.features {
            tier.features.clone_from(features);
        }
        if let Some(models) = &self.models {
            tier.models.clone_from(models);
        }
        if let Some(weight) = self.weight {
            tier.weight = weight;
        }
        let tier = tier.clone();
        match self.default {
            Some(true) => house.default_tier = Some(name.clone()),
            Some(false) if house.default_tier.as_ref() == Some(name) => house.default_tier = None,
            Some(false) | None => {}
        }
        Ok(TierView::of(name, &tier, house))
    }
}

/// The tiers, by name.
#[utoipa::path(get, path = "/api/auth/admin/tiers", tag = "admin",
    responses((status = 200, body = TierList), Refusals))]
pub(super) async fn list_tiers(State(api): State<Api>) -> Result<Json<TierList>, ApiError> {
    let (house, _) = api.auth.house_rules().await?;
    let users = api.auth.list_users(&UserQuery::default()).await?;
    let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
    let mut in_tier: BTreeMap<TierName, usize> = BTreeMap::new();
    for limits in api.auth.limits_of_users(&ids).await?.into_values() {
        if let Some(tier) = limits.tier {
            *in_tier.entry(tier).or_default() += 1;
        }
    }
    let view = |(name, tier): (&TierName, &Tier)| TierView {
        users: Some(in_tier.get(name).copied().unwrap_or(0)),
        ..TierView::of(name, tier, &house)
    };
    Ok(Json(TierList {
        tiers: house.tiers.iter().map(view).collect(),
    }))
}

/// Make a tier, or change one. In force for the next request of whoever is in it.
#[utoipa::path(put, path = "/api/auth/admin/tiers/{name}", tag = "admin", params(("name" = String, Path)),
    request_body = NewTier, responses((status = 200, body = TierSaved), ChangeRefusals))]
pub(super) async fn save_tier(
    State(api): State<Api>,
    asker: Asker,
    PathId(name): PathId<TierName>,
    JsonBody(body): JsonBody<NewTier>,
) -> Result<Json<TierSaved>, ApiError> {
    let name = name.ok_or_else(|| ApiError::bad("a tier is named by 1 to 64 of the characters a-z, 0-9, - and _"))?;
    let change = body.parse()?;
    let tier = api
        .auth
        .change_house_rules(&asker.caller, |house| change.apply(&api, &name, house))
        .await?;
    Ok(Json(TierSaved {
        message: "tier saved",
        tier,
    }))
}

/// Delete a tier that nobody is in, and no key.
#[utoipa::path(delete, path = "/api/auth/admin/tiers/{name}", tag = "admin", params(("name" = String, Path)),
    responses((status = 200, body = Message), RemovalRefusals))]
pub(super) async fn delete_tier(
    State(api): State<Api>,
    asker: Asker,
    name: PathId<TierName>,
) -> Result<Json<Message>, ApiError> {
    const MISSING: &str = "tier not found";
    let name = name.or_missing(MISSING)?;
    match api.auth.delete_tier(&asker.caller, &name).await {
        Ok(()) => Ok(Message::json("tier deleted")),
        Err(LimitError::NoSuchTier) => Err(ApiError::missing(MISSING)),
        Err(error) => Err(error.into()),
    }
}
