//! Route packs: what each engine answers, for whom that is, where a model is named in it and how its usage is told.
//!
//! One table an engine, written for one of its releases. What is in no table is denied, so a route that a later release
//! brings is shut until somebody has looked at it. See `docs/packs.md`.

mod llama_cpp;
mod ollama;
mod openai;
mod pack;
mod vllm;

pub use openai::{openai_routes, owned_responses};
pub use pack::{Door, Engine, Pack, Route, UnknownEngine};

/// The routes of an engine.
pub fn pack(engine: Engine) -> &'static Pack {
    match engine {
        Engine::OpenAi => &openai::PACK,
        Engine::Ollama => &ollama::PACK,
        Engine::Vllm => &vllm::PACK,
        Engine::LlamaCpp => &llama_cpp::PACK,
    }
}

#[cfg(test)]
mod tests;
