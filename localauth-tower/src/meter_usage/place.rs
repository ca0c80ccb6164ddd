//! Which parts of an answer are looked at: a path through its JSON, one key at a time.

/// Where in an answer a value stands. Everything that is not looked at is [`Place::Elsewhere`], all the way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing of interest here or further in.
    Elsewhere,
    /// The document itself.
    Root,
    /// One of several answers of llama.cpp, where the document is a list of them.
    Result,
    /// `response` of a Responses event: the answer within an event. Of Ollama's: a string, the text.
    Answer,
    /// `message` of a Messages event, or of Ollama's.
    Start,
    /// The model's name.
    Model,
    /// The token counts.
    Usage,
    /// Within the counts: one of them.
    Count(Count),
    /// Within the counts: how many of the tokens read were in the cache.
    Details,
    /// Counts that stand by themselves, as Ollama and llama.cpp tell them: tokens read, and written, and of those read
    /// how many were in the cache.
    EvalRead,
    EvalWritten,
    EvalCached,
    /// llama.cpp's `timings`.
    Timings,
    /// What kind of event this is.
    Type,
    /// Whether Ollama is done.
    Done,
    /// Whether llama.cpp is.
    Stop,
    /// What an event says of itself: its id, its object's name, when it was made, its number, its content block.
    Id,
    Object,
    Created,
    Sequence,
    Index,
    /// `choices`, and one of them.
    Choices,
    Choice,
    /// Which of the choices it is, and why it ends.
    ChoiceIndex,
    Finish,
    /// `choices[].message` or `choices[].delta`.
    Message,
    /// `tool_calls`, one of them, and its `function`.
    Calls,
    Call,
    Function,
    /// The arguments of a call: a string, or JSON whose strings the model wrote.
    Arguments,
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

/// One of the numbers in `usage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Prompt,
    Input,
    Completion,
    Total,
    Cached,
    CacheRead,
    CacheWritten,
}

impl Place {
    /// The place of the value under `key`, when this is an object.
    pub(super) fn under(self, key: &[u8]) -> Self {
        match self {
            Self::Root => match key {
                b"usage" => Self::Usage,
                b"choices" => Self::Choices,
                b"delta" => Self::Delta,
                b"response" => Self::Answer,
                b"message" => Self::Start,
                b"output" => Self::Items,
                b"data" => Self::Data,
                b"type" => Self::Type,
                b"id" => Self::Id,
                b"object" => Self::Object,
                b"created" | b"created_at" => Self::Created,
                b"sequence_number" => Self::Sequence,
                b"index" => Self::Index,
                b"thinking" => Self::Text,
                b"done" => Self::Done,
                b"prompt_eval_count" => Self::EvalRead,
                b"eval_count" => Self::EvalWritten,
                b"embeddings" => Self::Embedding,
                _ => Self::Result.under(key),
            },
            Self::Result => match key {
                b"content" => Self::Parts,
                b"model" => Self::Model,
                b"stop" => Self::Stop,
                b"tokens_evaluated" => Self::EvalRead,
                b"tokens_predicted" => Self::EvalWritten,
                b"timings" => Self::Timings,
                b"embedding" => Self::Embedding,
                _ => Self::Elsewhere,
            },
            Self::Timings if key == b"cache_n" => Self::EvalCached,
            Self::Start if !matches!(key, b"model" | b"usage") => Self::Message.under(key),
            Self::Answer | Self::Start => match key {
                b"model" => Self::Model,
                b"usage" => Self::Usage,
                b"id" => Self::Id,
                b"created_at" => Self::Created,
                _ => Self::Elsewhere,
            },
            Self::Usage => match key {
                b"prompt_tokens" => Self::Count(Count::Prompt),
                b"input_tokens" => Self::Count(Count::Input),
                b"completion_tokens" | b"output_tokens" => Self::Count(Count::Completion),
                b"total_tokens" => Self::Count(Count::Total),
                b"prompt_cache_hit_tokens" => Self::Count(Count::Cached),
                b"cache_read_input_tokens" => Self::Count(Count::CacheRead),
                b"cache_creation_input_tokens" => Self::Count(Count::CacheWritten),
                b"prompt_tokens_details" | b"input_tokens_details" => Self::Details,
                _ => Self::Elsewhere,
            },
            Self::Details if key == b"cached_tokens" => Self::Count(Count::Cached),
            Self::Choice => match key {
                b"delta" | b"message" => Self::Message,
                b"text" => Self::Text,
                b"index" => Self::ChoiceIndex,
                b"finish_reason" => Self::Finish,
                _ => Self::Elsewhere,
            },
            Self::Message => match key {
                b"content" => Self::Parts,
                b"reasoning_content" | b"reasoning" | b"thinking" | b"refusal" => Self::Text,
                b"tool_calls" => Self::Calls,
                b"function_call" => Self::Function,
                _ => Self::Elsewhere,
            },
            Self::Call if key == b"function" => Self::Function,
            Self::Function if key == b"arguments" => Self::Arguments,
            Self::Arguments => Self::Arguments,
            Self::Part | Self::Delta => match key {
                b"text" | b"thinking" | b"partial_json" => Self::Text,
                b"input" => Self::Arguments,
                _ => Self::Elsewhere,
            },
            Self::Item => match key {
                b"content" => Self::Parts,
                b"arguments" => Self::Arguments,
                _ => Self::Elsewhere,
            },
            Self::Datum if key == b"embedding" => Self::Embedding,
            _ => Self::Elsewhere,
        }
    }

    /// The place of an element, when this is an array.
    pub(super) fn element(self) -> Self {
        match self {
            Self::Root => Self::Result,
            Self::Choices => Self::Choice,
            Self::Calls => Self::Call,
            Self::Parts => Self::Part,
            Self::Items => Self::Item,
            Self::Data => Self::Datum,
            Self::Arguments => Self::Arguments,
            _ => Self::Elsewhere,
        }
    }

    /// Whether a string here is what the model wrote.
    pub(super) fn is_text(self) -> bool {
        matches!(
            self,
            Self::Text | Self::Arguments | Self::Parts | Self::Delta | Self::Answer
        )
    }

    /// Whether a number or name here matters.
    pub(super) fn is_word(self) -> bool {
        matches!(
            self,
            Self::Count(_)
                | Self::EvalRead
                | Self::EvalWritten
                | Self::EvalCached
                | Self::Done
                | Self::Stop
                | Self::Sequence
                | Self::Index
                | Self::ChoiceIndex
        )
    }

    /// Whether an answer that has this was made of tokens, so that it should have told how many.
    pub(super) fn costs_tokens(self) -> bool {
        matches!(
            self,
            Self::Answer | Self::Start | Self::Choices | Self::Delta | Self::Items | Self::Parts | Self::Embedding
        )
    }
}
