//! One line of the table: which requests, for whom, and what they ask for.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use http::Method;

use crate::error::Denial;
use crate::identity::Identity;

/// Who may pass a route.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Everybody.
    Public,
    /// Whoever is signed in, by session or key.
    SignedIn,
    /// Whoever has this feature.
    Feature(Cow<'static, str>),
    /// Administrators.
    Admin,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::SignedIn => f.write_str("signed in"),
            Self::Feature(feature) => write!(f, "feature `{feature}`"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

/// Where a request names the model that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelIn {
    /// Nowhere: it is about none.
    Nothing,
    /// `model` in a body of JSON, or in a form.
    Body,
    /// `model` in a body of JSON, or `name` as older clients of Ollama call it.
    BodyOrName,
    /// The part `model` of a form with files.
    Form,
    /// `{model}` in the path.
    Path,
    /// `model` in the query: of requests that become a connection, and have no body.
    Query,
}

impl ModelIn {
    /// Whether the address names it, so that a request without a body can.
    pub const fn is_address(self) -> bool {
        matches!(self, Self::Path | Self::Query)
    }
}

impl fmt::Display for ModelIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "-",
            Self::Body => "body",
            Self::BodyOrName => "body or name",
            Self::Form => "form",
            Self::Path => "path",
            Self::Query => "query",
        })
    }
}

/// In whose words a request says how much it wants, and its answer says how much that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// OpenAI's: `max_tokens` and relatives, answered by `usage`.
    OpenAi,
    /// Anthropic's messages: `max_tokens`, answered by `usage` with the cache beside it.
    Anthropic,
    /// Ollama's own: `options.num_predict`, a stream unless told otherwise, answered by `eval_count`.
    Ollama,
    /// llama.cpp's own: `n_predict`, answered by `tokens_predicted`.
    LlamaCpp,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Ollama => "ollama",
            Self::LlamaCpp => "llama.cpp",
        })
    }
}

/// What requests to a route ask for: what the layers have to know that look into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Asks {
    model: ModelIn,
    is_work: bool,
    dialect: Option<Dialect>,
    zero_is_unlimited: bool,
}

impl Asks {
    /// About no model.
    pub const NOTHING: Self = Self {
        model: ModelIn::Nothing,
        is_work: false,
        dialect: None,
        zero_is_unlimited: false,
    };

    /// About a model that is named there, without asking it for work: held to the user's models, and not counted.
    pub const fn about(model: ModelIn) -> Self {
        Self { model, ..Self::NOTHING }
    }

    /// Work of a model that is named there: held to the user's models, waiting its turn, limited and counted.
    pub const fn work(model: ModelIn) -> Self {
        Self {
            model,
            is_work: true,
            ..Self::NOTHING
        }
    }

    /// In these words.
    #[must_use]
    pub const fn in_words_of(self, dialect: Dialect) -> Self {
        Self {
            dialect: Some(dialect),
            ..self
        }
    }

    /// To an engine that takes a bound of zero tokens for none, as Ollama does.
    #[must_use]
    pub const fn where_zero_is_unlimited(self) -> Self {
        Self {
            zero_is_unlimited: true,
            ..self
        }
    }

    /// Where the model is named.
    pub const fn model(self) -> ModelIn {
        self.model
    }

    /// Whether a model is asked for work.
    pub const fn is_work(self) -> bool {
        self.is_work
    }

    /// In whose words, where that is known.
    pub const fn dialect(self) -> Option<Dialect> {
        self.dialect
    }

    /// Whether a bound of zero tokens is none.
    pub const fn is_zero_unlimited(self) -> bool {
        self.zero_is_unlimited
    }

    /// What holds where the same requests may go to either of two engines.
    const fn narrowed(self, other: Self) -> Self {
        Self {
            model: match self.model {
                ModelIn::Nothing => other.model,
                known => known,
            },
            is_work: self.is_work || other.is_work,
            // Who reads `n_predict` reads `max_tokens` too, and not the other way round.
            dialect: match (self.dialect, other.dialect) {
                (None | Some(Dialect::LlamaCpp), Some(other)) => Some(other),
                (known, _) => known,
            },
            zero_is_unlimited: self.zero_is_unlimited || other.zero_is_unlimited,
        }
    }

    /// What requests ask for where nobody said: of a feature's routes, work of the model in the body.
    const fn of(access: &Access) -> Self {
        match access {
            Access::Feature(_) => Self::work(ModelIn::Body),
            Access::Public | Access::SignedIn | Access::Admin => Self::NOTHING,
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(super) method: Method,
    pub(super) pattern: Cow<'static, str>,
    pub(super) access: Access,
    pub(super) asks: Asks,
}

impl Rule {
    /// A route for whom `access` says. Where that is a feature, its requests ask the model in their body for work; else
    /// they are about none.
    pub fn new(method: Method, pattern: impl Into<Cow<'static, str>>, access: Access) -> Self {
        let asks = Asks::of(&access);
        Self {
            method,
            pattern: pattern.into(),
            access,
            asks,
        }
    }

    /// The same for requests that ask for something else.
    #[must_use]
    pub fn asking(self, asks: Asks) -> Self {
        Self { asks, ..self }
    }

    /// The method.
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The pattern, as it was declared.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Who may pass.
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// What its requests ask for.
    pub const fn asks(&self) -> Asks {
        self.asks
    }

    /// Whether the route asks a model for work, which is what usage counts.
    pub const fn is_model_route(&self) -> bool {
        self.asks.is_work
    }

    /// Whether its requests are about a model, which has to be one that the user may use.
    pub fn names_model(&self) -> bool {
        self.asks.model != ModelIn::Nothing
    }

    pub(super) fn is_same_route(&self, other: &Self) -> bool {
        self.method == other.method && self.pattern == other.pattern
    }

    /// Narrows it to what `other` lets pass too; `false` where neither is stricter.
    pub(super) fn narrow(&mut self, other: &Self) -> bool {
        let strictness = |access: &Access| match access {
            Access::Public => 0,
            Access::SignedIn => 1,
            Access::Feature(_) => 2,
            Access::Admin => 3,
        };
        match strictness(&self.access).cmp(&strictness(&other.access)) {
            Ordering::Equal if self.access != other.access => return false,
            Ordering::Less => self.access = other.access.clone(),
            Ordering::Equal | Ordering::Greater => {}
        }
        self.asks = self.asks.narrowed(other.asks);
        true
    }

    /// Whether `identity` may pass.
    ///
    /// # Errors
    ///
    /// The [`Denial`] to answer with.
    pub fn verify(&self, identity: Option<&Identity>) -> Result<(), Denial> {
        match (&self.access, identity) {
            (Access::Public, _) | (Access::SignedIn, Some(_)) => Ok(()),
            (Access::SignedIn | Access::Feature(_) | Access::Admin, None) => Err(Denial::MissingCredentials),
            (Access::Feature(feature), Some(identity)) => identity.require_feature(feature),
            (Access::Admin, Some(identity)) => identity.require_admin(),
        }
    }
}
