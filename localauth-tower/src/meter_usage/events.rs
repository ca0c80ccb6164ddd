//! Reads model and token counts out of a stream of events while it passes.

use super::counts::{Counts, tokens_of_piece};
use super::facts::Document;
use super::json::JsonTap;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the last event of OpenAI's streams says.
const DONE: &[u8] = b"[DONE]";

/// An incremental reader of events that carry JSON: `text/event-stream`, or a document a line (`application/x-ndjson`).
///
/// Lines end in any of the three ways, comments and other fields are passed over, several `data` lines of an event are
/// one document. Nothing is buffered: what stands after `data:` goes to the [`JsonTap`] as it comes.
#[derive(Debug)]
pub(super) struct EventTap {
    tap: JsonTap,
    line: Line,
    /// After a carriage return: a line feed belongs to it.
    line_feed_follows: bool,
    /// Whether that is the line feed of the last event's end.
    tail_follows: bool,
    /// Whether the present event has had data.
    has_data: bool,
    /// How much of [`DONE`] the present event's data is; `None` when it is something else.
    done: Option<usize>,
    tally: Tally,
}

/// What a stream came to so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// What the server told.
    pub(super) counts: Option<Counts>,
    /// Tokens written since the last time that it told how many.
    pub(super) uncounted: u64,
    /// Whether it is of several answers, each of which tells how many tokens it had.
    pub(super) is_of_many: bool,
}

impl Tally {
    /// Tokens written.
    pub(super) fn written(&self) -> u64 {
        let told = self.counts.and_then(|counts| counts.completion);
        told.unwrap_or(0).saturating_add(self.uncounted)
    }

    /// The same after this document.
    fn after(mut self, document: &Document, counts: Option<Counts>) -> Self {
        self.counts = counts;
        self.is_of_many |= document.is_of_many();
        self.uncounted = if document.counted && self.is_of_many {
            // Those of the others are still to be told.
            self.uncounted.saturating_sub(document.finished)
        } else if document.counted {
            0
        } else {
            self.uncounted.saturating_add(tokens_of_piece(document.text_bytes))
        };
        self
    }
}

/// An event that was read to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) document: Document,
    /// Whether it is the last.
    pub(super) is_last: bool,
}

/// Where in a line the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// In a line that is a document.
    Document,
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
    /// A reader of `text/event-stream`.
    pub(super) fn sse() -> Self {
        Self::new(Line::Mark(0))
    }

    /// A reader of a document a line.
    pub(super) fn lines() -> Self {
        Self::new(Line::Document)
    }

    fn new(line: Line) -> Self {
        Self {
            tap: JsonTap::with_head(),
            line,
            line_feed_follows: false,
            tail_follows: false,
            has_data: false,
            done: Some(0),
            tally: Tally::default(),
        }
    }

    /// What the events told so far.
    pub(super) const fn told(&self) -> &JsonTap {
        &self.tap
    }

    /// Whether each line is an event.
    pub(super) fn is_lines(&self) -> bool {
        self.line == Line::Document
    }

    /// What the stream came to, the present event included as far as it goes.
    pub(super) fn tally(&self) -> Tally {
        if self.has_data {
            self.tally.after(self.tap.document(), self.tap.counts())
        } else {
            self.tally
        }
    }

    /// Whether the present event is the last one, which may be known before its end.
    pub(super) fn is_last(&self) -> bool {
        let document = self.tap.document();
        if self.is_lines() {
            document.complete && document.done
        } else {
            let says_so = document.complete && document.kind.is_last();
            self.has_data && (says_so || self.done == Some(DONE.len()))
        }
    }

    /// Whether `bytes` begin with what belongs to the end of the event before: the second half of a line's end.
    pub(super) fn is_tail(&self, bytes: &[u8]) -> bool {
        self.tail_follows && bytes.first() == Some(&b'\n')
    }

    /// Reads on, to the end of the present event or of what there is, and says how far that was.
    pub(super) fn read(&mut self, bytes: &[u8]) -> (usize, Option<Event>) {
        self.tail_follows = false;
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if std::mem::take(&mut self.line_feed_follows) && byte == b'\n' {
                rest = after;
                continue;
            }
            let mut event = None;
            let line = self.line;
            rest = match line {
                Line::Document => {
                    let (rest, end) = self.document_line(rest);
                    event = end;
                    rest
                }
                Line::Data | Line::Other => self.rest_of_line(rest),
                Line::Space => {
                    self.line = Line::Data;
                    if byte == b' ' { after } else { rest }
                }
                Line::Name(matched) => {
                    event = self.name(byte, matched);
                    after
                }
                // A byte that is none of the mark is one of the first line.
                Line::Mark(matched) if self.mark(byte, matched) => after,
                Line::Mark(_) => rest,
            };
            if event.is_some() {
                // The second half of the line's end, where it is at hand.
                if self.line_feed_follows && rest.first() == Some(&b'\n') {
                    self.line_feed_follows = false;
                    rest = rest.get(1..).unwrap_or_default();
                }
                self.tail_follows = self.line_feed_follows;
                return (bytes.len() - rest.len(), event);
            }
        }
        (bytes.len(), None)
    }

    /// One line of a document a line.
    fn document_line<'b>(&mut self, bytes: &'b [u8]) -> (&'b [u8], Option<Event>) {
        let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
        let (run, rest) = bytes.split_at(end);
        self.has_data |= !run.trim_ascii().is_empty();
        self.tap.read(run);
        match rest.split_first() {
            Some((_, rest)) => (rest, Some(self.end_event())),
            None => (rest, None),
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

    fn name(&mut self, byte: u8, matched: u8) -> Option<Event> {
        let mut event = None;
        match (b"data".get(usize::from(matched)), byte) {
            (_, b'\n' | b'\r') => {
                match matched {
                    0 => event = Some(self.end_event()),
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
        event
    }

    fn rest_of_line<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let end = memchr::memchr2(b'\n', b'\r', bytes).unwrap_or(bytes.len());
        let (run, rest) = bytes.split_at(end);
        if self.line == Line::Data {
            self.match_done(run);
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
            self.match_done(b"\n");
            self.tap.read(b"\n");
        }
    }

    /// Whether the data still is [`DONE`]; what comes after that is no matter.
    fn match_done(&mut self, run: &[u8]) {
        self.done = self.done.and_then(|matched| {
            let expected = DONE.get(matched..).unwrap_or_default();
            let both = expected.len().min(run.len());
            (expected.get(..both) == run.get(..both)).then_some(matched + both)
        });
    }

    fn end_line(&mut self, byte: u8) {
        self.line_feed_follows = byte == b'\r';
        self.line = Line::Name(0);
    }

    /// Ends the present event.
    pub(super) fn end_event(&mut self) -> Event {
        let is_last = self.is_last();
        self.tally = self.tally();
        self.has_data = false;
        self.done = Some(0);
        Event {
            document: self.tap.end_document(),
            is_last,
        }
    }
}
