//! Reads model and token counts out of a JSON answer while it passes.

use super::counts::{Counts, parse_count};
use super::place::Place;
use super::text::{Escapes, Kept};

/// Deeper than this no answer goes; what does is left alone.
const MAX_DEPTH: usize = 128;

/// How deep the places that matter lie.
const PLACES: usize = 8;

/// The longest model name that is kept.
const MAX_MODEL_BYTES: usize = 256;

/// The longest key or number that matters.
const MAX_WORD_BYTES: usize = 32;

/// An incremental reader of JSON documents, in a few hundred bytes of memory and with none of its own.
///
/// It keeps the model and the token counts where an answer has them, adds up the length of the text that the model
/// wrote, and looks at nothing else: not at strings (which may well contain all of that as text) and not at deeper
/// objects. Bytes come in pieces of any size, and how they are cut makes no difference.
///
/// - Of several models the first that is not empty is kept, of several counts the last. Within one `usage` object the
///   larger of two numbers for the same thing counts: some servers fill in one pair of names and zero the other.
/// - A document that is no JSON is read up to there. What it told until then stays.
/// - What follows the first document is left alone until [`end_document`](Self::end_document).
#[derive(Debug)]
pub(super) struct JsonTap {
    state: State,
    /// What happens to the string or number that is being read.
    sink: Sink,
    /// Where the value stands that is being read, or comes next.
    place: Place,
    /// Containers that are open.
    depth: usize,
    /// Which of them are objects, a bit each.
    objects: u128,
    /// Where the outer ones stand.
    places: [Place; PLACES],
    escapes: Escapes,
    /// The key or number that is being read.
    word: Kept<MAX_WORD_BYTES>,
    /// The `usage` object that is being read.
    open_counts: Counts,
    document: Document,

    model: Kept<MAX_MODEL_BYTES>,
    has_model: bool,
    counts: Option<Counts>,
    costs_tokens: bool,
}

/// What one document came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Document {
    /// Bytes of text that the model wrote.
    pub(super) text_bytes: u64,
    /// Whether it told how many tokens were written, this text included.
    pub(super) counted: bool,
    /// Whether it was read to its end.
    pub(super) complete: bool,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sink {
    Nothing,
    Word,
    Model,
    Written,
}

impl JsonTap {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Value,
            sink: Sink::Nothing,
            place: Place::Root,
            depth: 0,
            objects: 0,
            places: [Place::Elsewhere; PLACES],
            escapes: Escapes::new(),
            word: Kept::new(),
            open_counts: Counts {
                prompt: None,
                completion: None,
                total: None,
            },
            document: Document {
                text_bytes: 0,
                counted: false,
                complete: false,
            },
            model: Kept::new(),
            has_model: false,
            counts: None,
            costs_tokens: false,
        }
    }

    /// The model's name, once it is known.
    pub(super) fn model(&self) -> &str {
        if self.has_model { self.model.as_str() } else { "" }
    }

    /// The token counts, once they are known.
    pub(super) const fn counts(&self) -> Option<Counts> {
        self.counts
    }

    /// Whether this is an answer that was made of tokens, told or not.
    pub(super) const fn costs_tokens(&self) -> bool {
        self.costs_tokens
    }

    /// What the present document has come to so far.
    pub(super) const fn document(&self) -> Document {
        self.document
    }

    /// Begins with the next document, and says what this one came to.
    pub(super) fn end_document(&mut self) -> Document {
        self.state = State::Value;
        self.place = Place::Root;
        self.depth = 0;
        self.objects = 0;
        std::mem::take(&mut self.document)
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
        self.costs_tokens |= self.place.costs_tokens();
        if self.place == Place::Usage {
            self.open_counts = Counts::default();
        }
        if object {
            self.state = State::FirstKey;
        } else {
            self.place = self.place.element();
            self.state = State::FirstElement;
        }
    }

    fn close(&mut self) {
        if self.here() == Place::Usage {
            self.usage();
        }
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        self.end_value();
    }

    fn end_value(&mut self) {
        self.document.complete = self.depth == 0;
        self.state = if self.document.complete {
            State::Over
        } else {
            State::Next
        };
    }

    /// A `usage` object is complete.
    fn usage(&mut self) {
        if let Some(told) = self.open_counts.told() {
            self.document.counted |= told.completion.is_some_and(|tokens| tokens > 0);
            self.counts.get_or_insert_default().update(told);
        }
    }

    fn begin_key(&mut self) {
        self.state = State::Text { key: true };
        self.escapes.reset();
        self.word.clear();
        self.sink = if self.here() == Place::Elsewhere {
            Sink::Nothing
        } else {
            Sink::Word
        };
    }

    fn begin_string(&mut self) {
        self.state = State::Text { key: false };
        self.escapes.reset();
        self.sink = if self.place.is_text() {
            self.costs_tokens = true;
            Sink::Written
        } else if self.place == Place::Model && !self.has_model {
            self.model.clear();
            Sink::Model
        } else {
            self.costs_tokens |= self.place == Place::Embedding;
            Sink::Nothing
        };
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
                self.end_key(run);
            } else {
                self.keep(run);
                self.end_string();
            }
            return rest;
        }
        if !run.is_empty() {
            self.escapes.reset();
            self.keep(run);
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
            Ok(Some(char)) => self.keep(char.encode_utf8(&mut [0; 4]).as_bytes()),
            Ok(None) => {}
            Err(_) => self.state = State::Broken,
        }
        rest
    }

    fn keep(&mut self, run: &[u8]) {
        match self.sink {
            Sink::Nothing => {}
            Sink::Word => self.word.push(run),
            Sink::Model => self.model.push(run),
            Sink::Written => self.document.text_bytes = self.document.text_bytes.saturating_add(run.len() as u64),
        }
    }

    /// A key ends with `run`; mostly that is all of it.
    fn end_key(&mut self, run: &[u8]) {
        self.state = State::Colon;
        self.place = if self.sink == Sink::Nothing {
            Place::Elsewhere
        } else if self.word.is_empty() {
            self.here().under(run)
        } else {
            self.word.push(run);
            let key = self.word.whole();
            key.map_or(Place::Elsewhere, |key| self.here().under(key))
        };
    }

    fn end_string(&mut self) {
        self.has_model |= self.sink == Sink::Model && !self.model.is_empty();
        self.end_value();
    }

    fn begin_literal(&mut self) {
        self.state = State::Literal;
        self.word.clear();
        self.sink = if self.place.is_count() {
            Sink::Word
        } else {
            Sink::Nothing
        };
    }

    /// In a number or name: up to its end, or that of what there is.
    fn literal<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-');
        let end = bytes.iter().position(|byte| !inside(byte)).unwrap_or(bytes.len());
        let (run, rest) = bytes.split_at(end);
        self.keep(run);
        if !rest.is_empty() {
            if self.sink == Sink::Word {
                self.count();
            }
            self.end_value();
        }
        rest
    }

    /// A number within `usage` is complete.
    fn count(&mut self) {
        let count = self.word.whole().and_then(parse_count);
        let slot = match self.place {
            Place::Read => &mut self.open_counts.prompt,
            Place::Written => &mut self.open_counts.completion,
            _ => &mut self.open_counts.total,
        };
        *slot = count.max(*slot);
    }
}
