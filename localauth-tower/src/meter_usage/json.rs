//! Reads model and token counts out of a JSON answer while it passes.

use super::counts::Counts;
use super::facts::{Document, Head};
use super::found::Found;
use super::place::Place;
use super::text::Escapes;

/// Deeper than this no answer goes; what does is left alone.
const MAX_DEPTH: usize = 128;

/// How deep the places that matter lie.
const PLACES: usize = 16;

/// An incremental reader of JSON documents, in a few hundred bytes of memory and with none of its own.
///
/// It keeps the model and the token counts where an answer has them, adds up the length of the text that the model
/// wrote, and looks at nothing else: not at strings (which may well contain all of that as text) and not at deeper
/// objects. Bytes come in pieces of any size, and how they are cut makes no difference.
///
/// - A document that is no JSON is read up to there. What it told until then stays.
/// - What follows the first document is left alone until [`end_document`](Self::end_document).
#[derive(Debug)]
pub(super) struct JsonTap {
    state: State,
    /// Where the value stands that is being read, or comes next.
    place: Place,
    /// Containers that are open.
    depth: usize,
    /// Which of them are objects, a bit each.
    objects: u128,
    /// Where the outer ones stand.
    places: [Place; PLACES],
    escapes: Escapes,
    found: Found,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a value.
    Value,
    /// Before the first element of an array, or its end.
    FirstElement,
    /// Before the first key of an object, or its end.
    FirstKey,
    /// Before a further key.
    Key,
    /// Between a key and its value.
    Colon,
    /// After a value.
    Next,
    /// In a string that is a key, or a value.
    Text { key: bool },
    /// In a number, or `true`, `false`, `null`.
    Literal,
    /// After the document.
    Over,
    /// After something that is no JSON.
    Broken,
}

impl JsonTap {
    pub(super) fn new() -> Self {
        Self {
            state: State::Value,
            place: Place::Root,
            depth: 0,
            objects: 0,
            places: [Place::Elsewhere; PLACES],
            escapes: Escapes::new(),
            found: Found::new(None),
        }
    }

    /// The same for the documents of a stream, with what they say of themselves.
    pub(super) fn with_head() -> Self {
        Self {
            found: Found::new(Some(Box::new(Head::new()))),
            ..Self::new()
        }
    }

    /// What the documents of a stream said of themselves, each thing as the last of them had it.
    pub(super) fn head(&self) -> Option<&Head> {
        self.found.head.as_deref()
    }

    /// The model's name, once it is known.
    pub(super) fn model(&self) -> &str {
        self.found.model()
    }

    /// The token counts, once they are known.
    pub(super) const fn counts(&self) -> Option<Counts> {
        self.found.counts
    }

    /// Whether this is an answer that was made of tokens, told or not.
    pub(super) const fn costs_tokens(&self) -> bool {
        self.found.costs_tokens
    }

    /// What the present document has come to so far.
    pub(super) const fn document(&self) -> &Document {
        &self.found.document
    }

    /// Begins with the next document, and says what this one came to.
    pub(super) fn end_document(&mut self) -> Document {
        self.state = State::Value;
        self.place = Place::Root;
        self.depth = 0;
        self.objects = 0;
        std::mem::take(&mut self.found.document)
    }

    /// Reads on.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, after)) = bytes.split_first() {
            bytes = match self.state {
                State::Text { key } => self.text(bytes, key),
                State::Literal => self.literal(bytes),
                State::Over | State::Broken => return,
                _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => after,
                State::Value | State::FirstElement if matches!(byte, b'-' | b'0'..=b'9' | b'a'..=b'z' | b'I' | b'N') => {
                    self.begin_literal();
                    bytes
                }
                _ => {
                    self.punctuation(byte);
                    after
                }
            };
        }
    }

    /// One byte outside of strings, numbers and names.
    fn punctuation(&mut self, byte: u8) {
        match (self.state, byte) {
            (State::Value | State::FirstElement, b'"') => self.begin_string(),
            (State::Value | State::FirstElement, b'{') => self.open(true),
            (State::Value | State::FirstElement, b'[') => self.open(false),
            (State::FirstKey | State::Key, b'"') => self.begin_key(),
            (State::Colon, b':') => self.state = State::Value,
            (State::Next, b',') if self.in_object() => self.state = State::Key,
            (State::Next, b',') => {
                self.place = self.here().element();
                self.state = State::Value;
            }
            (State::FirstKey | State::Next, b'}') if self.in_object() => self.close(),
            (State::FirstElement | State::Next, b']') if !self.in_object() => self.close(),
            _ => self.state = State::Broken,
        }
    }

    /// Where the innermost open container stands.
    fn here(&self) -> Place {
        self.depth
            .checked_sub(1)
            .and_then(|at| self.places.get(at))
            .copied()
            .unwrap_or(Place::Elsewhere)
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn open(&mut self, object: bool) {
        if self.depth == MAX_DEPTH {
            self.state = State::Broken;
            return;
        }
        if let Some(place) = self.places.get_mut(self.depth) {
            *place = self.place;
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        self.found.open(self.place);
        if object {
            self.state = State::FirstKey;
        } else {
            self.place = self.place.element();
            self.state = State::FirstElement;
        }
    }

    fn close(&mut self) {
        if self.in_object() {
            self.found.close_object(self.here(), self.depth);
        } else {
            let is_empty = self.state == State::FirstElement;
            self.found.close_array(self.here(), is_empty);
        }
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        self.end_value();
    }

    fn end_value(&mut self) {
        self.found.document.complete = self.depth == 0;
        self.state = if self.depth == 0 { State::Over } else { State::Next };
    }

    fn begin_key(&mut self) {
        self.state = State::Text { key: true };
        self.escapes.reset();
        self.found.begin_key(self.here() != Place::Elsewhere);
    }

    fn begin_string(&mut self) {
        self.state = State::Text { key: false };
        self.escapes.reset();
        self.found.begin_string(self.place);
    }

    /// In a string: up to its end, or that of what there is.
    fn text<'b>(&mut self, bytes: &'b [u8], key: bool) -> &'b [u8] {
        if self.escapes.is_open() {
            return self.escape(bytes);
        }
        let end = memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
        let (run, rest) = bytes.split_at(end);
        if let Some((b'"', rest)) = rest.split_first() {
            if key {
                self.place = self.found.end_key(self.here(), run);
                self.state = State::Colon;
            } else {
                self.found.keep(run);
                self.found.end_string();
                self.end_value();
            }
            return rest;
        }
        if !run.is_empty() {
            self.escapes.reset();
            self.found.keep(run);
        }
        match rest.split_first() {
            Some((_, rest)) => {
                self.escapes.open();
                rest
            }
            None => rest,
        }
    }

    fn escape<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some((&byte, rest)) = bytes.split_first() else {
            return bytes;
        };
        match self.escapes.read(byte) {
            Ok(Some(char)) => self.found.keep(char.encode_utf8(&mut [0; 4]).as_bytes()),
            Ok(None) => {}
            Err(_) => self.state = State::Broken,
        }
        rest
    }

    fn begin_literal(&mut self) {
        self.state = State::Literal;
        self.found.begin_literal(self.place);
    }

    /// In a number or name: up to its end, or that of what there is.
    fn literal<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-');
        let end = bytes.iter().position(|byte| !inside(byte)).unwrap_or(bytes.len());
        let (run, rest) = bytes.split_at(end);
        self.found.keep(run);
        if !rest.is_empty() {
            self.found.end_literal(self.place);
            self.end_value();
        }
        rest
    }
}
