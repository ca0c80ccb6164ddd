//! The form for a new key: as it was typed, and the wish it makes, which is the API's own.

use std::collections::BTreeSet;

use super::super::fields::Fields;
use super::super::trouble::Trouble;
use super::limits::{self, Row};
use crate::api::keys::{BadWish, CreateKey};

/// What the end of a key can be chosen from; `date` is the day in the field beside it.
pub(super) const EXPIRIES: [&str; 6] = ["7d", "30d", "90d", "1y", "none", "date"];

/// The form.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) name: String,
    pub(super) expires: String,
    pub(super) date: String,
    pub(super) models: BTreeSet<String>,
    pub(super) more_models: String,
    pub(super) features: BTreeSet<String>,
    pub(super) routes: String,
    pub(super) networks: String,
    pub(super) tier: String,
    pub(super) can_mint: bool,
    pub(super) limits: Vec<Row>,
}

impl Form {
    pub(super) fn of(fields: &Fields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        let set = |name: &str| -> BTreeSet<String> {
            let ticked = fields.all(name).filter(|text| !text.is_empty());
            ticked.map(str::to_owned).collect()
        };
        Self {
            name: text("name"),
            expires: fields.some("expires").unwrap_or("90d").to_owned(),
            date: text("date"),
            models: set("model"),
            more_models: text("more-models"),
            features: set("feature"),
            routes: text("routes"),
            networks: text("networks"),
            tier: text("tier"),
            can_mint: fields.has("can-mint"),
            limits: limits::rows(fields),
        }
    }

    pub(super) fn has_model(&self, name: &str) -> bool {
        self.models.contains(name)
    }

    pub(super) fn has_feature(&self, key: &str) -> bool {
        self.features.contains(key)
    }

    /// Whether more than name and end is said.
    pub(super) fn is_narrowed(&self) -> bool {
        let texts = [&self.more_models, &self.routes, &self.networks, &self.tier];
        let sets = [&self.models, &self.features];
        self.can_mint
            || texts.into_iter().any(|text| !text.is_empty())
            || sets.into_iter().any(|set| !set.is_empty())
            || limits::rules(&self.limits).map_or(true, |rules| rules.is_some())
    }

    /// The key that is wished for. What is left empty narrows nothing.
    pub(super) fn wish(&self, fields: &Fields) -> Result<CreateKey, Trouble> {
        let mut models = self.models.clone();
        models.extend(fields.narrowing("more-models")?.into_iter().flatten());
        let some =
            |set: &BTreeSet<String>| Some(set.iter().cloned().collect()).filter(|list: &Vec<_>| !list.is_empty());
        let (expires_in, expires_at) = self.end()?;
        Ok(CreateKey {
            name: self.name.clone(),
            expires_in,
            expires_at,
            models: some(&models),
            features: some(&self.features),
            routes: fields.narrowing("routes")?,
            ips: fields.narrowing("networks")?,
            limits: limits::rules(&self.limits)?,
            tier: Some(self.tier.clone()),
            can_mint: self.can_mint,
        })
    }

    /// The end, as the API is told it: a length of time, or the last second of a day in UTC.
    fn end(&self) -> Result<(Option<String>, Option<String>), Trouble> {
        match self.expires.as_str() {
            "none" => Ok((None, None)),
            "date" => Ok((None, Some(format!("{}T23:59:59Z", self.date)))),
            span if EXPIRIES.contains(&span) => Ok((Some(span.to_owned()), None)),
            _ => Err(Trouble::bad("error-key-expiry")),
        }
    }
}

impl From<BadWish> for Trouble {
    fn from(wish: BadWish) -> Self {
        let (id, error) = match wish {
            BadWish::Limits(error) => ("error-key-limit", error),
            BadWish::Tier(error) => ("error-key-tier", error),
            BadWish::Routes(error) => ("error-key-routes", error),
            BadWish::Networks(error) => ("error-key-networks", error),
            BadWish::Expiry(error) => ("error-key-expiry", error),
        };
        Self::from_api(error, Some(id))
    }
}
