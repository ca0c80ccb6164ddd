//! One limit.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::window::Window;
use crate::id::{KeyId, LimitId};

/// The longest name of a model in a rule, in bytes.
const MAX_MODEL_BYTES: usize = 256;

/// A limit: so much, over a stretch of time, of one model or of all.
///
/// Several maxima in one rule hold each for itself. Cost is in millionths of the currency that [`Price`]s are in.
///
/// ```
/// use localauth_core::LimitRule;
///
/// let rule: LimitRule = serde_json::from_str(r#"{"model": "llama", "max_requests": 100, "window": "1h"}"#)?;
/// assert!(rule.check().is_ok());
/// assert!(LimitRule::per("1h".parse()?).check().is_err(), "without a maximum it limits nothing");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Price`]: crate::Price
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitRule {
    /// The model; empty is all together.
    #[serde(default)]
    pub model: String,
    /// Over which time.
    pub window: Window,
    /// Requests answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_requests: Option<u64>,
    /// Tokens read and written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_total_tokens: Option<u64>,
    /// Tokens read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_prompt_tokens: Option<u64>,
    /// Tokens written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u64>,
    /// Money, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_micros: Option<u64>,
    /// Requests at the same time, whatever the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u64>,
    /// Whether it only warns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub soft: bool,
    /// What holds while nobody can tell how much was used.
    #[serde(default, skip_serializing_if = "OnOutage::is_default")]
    pub on_outage: OnOutage,
}

/// What a limit does while the ledger cannot answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OnOutage {
    /// Nobody passes.
    #[default]
    Closed,
    /// Everybody passes.
    Open,
}

impl OnOutage {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over by reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A rule that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLimit {
    /// It limits nothing.
    #[error("a limit needs at least one maximum, such as max_requests or max_total_tokens")]
    NoMaximum,
    /// Not a model's name.
    #[error("model must have at most 256 bytes and no control characters; leave it empty for all models")]
    Model,
}

impl LimitRule {
    /// A rule over `window` for all models, without a maximum yet.
    pub const fn per(window: Window) -> Self {
        Self {
            model: String::new(),
            window,
            max_requests: None,
            max_total_tokens: None,
            max_prompt_tokens: None,
            max_completion_tokens: None,
            max_cost_micros: None,
            max_concurrent: None,
            soft: false,
            on_outage: OnOutage::Closed,
        }
    }

    /// At most so many requests.
    #[must_use]
    pub const fn requests(mut self, most: u64) -> Self {
        self.max_requests = Some(most);
        self
    }

    /// At most so many tokens, read and written.
    #[must_use]
    pub const fn total_tokens(mut self, most: u64) -> Self {
        self.max_total_tokens = Some(most);
        self
    }

    /// At most so many requests at the same time.
    #[must_use]
    pub const fn concurrent(mut self, most: u64) -> Self {
        self.max_concurrent = Some(most);
        self
    }

    /// At most so many millionths of money.
    #[must_use]
    pub const fn cost_micros(mut self, most: u64) -> Self {
        self.max_cost_micros = Some(most);
        self
    }

    /// For this model only.
    #[must_use]
    pub fn of_model(mut self, model: impl Into<String>) -> Self {
        self.model = model.into();
        self
    }

    /// Whether it speaks of `model`.
    pub fn covers(&self, model: &str) -> bool {
        self.model.is_empty() || self.model == model
    }

    /// Whether it limits tokens, in number or in money.
    pub const fn limits_tokens(&self) -> bool {
        self.max_total_tokens.is_some()
            || self.max_prompt_tokens.is_some()
            || self.max_completion_tokens.is_some()
            || self.max_cost_micros.is_some()
    }

    /// Whether it is a rule at all.
    ///
    /// # Errors
    ///
    /// [`InvalidLimit`] when it limits nothing, or no model can be called so.
    pub fn check(&self) -> Result<(), InvalidLimit> {
        if self.max_requests.is_none() && self.max_concurrent.is_none() && !self.limits_tokens() {
            return Err(InvalidLimit::NoMaximum);
        }
        if self.model.len() > MAX_MODEL_BYTES || self.model.chars().any(char::is_control) {
            return Err(InvalidLimit::Model);
        }
        Ok(())
    }
}

impl fmt::Display for LimitRule {
    /// In words, like `2 requests, 100 tokens in 1h of all models`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let maxima = [
            ("requests", self.max_requests),
            ("tokens", self.max_total_tokens),
            ("prompt tokens", self.max_prompt_tokens),
            ("completion tokens", self.max_completion_tokens),
            ("millionths", self.max_cost_micros),
            ("at once", self.max_concurrent),
        ];
        let set = maxima.iter().filter_map(|(what, most)| Some((what, (*most)?)));
        for (n, (what, most)) in set.enumerate() {
            write!(f, "{}{most} {what}", if n > 0 { ", " } else { "" })?;
        }
        let model = if self.model.is_empty() {
            "all models"
        } else {
            &self.model
        };
        write!(f, " in {} of {model}", self.window)
    }
}

/// A rule under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Names it for good, also when its numbers are changed.
    pub id: LimitId,
    /// The rule.
    #[serde(flatten)]
    pub rule: LimitRule,
}

/// A limit that a key has, counted for all that was made from one key together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLimit {
    /// The key it was made for; `None` is the key that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<KeyId>,
    /// The limit.
    #[serde(flatten)]
    pub limit: Limit,
}
