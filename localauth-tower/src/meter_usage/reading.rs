//! What an answer's head says about how to read its body, and what the body came to.

use std::io::IoSlice;

use bytes::Buf;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::counts::tokens_of_text;
use super::json::JsonTap;
use super::sse::EventTap;

/// Slices of one frame that are looked at.
const SLICES: usize = 16;

/// How an answer is being read.
#[derive(Debug)]
pub(super) enum Reading {
    /// There is no answer yet.
    NoAnswer,
    /// An answer that is not made of tokens: an image, speech, a file.
    Opaque,
    /// One that cannot be read, but would tell tokens: it is compressed.
    Sealed,
    /// A JSON document.
    Json(JsonTap),
    /// A stream of events.
    Events(EventTap),
}

/// What an answer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) model: String,
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    pub(super) estimated: bool,
}

/// What a body is, by its content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Events,
    Other,
}

impl Media {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.as_bytes();
        let essence = value
            .split(|&byte| byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        Some(if essence.eq_ignore_ascii_case(b"application/json") {
            Self::Json
        } else if essence.eq_ignore_ascii_case(b"text/event-stream") {
            Self::Events
        } else {
            Self::Other
        })
    }
}

/// Tokens that a request is taken for: as many as its JSON has text for. Pictures and sound are not told apart by length.
pub(super) fn prompt_estimate(headers: &HeaderMap, body_bytes: u64) -> u64 {
    match Media::of(headers) {
        Some(Media::Json) | None => tokens_of_text(body_bytes),
        Some(Media::Events | Media::Other) => 0,
    }
}

impl Reading {
    /// How to read the body that comes with these headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let is_plain = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
        match Media::of(headers) {
            Some(Media::Json | Media::Events) if !is_plain => Self::Sealed,
            Some(Media::Json) => Self::Json(JsonTap::new()),
            Some(Media::Events) => Self::Events(EventTap::new()),
            Some(Media::Other) | None => Self::Opaque,
        }
    }

    /// Looks at a frame, without taking anything out of it.
    pub(super) fn read(&mut self, data: &impl Buf) {
        if !matches!(self, Self::Json(_) | Self::Events(_)) {
            return;
        }
        let chunk = data.chunk();
        if chunk.len() == data.remaining() {
            self.read_bytes(chunk);
            return;
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = data.chunks_vectored(&mut slices);
        let slices = slices.get(..filled).unwrap_or_default();
        for slice in slices {
            self.read_bytes(slice);
        }
        // The rest could only be had by taking it out.
        if slices.iter().map(|slice| slice.len()).sum::<usize>() < data.remaining() {
            *self = Self::Sealed;
        }
    }

    fn read_bytes(&mut self, bytes: &[u8]) {
        match self {
            Self::Json(tap) => tap.read(bytes),
            Self::Events(tap) => tap.read(bytes),
            Self::NoAnswer | Self::Opaque | Self::Sealed => {}
        }
    }

    /// What the answer came to, `ended` by itself or not.
    pub(super) fn measure(&mut self, ended: bool, prompt_estimate: u64) -> Measured {
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
                Measured::told(tap, uncounted, ended || document.complete, prompt_estimate)
            }
            Self::Events(tap) => {
                let uncounted = tap.uncounted();
                Measured::told(tap.told(), uncounted, ended, prompt_estimate)
            }
        }
    }
}

impl Measured {
    fn nothing(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            prompt_tokens: 0,
            completion_tokens: 0,
            estimated: false,
        }
    }

    /// What the server told, with what it did not tell added.
    fn told(tap: &JsonTap, uncounted: u64, ended: bool, prompt_estimate: u64) -> Self {
        let counts = tap.counts();
        if counts.is_none() && ended && !tap.costs_tokens() {
            return Self::nothing(tap.model());
        }
        let counts = counts.unwrap_or_default();
        Self {
            model: tap.model().to_owned(),
            prompt_tokens: counts.prompt.unwrap_or(prompt_estimate),
            completion_tokens: counts.completion.unwrap_or(0).saturating_add(uncounted),
            estimated: counts.prompt.is_none() || uncounted > 0,
        }
    }
}
