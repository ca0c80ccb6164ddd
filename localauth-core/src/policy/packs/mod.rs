//! Route packs: the routes of one engine, as data.

use std::fmt;
use std::str::FromStr;

use http::Method;

use super::{Access, RouteTableBuilder, Rule, openai_routes};

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

/// The routes of one engine.
#[derive(Debug)]
pub struct Pack(Engine);

/// The routes of `engine`.
pub fn pack(engine: Engine) -> &'static Pack {
    match engine {
        Engine::OpenAi => &Pack(Engine::OpenAi),
        Engine::Ollama => &Pack(Engine::Ollama),
        Engine::Vllm => &Pack(Engine::Vllm),
        Engine::LlamaCpp => &Pack(Engine::LlamaCpp),
    }
}

impl Pack {
    /// Declares what may be passed. What another pack declared already stays as it is.
    pub fn declare(&self, mut table: RouteTableBuilder) -> RouteTableBuilder {
        for rule in self.rules() {
            let is_known = |known: &Rule| known.method() == rule.method() && known.pattern() == rule.pattern();
            if !table.rules().iter().any(is_known) {
                table = table.route(rule.method().clone(), rule.pattern().to_owned(), rule.access().clone());
            }
        }
        table
    }

    /// Whether this engine answers what `rule` lets pass.
    pub fn answers(&self, rule: &Rule) -> bool {
        self.rules()
            .iter()
            .any(|known| known.method() == rule.method() && known.pattern() == rule.pattern())
    }

    fn rules(&self) -> Vec<Rule> {
        let table = openai_routes(RouteTableBuilder::default());
        let work = |table: RouteTableBuilder, path: &'static str, feature: &'static str| {
            table.route(Method::POST, path, Access::Feature(feature.into()))
        };
        let table = match self.0 {
            Engine::OpenAi => table,
            Engine::Ollama => {
                let table = work(table, "/api/chat", "chat");
                let table = work(table, "/api/generate", "chat");
                let table = work(table, "/api/embed", "embeddings");
                table
                    .signed_in(Method::GET, "/api/tags")
                    .signed_in(Method::GET, "/api/version")
                    .admin(Method::POST, "/api/pull")
                    .admin(Method::POST, "/api/create")
                    .admin(Method::POST, "/api/copy")
                    .admin(Method::GET, "/api/ps")
                    .admin(Method::DELETE, "/api/delete")
                    .admin(Method::POST, "/api/blobs/{digest}")
            }
            Engine::Vllm => work(table, "/score", "rerank"),
            Engine::LlamaCpp => work(table, "/completion", "chat").admin(Method::GET, "/slots"),
        };
        table.rules().to_vec()
    }
}
