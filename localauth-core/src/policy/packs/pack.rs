//! What a pack is: one engine's routes, as data.

use std::fmt;
use std::str::FromStr;

use http::Method;

use super::super::{Access, Asks, ModelIn, RouteTableBuilder, Rule};

/// An engine that a server can stand in front of.
///
/// ```
/// use localauth_core::policy::packs::Engine;
///
/// assert_eq!("llama.cpp".parse(), Ok(Engine::LlamaCpp));
/// assert_eq!(Engine::Vllm.to_string(), "vllm");
/// assert!("lama".parse::<Engine>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// Whatever speaks OpenAI's language.
    OpenAi,
    /// Ollama.
    Ollama,
    /// vLLM.
    Vllm,
    /// llama.cpp's server.
    LlamaCpp,
}

impl Engine {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::OpenAi, Self::Ollama, Self::Vllm, Self::LlamaCpp];

    /// Its name in settings and flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Ollama => "ollama",
            Self::Vllm => "vllm",
            Self::LlamaCpp => "llama.cpp",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        Self::ALL
            .into_iter()
            .find(|engine| engine.name() == name)
            .ok_or(UnknownEngine)
    }
}

/// A name that no engine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `openai`, `ollama`, `vllm` or `llama.cpp`")]
pub struct UnknownEngine;

/// For whom a route of an engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Door {
    /// Whoever is signed in.
    SignedIn,
    /// Whoever has this feature.
    Feature(&'static str),
    /// Administrators.
    Admin,
    /// Nobody: it is known, and stays shut. Not part of a table, which denies what it does not know.
    Closed,
}

impl Door {
    /// Who may pass; `None` is nobody.
    pub fn access(self) -> Option<Access> {
        match self {
            Self::SignedIn => Some(Access::SignedIn),
            Self::Feature(feature) => Some(Access::Feature(feature.into())),
            Self::Admin => Some(Access::Admin),
            Self::Closed => None,
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.access() {
            Some(access) => access.fmt(f),
            None => f.write_str("closed"),
        }
    }
}

/// One route of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    method: Method,
    pattern: &'static str,
    door: Door,
    asks: Asks,
}

impl Route {
    /// The method.
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The pattern, as a route table has it.
    pub const fn pattern(&self) -> &'static str {
        self.pattern
    }

    /// For whom it is.
    pub const fn door(&self) -> Door {
        self.door
    }

    /// What its requests ask for.
    pub const fn asks(&self) -> Asks {
        self.asks
    }

    /// The rule of a route table; `None` where it stays shut.
    pub fn rule(&self) -> Option<Rule> {
        let access = self.door.access()?;
        Some(Rule::new(self.method.clone(), self.pattern, access).asking(self.asks))
    }
}

/// The routes of one engine.
///
/// ```
/// use http::Method;
/// use localauth_core::FeatureRegistry;
/// use localauth_core::policy::packs::{Engine, pack};
/// use localauth_core::policy::{Access, RouteTable};
///
/// let table = pack(Engine::Ollama).declare(RouteTable::builder()).build(&FeatureRegistry::preset())?;
/// let access = |method: Method, path| table.find(&method, path).map(|rule| rule.access().clone());
/// assert_eq!(access(Method::POST, "/api/chat"), Some(Access::Feature("chat".into())));
/// assert_eq!(access(Method::DELETE, "/api/delete"), Some(Access::Admin));
/// // It is there, and shut:
/// assert_eq!(access(Method::POST, "/api/signout"), None);
/// # Ok::<(), localauth_core::policy::RouteTableError>(())
/// ```
#[derive(Debug)]
pub struct Pack {
    pub(super) engine: Engine,
    pub(super) release: &'static str,
    pub(super) routes: &'static [&'static [Route]],
}

impl Pack {
    /// Whose routes these are.
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// The release of the engine that this was written for.
    pub const fn release(&self) -> &'static str {
        self.release
    }

    /// All routes that are known of it, those that stay shut among them.
    pub fn routes(&self) -> impl Iterator<Item = &'static Route> + use<> {
        self.routes.iter().copied().flatten()
    }

    /// What is known of a route by its method and pattern. For who forwards: whether this engine is one that a request
    /// to this rule of a table may go to.
    pub fn find(&self, method: &Method, pattern: &str) -> Option<&'static Route> {
        self.routes()
            .find(|route| *route.method() == *method && route.pattern() == pattern)
    }

    /// Whether this engine answers what `rule` lets pass.
    pub fn answers(&self, rule: &Rule) -> bool {
        self.find(rule.method(), rule.pattern())
            .is_some_and(|route| route.door != Door::Closed)
    }

    /// Declares what may be passed. Where another pack declared the same route, the stricter of both holds.
    pub fn declare(&self, table: RouteTableBuilder) -> RouteTableBuilder {
        self.routes()
            .filter_map(Route::rule)
            .fold(table, |table, rule| table.narrow(self.bounded(rule)))
    }

    fn bounded(&self, rule: Rule) -> Rule {
        let asks = rule.asks();
        match self.engine {
            Engine::Ollama => rule.asking(asks.where_zero_is_unlimited()),
            _ => rule,
        }
    }
}

/// A row of a table.
pub(super) const fn row(method: Method, pattern: &'static str, door: Door, asks: Asks) -> Route {
    Route {
        method,
        pattern,
        door,
        asks,
    }
}

/// Asks no model for work, and is about none.
pub(super) const NOTHING: Asks = Asks::NOTHING;

/// Work of the model in the body, of which the answer does not say what it took.
pub(super) const UNTOLD: Asks = Asks::work(ModelIn::Body);
