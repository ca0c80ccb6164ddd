//! What one document tells: a whole answer, or one event of a stream.

use super::counts::Counts;
use super::text::Kept;

/// What one document came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether a document has something, whatever else it has"
)]
pub(super) struct Document {
    /// Bytes of text that the model wrote.
    pub(super) text_bytes: u64,
    /// Whether it told how many tokens were written, this text included.
    pub(super) counted: bool,
    /// Whether it was read to its end.
    pub(super) complete: bool,
    /// Whether it had a `usage` object of its own, whatever was in it.
    pub(super) has_usage: bool,
    /// What kind of event it says it is.
    pub(super) kind: Kind,
    /// Whether Ollama says that this is the last.
    pub(super) done: bool,
    /// Whether it had a message, as Ollama's chat has.
    pub(super) has_message: bool,
    /// Its `choices`.
    pub(super) choices: Choices,
    /// The content block it is about.
    pub(super) index: Option<u64>,
    /// Its place in a numbered stream.
    pub(super) sequence: Option<u64>,
    /// Counts that stand by themselves, of the answer that is being read.
    pub(super) eval: Counts,
    /// Whether that answer is complete, where llama.cpp says.
    pub(super) stop: Option<bool>,
    /// Whether it said so of any.
    pub(super) says_stop: bool,
    /// Tokens written in answers that llama.cpp said are complete.
    pub(super) finished: u64,
}

/// The `choices` of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Choices {
    /// Whether it had any such list.
    pub(super) listed: bool,
    /// Whether there was nothing in it.
    pub(super) empty: bool,
    /// Which choices it was about, a bit each.
    pub(super) seen: u128,
    /// Those that it ended.
    pub(super) finished: u128,
    /// The one that is being read: its index, and whether it ends.
    open: (u64, bool),
}

impl Choices {
    pub(super) const fn begin(&mut self) {
        self.open = (0, false);
    }

    pub(super) const fn index(&mut self, index: u64) {
        self.open.0 = index;
    }

    pub(super) const fn finish(&mut self) {
        self.open.1 = true;
    }

    pub(super) fn end(&mut self) {
        let (index, finished) = self.open;
        // More than OpenAI gives at once are not told apart.
        let bit = u32::try_from(index)
            .ok()
            .and_then(|index| 1_u128.checked_shl(index))
            .unwrap_or(0);
        self.seen |= bit;
        self.finished |= if finished { bit } else { 0 };
    }
}

/// What kind of event a document says it is, as far as that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    /// It does not say, or says something else.
    #[default]
    Other,
    /// Of Anthropic's messages.
    Message,
    /// The beginning of a content block.
    BlockStart,
    /// Its end.
    BlockStop,
    /// The last event of a message.
    MessageStop,
    /// Of OpenAI's responses.
    Response,
    /// The last event of a response.
    ResponseOver,
}

impl Kind {
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            b"message_start" | b"message_delta" | b"content_block_delta" => Self::Message,
            b"content_block_start" => Self::BlockStart,
            b"content_block_stop" => Self::BlockStop,
            b"message_stop" => Self::MessageStop,
            b"response.completed" | b"response.failed" | b"response.incomplete" => Self::ResponseOver,
            _ if name.starts_with(b"response.") => Self::Response,
            _ => Self::Other,
        }
    }

    /// Whether nothing follows an event of this kind.
    pub(super) const fn is_last(self) -> bool {
        matches!(self, Self::MessageStop | Self::ResponseOver)
    }
}

impl Document {
    /// Whether it is of another answer than the first, of several that llama.cpp writes at once.
    pub(super) fn is_of_many(&self) -> bool {
        self.says_stop && self.index.is_some_and(|index| index > 0)
    }

    /// Whether this is the chunk that OpenAI's streams have for usage, with nothing else in it.
    pub(super) const fn is_usage_alone(&self) -> bool {
        self.complete && self.has_usage && self.choices.empty && self.choices.seen == 0
    }
}

/// What the documents of a stream say of themselves: what an end that is put to it has to repeat.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) id: Kept<256>,
    pub(super) object: Kept<64>,
    /// When it was made: a number, or a text.
    pub(super) created: Kept<64>,
    pub(super) created_is_text: bool,
}

impl Head {
    pub(super) const fn new() -> Self {
        Self {
            id: Kept::new(),
            object: Kept::new(),
            created: Kept::new(),
            created_is_text: false,
        }
    }
}
