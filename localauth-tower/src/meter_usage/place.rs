//! Which parts of an answer are looked at: a path through its JSON, one key at a time.

/// Where in an answer a value stands. Everything that is not looked at is [`Place::Elsewhere`], all the way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing of interest here or further in.
    Elsewhere,
    /// The document itself.
    Root,
    /// `response` of a Responses event, `message` of a Messages event: the answer within an event.
    Answer,
    /// The model's name.
    Model,
    /// The token counts.
    Usage,
    /// Within the counts: tokens read.
    Read,
    /// Within the counts: tokens written.
    Written,
    /// Within the counts: both together.
    Total,
    /// `choices`, and one of them.
    Choices,
    Choice,
    /// `choices[].message` or `choices[].delta`.
    Message,
    /// `tool_calls`, one of them, and its `function`.
    Calls,
    Call,
    Function,
    /// A string that the model wrote.
    Text,
    /// Written text: a string, or a list of parts.
    Parts,
    Part,
    /// `delta` of an event: a string, or an object with one.
    Delta,
    /// `output` of a Responses answer, and one of its items.
    Items,
    Item,
    /// `data` of an embeddings answer, and one of it.
    Data,
    Datum,
    Embedding,
}

impl Place {
    /// The place of the value under `key`, when this is an object.
    pub(super) fn under(self, key: &[u8]) -> Self {
        match self {
            Self::Root => match key {
                b"model" => Self::Model,
                b"usage" => Self::Usage,
                b"choices" => Self::Choices,
                b"delta" => Self::Delta,
                b"response" | b"message" => Self::Answer,
                b"output" => Self::Items,
                b"content" => Self::Parts,
                b"data" => Self::Data,
                _ => Self::Elsewhere,
            },
            Self::Answer => match key {
                b"model" => Self::Model,
                b"usage" => Self::Usage,
                _ => Self::Elsewhere,
            },
            Self::Usage => match key {
                b"prompt_tokens" | b"input_tokens" => Self::Read,
                b"completion_tokens" | b"output_tokens" => Self::Written,
                b"total_tokens" => Self::Total,
                _ => Self::Elsewhere,
            },
            Self::Choice => match key {
                b"delta" | b"message" => Self::Message,
                b"text" => Self::Text,
                _ => Self::Elsewhere,
            },
            Self::Message => match key {
                b"content" => Self::Parts,
                b"reasoning_content" | b"reasoning" | b"refusal" => Self::Text,
                b"tool_calls" => Self::Calls,
                b"function_call" => Self::Function,
                _ => Self::Elsewhere,
            },
            Self::Call if key == b"function" => Self::Function,
            Self::Function if key == b"arguments" => Self::Text,
            Self::Part | Self::Delta => match key {
                b"text" | b"thinking" | b"partial_json" => Self::Text,
                _ => Self::Elsewhere,
            },
            Self::Item => match key {
                b"content" => Self::Parts,
                b"arguments" => Self::Text,
                _ => Self::Elsewhere,
            },
            Self::Datum if key == b"embedding" => Self::Embedding,
            _ => Self::Elsewhere,
        }
    }

    /// The place of an element, when this is an array.
    pub(super) fn element(self) -> Self {
        match self {
            Self::Choices => Self::Choice,
            Self::Calls => Self::Call,
            Self::Parts => Self::Part,
            Self::Items => Self::Item,
            Self::Data => Self::Datum,
            _ => Self::Elsewhere,
        }
    }

    /// Whether a string here is what the model wrote.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Parts | Self::Delta)
    }

    /// Whether a number here is a count of tokens.
    pub(super) fn is_count(self) -> bool {
        matches!(self, Self::Read | Self::Written | Self::Total)
    }

    /// Whether an answer that has this was made of tokens, so that it should have told how many.
    pub(super) fn costs_tokens(self) -> bool {
        matches!(
            self,
            Self::Answer | Self::Choices | Self::Delta | Self::Items | Self::Parts | Self::Embedding
        )
    }
}
