//! Rules of limits: as they are sent, and as they are shown.

use std::collections::BTreeSet;

use localauth_core::{Auth, Limit, LimitError, LimitId, LimitRule, OnOutage, Window};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::error::ApiError;

/// The greatest maximum: what every database and most clients can hold.
const MOST: u64 = i64::MAX.unsigned_abs();

/// A limit, as it is to be. At least one maximum is needed; those left out or null limit nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct Rule {
    /// In a list: the limit that is there already, which goes on counting. Left out, it is found by model and window.
    pub(crate) id: Option<String>,
    /// Empty is all models together.
    pub(crate) model: Option<String>,
    /// `1m`, `5m`, `1h`, `6h`, `1d`, `7d`, `30d`, another duration up to that, `day` or `month`.
    #[schema(value_type = String, example = "1h")]
    pub(crate) window: Option<Value>,
    /// Requests answered.
    #[schema(value_type = Option<u64>)]
    pub(crate) max_requests: Option<Value>,
    /// Tokens read and written.
    #[schema(value_type = Option<u64>)]
    pub(crate) max_total_tokens: Option<Value>,
    /// Tokens read.
    #[schema(value_type = Option<u64>)]
    pub(crate) max_prompt_tokens: Option<Value>,
    /// Tokens written.
    #[schema(value_type = Option<u64>)]
    pub(crate) max_completion_tokens: Option<Value>,
    /// Money, in millionths of the currency that prices are in.
    #[schema(value_type = Option<u64>)]
    pub(crate) max_cost_micros: Option<Value>,
    /// Requests at the same time, whatever the window.
    #[schema(value_type = Option<u64>)]
    pub(crate) max_concurrent: Option<Value>,
    /// Whether it only warns.
    pub(crate) soft: Option<bool>,
    /// What holds while nobody can tell how much was used: `closed` (nobody passes; the default) or `open`.
    #[schema(pattern = "^(closed|open)$")]
    pub(crate) on_outage: Option<String>,
}

/// A limit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleView {
    id: String,
    /// The model it is about; empty is all together.
    model: String,
    /// Null where requests are not limited.
    max_requests: Option<u64>,
    /// Null where tokens are not limited.
    max_total_tokens: Option<u64>,
    /// Like `1h`; `day` and `month` are those of the calendar, in UTC.
    window: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_prompt_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    /// In millionths of the currency that prices are in.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_cost_micros: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_concurrent: Option<u64>,
    /// It only warns.
    #[serde(skip_serializing_if = "Option::is_none")]
    soft: Option<bool>,
    /// `open` where everybody passes while nobody can tell how much was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_outage: Option<&'static str>,
}

/// A whole number that is not negative; nothing where nothing was said.
pub(crate) fn number(name: &str, value: Option<Value>) -> Result<Option<u64>, ApiError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|n| *n <= MOST) {
            Some(number) => Ok(Some(number)),
            None => Err(ApiError::bad(format!(
                "{name} must be a whole number from 0 to {MOST}, or left out"
            ))),
        },
    }
}

fn window(value: Option<&Value>) -> Result<Window, ApiError> {
    let text = match value {
        None | Some(Value::Null) => "",
        Some(Value::String(text)) => text,
        // Not a text, and so no window either.
        Some(_) => "?",
    };
    if text.is_empty() {
        return Err(ApiError::bad(
            "window is required: `1m`, `5m`, `1h`, `6h`, `1d`, `7d`, `30d`, `day` or `month`, say",
        ));
    }
    text.parse().map_err(|e| ApiError::bad(format!("window: {e}")))
}

impl Rule {
    /// The rule, or what is wrong with it.
    pub(crate) fn parse(self) -> Result<LimitRule, ApiError> {
        let on_outage = match self.on_outage.as_deref() {
            None | Some("" | "closed") => OnOutage::Closed,
            Some("open") => OnOutage::Open,
            Some(_) => return Err(ApiError::bad("on_outage must be `closed` or `open`")),
        };
        let rule = LimitRule {
            model: self.model.unwrap_or_default(),
            max_requests: number("max_requests", self.max_requests)?,
            max_total_tokens: number("max_total_tokens", self.max_total_tokens)?,
            max_prompt_tokens: number("max_prompt_tokens", self.max_prompt_tokens)?,
            max_completion_tokens: number("max_completion_tokens", self.max_completion_tokens)?,
            max_cost_micros: number("max_cost_micros", self.max_cost_micros)?,
            max_concurrent: number("max_concurrent", self.max_concurrent)?,
            soft: self.soft.unwrap_or(false),
            on_outage,
            ..LimitRule::per(window(self.window.as_ref())?)
        };
        rule.check().map_err(|e| ApiError::bad(e.to_string()))?;
        Ok(rule)
    }
}

/// A list of limits as it is to be, read but without names.
#[derive(Debug, Clone)]
pub(crate) struct Wished(Vec<(Option<LimitId>, LimitRule)>);

impl Wished {
    pub(crate) fn parse(rules: Vec<Rule>) -> Result<Self, ApiError> {
        let one = |mut rule: Rule| {
            // An id that is none is the id of no limit, and makes a new one.
            let id = rule.id.take().and_then(|id| id.parse().ok());
            Ok((id, rule.parse()?))
        };
        rules.into_iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// The limits, in place of those that are `known`: one that was there goes on under its name, and with what was
    /// counted. It is known by its id, else by model and window.
    pub(crate) fn in_place_of(&self, known: &[Limit], auth: &Auth) -> Result<Vec<Limit>, LimitError> {
        let mut free: BTreeSet<LimitId> = known.iter().map(|limit| limit.id).collect();
        let by_id: Vec<Option<LimitId>> = self.0.iter().map(|(id, _)| id.filter(|id| free.remove(id))).collect();
        let mut limits = Vec::with_capacity(self.0.len());
        for (id, (_, rule)) in by_id.into_iter().zip(&self.0) {
            let alike = |limit: &&Limit| {
                limit.rule.model == rule.model && limit.rule.window == rule.window && free.contains(&limit.id)
            };
            let id = id.or_else(|| known.iter().find(alike).map(|limit| limit.id));
            limits.push(match id {
                Some(id) => {
                    free.remove(&id);
                    Limit { id, rule: rule.clone() }
                }
                None => auth.new_limit(rule.clone())?,
            });
        }
        Ok(limits)
    }
}

impl From<&Limit> for RuleView {
    fn from(limit: &Limit) -> Self {
        let rule = &limit.rule;
        Self {
            id: limit.id.to_string(),
            model: rule.model.clone(),
            max_requests: rule.max_requests,
            max_total_tokens: rule.max_total_tokens,
            window: rule.window.to_string(),
            max_prompt_tokens: rule.max_prompt_tokens,
            max_completion_tokens: rule.max_completion_tokens,
            max_cost_micros: rule.max_cost_micros,
            max_concurrent: rule.max_concurrent,
            soft: rule.soft.then_some(true),
            on_outage: (rule.on_outage == OnOutage::Open).then_some("open"),
        }
    }
}

/// Limits, as they are shown.
pub(crate) fn views(limits: &[Limit]) -> Vec<RuleView> {
    limits.iter().map(RuleView::from).collect()
}
