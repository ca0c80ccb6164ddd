//! Which family a stream belongs to, and where in it the client is.

use super::facts::{Document, Kind};

/// A family of streams, by what their events look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// OpenAI's chat completions.
    Chat,
    /// OpenAI's text completions.
    Completions,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
    /// Ollama's chat.
    OllamaChat,
    /// Ollama's completions.
    OllamaGenerate,
    /// llama.cpp's completions.
    LlamaCpp,
}

impl Dialect {
    /// What an event looks like.
    fn of(document: &Document, is_lines: bool) -> Option<Self> {
        Some(match document.kind {
            Kind::Message | Kind::BlockStart | Kind::BlockStop | Kind::MessageStop => Self::Messages,
            Kind::Response | Kind::ResponseOver => Self::Responses,
            Kind::Other if !document.complete => return None,
            Kind::Other if is_lines && document.has_message => Self::OllamaChat,
            Kind::Other if is_lines => Self::OllamaGenerate,
            Kind::Other if document.choices.listed => Self::Chat,
            Kind::Other if document.says_stop => Self::LlamaCpp,
            Kind::Other => return None,
        })
    }

    /// What is to be expected at a path.
    pub(super) fn at(path: &str, is_lines: bool) -> Self {
        let ends = |end: &str| path.trim_end_matches('/').ends_with(end);
        if is_lines && ends("/chat") {
            Self::OllamaChat
        } else if is_lines {
            Self::OllamaGenerate
        } else if ends("/completion") || ends("/infill") {
            Self::LlamaCpp
        } else if ends("/messages") {
            Self::Messages
        } else if ends("/responses") {
            Self::Responses
        } else if ends("/completions") && !ends("/chat/completions") {
            Self::Completions
        } else {
            Self::Chat
        }
    }
}

/// Where in a stream the client is: what a well-formed end has to take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks {
    pub(super) dialect: Option<Dialect>,
    /// The choices there were, a bit each.
    pub(super) seen: u128,
    /// Those of them that have ended.
    pub(super) finished: u128,
    /// The content block that is open.
    pub(super) block: Option<u64>,
    /// The number of the last event that had one.
    pub(super) sequence: Option<u64>,
}

impl Marks {
    /// The same after this document.
    pub(super) fn after(mut self, document: &Document, is_lines: bool) -> Self {
        self.dialect = self.dialect.or_else(|| Dialect::of(document, is_lines));
        self.seen |= document.choices.seen;
        self.finished |= document.choices.finished;
        match document.kind {
            Kind::BlockStart => self.block = Some(document.index.unwrap_or(0)),
            Kind::BlockStop => self.block = None,
            _ => {}
        }
        self.sequence = document.sequence.or(self.sequence);
        self
    }
}
