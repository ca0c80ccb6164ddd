//! Tiers: named sets of limits, features and models.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::price::Price;
use super::rule::Limit;
use crate::store::UserLimits;

/// The name of a tier: 1 to 64 of `a`-`z`, `0`-`9`, `-`, `_`.
///
/// ```
/// use localauth_core::TierName;
///
/// assert_eq!("pro".parse::<TierName>()?.as_str(), "pro");
/// assert!("Pro plan".parse::<TierName>().is_err());
/// # Ok::<(), localauth_core::InvalidTierName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TierName(Box<str>);

/// A text that names no tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tier is named by 1 to 64 of the characters a-z, 0-9, - and _")]
#[non_exhaustive]
pub struct InvalidTierName;

impl TierName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TierName {
    type Err = InvalidTierName;

    fn from_str(text: &str) -> Result<Self, InvalidTierName> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidTierName)
        }
    }
}

impl TryFrom<String> for TierName {
    type Error = InvalidTierName;

    fn try_from(text: String) -> Result<Self, InvalidTierName> {
        text.parse()
    }
}

impl From<TierName> for String {
    fn from(name: TierName) -> Self {
        name.0.into_string()
    }
}

impl fmt::Display for TierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What users and keys of one tier have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tier {
    /// Limits, each counted for every user or key of the tier by itself.
    pub limits: Vec<Limit>,
    /// Features switched on or off. What is said about a user by name goes before.
    pub features: BTreeMap<String, bool>,
    /// The models they may use; `None` is all. A user's own list narrows further.
    pub models: Option<BTreeSet<String>>,
    /// How much of a busy model they get against others: 1 unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
}

impl Tier {
    /// The weight; at least 1.
    pub fn weight(&self) -> u16 {
        self.weight.unwrap_or(1).max(1)
    }
}

/// What holds for the whole house: limits of everybody together, tiers and prices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HouseRules {
    /// Limits of all users together, administrators included only when limits bind them.
    pub everyone: Vec<Limit>,
    /// The tiers by name.
    pub tiers: BTreeMap<TierName, Tier>,
    /// Which tier new users come into.
    pub default_tier: Option<TierName>,
    /// What models cost, by name; the empty name stands for all others.
    pub prices: BTreeMap<String, Price>,
}

impl HouseRules {
    /// What `model` costs.
    pub fn price(&self, model: &str) -> Price {
        self.prices
            .get(model)
            .or_else(|| self.prices.get(""))
            .copied()
            .unwrap_or(Price::FREE)
    }

    /// The tier that a user is in: the one they were put into, the default one otherwise.
    pub fn tier_of(&self, user: &UserLimits) -> Option<(&TierName, &Tier)> {
        let name = user.tier.as_ref().or(self.default_tier.as_ref())?;
        self.tiers.get_key_value(name)
    }
}
