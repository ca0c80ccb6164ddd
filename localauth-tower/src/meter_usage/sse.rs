//! Reads model and token counts out of an event stream while it passes.

use super::counts::tokens_of_piece;
use super::json::JsonTap;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An incremental reader of `text/event-stream` whose events carry JSON.
///
/// Lines end in any of the three ways, comments and other fields are passed over, several `data` lines of an event are
/// one document. Nothing is buffered: what stands after `data:` goes to the [`JsonTap`] as it comes. `[DONE]` is no JSON
/// that tells anything, and needs no care.
#[derive(Debug)]
pub(super) struct EventTap {
    tap: JsonTap,
    line: Line,
    /// After a carriage return: a line feed belongs to it.
    line_feed_follows: bool,
    /// Whether the present event has had data.
    has_data: bool,
    /// Tokens written since the last time that the server told how many.
    uncounted: u64,
}

/// Where in a line the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// At the very beginning, after so many bytes of a byte order mark.
    Mark(u8),
    /// After so many bytes that could be the name `data`.
    Name(u8),
    /// After `data:`, where one space is allowed.
    Space,
    /// In the data.
    Data,
    /// In something else.
    Other,
}

impl EventTap {
    pub(super) const fn new() -> Self {
        Self {
            tap: JsonTap::new(),
            line: Line::Mark(0),
            line_feed_follows: false,
            has_data: false,
            uncounted: 0,
        }
    }

    /// What the events told so far.
    pub(super) const fn told(&self) -> &JsonTap {
        &self.tap
    }

    /// Tokens written that the server did not count (yet). Ends the present event.
    pub(super) fn uncounted(&mut self) -> u64 {
        self.end_event();
        self.uncounted
    }

    /// Reads on.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, after)) = bytes.split_first() {
            if std::mem::take(&mut self.line_feed_follows) && byte == b'\n' {
                bytes = after;
                continue;
            }
            let line = self.line;
            bytes = match line {
                Line::Data | Line::Other => self.rest_of_line(bytes),
                Line::Space => {
                    self.line = Line::Data;
                    if byte == b' ' { after } else { bytes }
                }
                Line::Name(matched) => {
                    self.name(byte, matched);
                    after
                }
                // A byte that is none of the mark is one of the first line.
                Line::Mark(matched) if self.mark(byte, matched) => after,
                Line::Mark(_) => bytes,
            };
        }
    }

    /// Whether `byte` goes on with the byte order mark.
    fn mark(&mut self, byte: u8, matched: u8) -> bool {
        let is_mark = BYTE_ORDER_MARK.get(usize::from(matched)) == Some(&byte);
        self.line = match (is_mark, matched) {
            (true, 2) | (false, 0) => Line::Name(0),
            (true, _) => Line::Mark(matched + 1),
            (false, _) => Line::Other,
        };
        is_mark
    }

    fn name(&mut self, byte: u8, matched: u8) {
        match (b"data".get(usize::from(matched)), byte) {
            (_, b'\n' | b'\r') => {
                match matched {
                    0 => self.end_event(),
                    // The field without a value.
                    4 => self.begin_data(),
                    _ => {}
                }
                self.end_line(byte);
            }
            (None, b':') => {
                self.begin_data();
                self.line = Line::Space;
            }
            (Some(&expected), byte) if byte == expected => self.line = Line::Name(matched + 1),
            _ => self.line = Line::Other,
        }
    }

    fn rest_of_line<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let end = memchr::memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
        let (run, rest) = bytes.split_at(end);
        if self.line == Line::Data {
            self.tap.read(run);
        }
        let Some((&byte, rest)) = rest.split_first() else {
            return rest;
        };
        self.end_line(byte);
        rest
    }

    fn begin_data(&mut self) {
        if std::mem::replace(&mut self.has_data, true) {
            self.tap.read(b"\n");
        }
    }

    fn end_line(&mut self, byte: u8) {
        self.line_feed_follows = byte == b'\r';
        self.line = Line::Name(0);
    }

    fn end_event(&mut self) {
        if std::mem::take(&mut self.has_data) {
            let document = self.tap.end_document();
            let written = tokens_of_piece(document.text_bytes);
            self.uncounted = if document.counted {
                0
            } else {
                self.uncounted.saturating_add(written)
            };
        }
    }
}
