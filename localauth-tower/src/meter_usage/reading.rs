//! What an answer's head says about how to read its body, and what the body came to.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::counts::tokens_of_text;
use super::events::{EventTap, Tally};
use super::json::JsonTap;
use super::streaming::Streaming;

/// How an answer is to be read.
#[derive(Debug)]
pub(super) enum Reading {
    /// There is no answer yet.
    NoAnswer,
    /// An answer that is not made of tokens: an image, speech, a file.
    Opaque,
    /// One that cannot be read, but would tell tokens: it is compressed, or of bytes where it could have been JSON.
    Sealed,
    /// A JSON document.
    Json(Box<JsonTap>),
    /// A stream of events.
    Events(Box<Streaming>),
}

/// What an answer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Measured {
    /// The model that answered; empty when the answer named none.
    pub(crate) model: String,
    /// Tokens read.
    pub(crate) prompt_tokens: u64,
    /// Those of them that were in the cache.
    pub(crate) cached_tokens: u64,
    /// Tokens written, as far as they were sent.
    pub(crate) completion_tokens: u64,
    /// Whether any of that had to be estimated.
    pub(crate) estimated: bool,
}

/// What a body is, by its content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Events,
    Lines,
    Other,
}

impl Media {
    fn of(headers: &HeaderMap) -> Option<Self> {
        const KNOWN: [(&str, Media); 4] = [
            ("application/json", Media::Json),
            ("text/event-stream", Media::Events),
            ("application/x-ndjson", Media::Lines),
            ("application/ndjson", Media::Lines),
        ];
        let value = headers.get(CONTENT_TYPE)?.as_bytes();
        let essence = value
            .split(|&byte| byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let known = KNOWN
            .iter()
            .find(|(name, _)| essence.eq_ignore_ascii_case(name.as_bytes()));
        Some(known.map_or(Self::Other, |&(_, media)| media))
    }
}

/// Tokens that a request is taken for: as many as its JSON has text for. Pictures and sound are not told apart by length.
pub(super) fn prompt_estimate(headers: &HeaderMap, body_bytes: u64) -> u64 {
    match Media::of(headers) {
        Some(Media::Json) | None => tokens_of_text(body_bytes),
        Some(Media::Events | Media::Lines | Media::Other) => 0,
    }
}

impl Reading {
    /// How to read the body that comes with these headers; `stream` is to watch over a stream of events.
    pub(super) fn of(headers: &HeaderMap, stream: impl FnOnce(EventTap) -> Streaming) -> Self {
        let events = |tap| Self::Events(Box::new(stream(tap)));
        let is_plain = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
        match Media::of(headers) {
            Some(Media::Json | Media::Events | Media::Lines) if !is_plain => Self::Sealed,
            Some(Media::Json) => Self::Json(Box::new(JsonTap::new())),
            Some(Media::Events) => events(EventTap::sse()),
            Some(Media::Lines) => events(EventTap::lines()),
            Some(Media::Other) | None => Self::Opaque,
        }
    }

    /// This is an answer that would tell tokens, if it could be read.
    pub(super) fn seal(&mut self) {
        if matches!(self, Self::Opaque) {
            *self = Self::Sealed;
        }
    }

    /// Looks at a frame as it passes: whether what has been read is all there will be.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Json(tap) => {
                tap.read(bytes);
                tap.document().complete
            }
            Self::NoAnswer | Self::Opaque | Self::Sealed | Self::Events(_) => false,
        }
    }

    /// What the answer came to, `ended` by itself or not.
    pub(super) fn measure(&self, ended: bool, prompt_estimate: u64) -> Measured {
        match self {
            Self::Opaque => Measured::nothing(""),
            Self::NoAnswer | Self::Sealed => Measured {
                prompt_tokens: prompt_estimate,
                estimated: true,
                ..Measured::nothing("")
            },
            Self::Json(tap) => {
                let document = tap.document();
                let uncounted = if document.counted {
                    0
                } else {
                    tokens_of_text(document.text_bytes)
                };
                let counts = tap.counts();
                let ended = ended || document.complete;
                let tally = Tally {
                    counts,
                    uncounted,
                    is_of_many: false,
                };
                Measured::told(tap, tally, ended, prompt_estimate)
            }
            Self::Events(events) => {
                let tap = events.stream.tap().told();
                Measured::told(tap, events.stream.sent().tally, ended, prompt_estimate)
            }
        }
    }
}

impl Measured {
    fn nothing(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            prompt_tokens: 0,
            cached_tokens: 0,
            completion_tokens: 0,
            estimated: false,
        }
    }

    /// What the server told, with what it did not tell added.
    pub(super) fn told(tap: &JsonTap, tally: Tally, ended: bool, prompt_estimate: u64) -> Self {
        if tally.counts.is_none() && ended && !tap.costs_tokens() {
            return Self::nothing(tap.model());
        }
        let counts = tally.counts.unwrap_or_default();
        Self {
            model: tap.model().to_owned(),
            prompt_tokens: counts.prompt().unwrap_or(prompt_estimate),
            cached_tokens: counts.cached(),
            completion_tokens: tally.written(),
            estimated: counts.prompt().is_none() || tally.uncounted > 0,
        }
    }
}
