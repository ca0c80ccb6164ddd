//! What a route takes: which fields of a body count there.

use localauth_core::policy::{Asks, Dialect, ModelIn, Rule};

use super::fields::{Field, Names};
use super::found::Amount;

/// What the route table says of a request's route, if one decided.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told<'r> {
    pattern: Option<&'r str>,
    asks: Option<Asks>,
}

impl<'r> Told<'r> {
    pub(super) fn by(rule: Option<&'r Rule>) -> Self {
        Self {
            pattern: rule.map(Rule::pattern),
            asks: rule.map(Rule::asks),
        }
    }

    pub(super) const fn pattern(self) -> Option<&'r str> {
        self.pattern
    }

    /// Where the model is named.
    pub(super) fn model_in(self) -> ModelIn {
        self.asks.map_or(ModelIn::Body, Asks::model)
    }
}

/// How a body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reads {
    pub(super) names: &'static Names,
    pub(super) route: Route,
    /// Whether the older `name` stands for the model too.
    pub(super) takes_name: bool,
    /// Whether a bound of zero tokens is none.
    pub(super) is_zero_unlimited: bool,
}

impl Reads {
    pub(super) fn of(path: &str, told: Told<'_>) -> Self {
        const COMMON: Names = Names::common();
        const PROMPT: Names = COMMON.with(Field::Prompt, "prompt");
        const OPTIONS: Names = COMMON.with(Field::Extra, "options");
        const NAME: Names = COMMON.with(Field::Extra, "name");
        const FIELDS: Names = PROMPT.with(Field::Extra, "response_fields");
        let dialect = told.asks.and_then(Asks::dialect);
        let route = Route::of(path, dialect);
        let takes_name = told.model_in() == ModelIn::BodyOrName;
        Self {
            names: match route {
                Route::Ollama => &OPTIONS,
                Route::LlamaCpp => &FIELDS,
                Route::Completions => &PROMPT,
                _ if takes_name => &NAME,
                _ => &COMMON,
            },
            route,
            takes_name,
            is_zero_unlimited: told.asks.is_some_and(Asks::is_zero_unlimited),
        }
    }

    /// What an amount of tokens means here.
    pub(super) fn amount(&self, amount: Amount) -> Amount {
        match amount {
            Amount::Tokens(0) if self.is_zero_unlimited => Amount::Unlimited,
            amount => amount,
        }
    }

    /// The least bound that is one.
    pub(super) const fn least_bound(&self) -> u64 {
        if self.is_zero_unlimited { 1 } else { 0 }
    }
}

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Chat,
    Completions,
    Responses,
    Messages,
    /// Ollama's own for text.
    Ollama,
    /// llama.cpp's own for text.
    LlamaCpp,
    Other,
}

impl Route {
    fn of(path: &str, dialect: Option<Dialect>) -> Self {
        let ends_in = |names: &[&str]| path.rsplit('/').next().is_some_and(|last| names.contains(&last));
        match dialect {
            Some(Dialect::Ollama) if ends_in(&["generate", "chat"]) => Self::Ollama,
            Some(Dialect::LlamaCpp) if ends_in(&["completion", "completions", "infill"]) => Self::LlamaCpp,
            Some(Dialect::Ollama | Dialect::LlamaCpp) => Self::Other,
            _ if path.ends_with("/chat/completions") => Self::Chat,
            _ if path.ends_with("/completions") => Self::Completions,
            _ if path.ends_with("/responses") => Self::Responses,
            _ if path.ends_with("/messages") => Self::Messages,
            _ => Self::Other,
        }
    }

    /// The fields that bound an answer here; the first is the one to add where a client used none.
    pub(super) const fn bounds(self) -> &'static [Field] {
        match self {
            Self::Chat => &[Field::MaxTokens, Field::MaxCompletionTokens],
            Self::Completions | Self::Messages => &[Field::MaxTokens],
            Self::Responses => &[Field::MaxOutputTokens],
            Self::Ollama => &[Field::NumPredict],
            Self::LlamaCpp => &[Field::NPredict, Field::MaxTokens, Field::MaxCompletionTokens],
            Self::Other => &[],
        }
    }

    /// Whether its streams tell their usage only when asked to.
    pub(super) const fn is_asked_for_usage(self) -> bool {
        matches!(self, Self::Chat | Self::Completions)
    }

    /// Whether its answers are streams where nobody says.
    pub(super) const fn streams_unasked(self) -> bool {
        matches!(self, Self::Ollama)
    }
}
