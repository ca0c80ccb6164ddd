//! What is found in documents while they are read, and where each string and number goes.

use super::counts::{Counts, parse_count};
use super::facts::{Document, Head, Kind};
use super::place::{Count, Place};
use super::text::Kept;

/// The longest model name that is kept.
const MAX_MODEL_BYTES: usize = 256;

/// The longest key or number that matters.
const MAX_WORD_BYTES: usize = 32;

/// What the documents told so far.
///
/// Of several models the first that is not empty is kept, of several counts the last. Within one `usage` object the
/// larger of two numbers for the same thing counts: some servers fill in one pair of names and zero the other.
#[derive(Debug)]
pub(super) struct Found {
    /// What happens to the string or number that is being read.
    sink: Sink,
    /// The key or number that is being read.
    word: Kept<MAX_WORD_BYTES>,
    /// The `usage` object that is being read.
    open_counts: Counts,
    pub(super) document: Document,
    model: Kept<MAX_MODEL_BYTES>,
    has_model: bool,
    pub(super) counts: Option<Counts>,
    /// What the answers came to that were complete, of several to one request.
    finished: Finished,
    pub(super) costs_tokens: bool,
    /// Of a stream: what it says of itself.
    pub(super) head: Option<Box<Head>>,
}

/// Sums over answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Finished {
    prompt: u64,
    cached: u64,
    completion: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sink {
    Nothing,
    Word,
    Model,
    Written,
    Finish,
    Id,
    Object,
    Created,
}

impl Found {
    pub(super) fn new(head: Option<Box<Head>>) -> Self {
        Self {
            sink: Sink::Nothing,
            word: Kept::new(),
            open_counts: Counts::default(),
            document: Document::default(),
            model: Kept::new(),
            has_model: false,
            counts: None,
            finished: Finished::default(),
            costs_tokens: false,
            head,
        }
    }

    pub(super) fn model(&self) -> &str {
        if self.has_model { self.model.as_str() } else { "" }
    }

    /// An object or array begins.
    pub(super) fn open(&mut self, place: Place) {
        self.costs_tokens |= place.costs_tokens();
        match place {
            Place::Usage => self.open_counts = Counts::default(),
            Place::Start => self.document.has_message = true,
            Place::Choices => self.document.choices.listed = true,
            Place::Choice => self.document.choices.begin(),
            _ => {}
        }
    }

    /// An object ends, when so many are open.
    pub(super) fn close_object(&mut self, place: Place, depth: usize) {
        match place {
            Place::Usage => {
                self.document.has_usage |= depth == 2;
                self.told(self.open_counts);
            }
            Place::Choice => self.document.choices.end(),
            Place::Root | Place::Result => self.answered(),
            _ => {}
        }
    }

    /// An answer ends whose counts stand by themselves.
    fn answered(&mut self) {
        let eval = std::mem::take(&mut self.document.eval);
        match self.document.stop.take() {
            None => self.told(eval),
            // So far: what was written until then is told again, with the rest.
            Some(false) => {}
            // Each of several tells its own.
            Some(true) => {
                let Some(told) = eval.told() else { return };
                self.document.finished = self.document.finished.saturating_add(told.completion.unwrap_or(0));
                let sum = &mut self.finished;
                sum.prompt = sum.prompt.saturating_add(told.prompt().unwrap_or(0));
                sum.cached = sum.cached.saturating_add(told.cached());
                sum.completion = sum.completion.saturating_add(told.completion.unwrap_or(0));
                let Finished {
                    prompt,
                    cached,
                    completion,
                } = *sum;
                self.told(Counts {
                    prompt: Some(prompt),
                    cached: Some(cached),
                    completion: Some(completion),
                    ..Counts::default()
                });
            }
        }
    }

    /// An array ends, with something in it or not.
    pub(super) fn close_array(&mut self, place: Place, is_empty: bool) {
        if place == Place::Choices {
            self.document.choices.empty = is_empty;
        }
    }

    /// Counts are complete.
    fn told(&mut self, counts: Counts) {
        if let Some(told) = counts.told() {
            self.document.counted |= told.completion.is_some_and(|tokens| tokens > 0);
            self.counts.get_or_insert_default().update(told);
        }
    }

    /// A key begins, where it matters or not.
    pub(super) fn begin_key(&mut self, matters: bool) {
        self.word.clear();
        self.sink = if matters { Sink::Word } else { Sink::Nothing };
    }

    /// A key ends with `run`, mostly all of it: where its value stands, in an object that stands `here`.
    pub(super) fn end_key(&mut self, here: Place, run: &[u8]) -> Place {
        if self.sink == Sink::Nothing {
            return Place::Elsewhere;
        }
        if self.word.is_empty() {
            return here.under(run);
        }
        self.word.push(run);
        // A longer key is none of those with a name.
        here.under(self.word.whole().unwrap_or_default())
    }

    pub(super) fn begin_string(&mut self, place: Place) {
        self.sink = match place {
            place if place.is_text() => {
                self.costs_tokens = true;
                Sink::Written
            }
            Place::Model if !self.has_model => {
                self.model.clear();
                Sink::Model
            }
            Place::Type => {
                self.word.clear();
                Sink::Word
            }
            Place::Embedding => {
                self.costs_tokens = true;
                Sink::Nothing
            }
            Place::Finish => Sink::Finish,
            place => self.begin_head(place, true),
        };
    }

    pub(super) fn end_string(&mut self) {
        match self.sink {
            Sink::Model => self.has_model |= !self.model.is_empty(),
            Sink::Word => self.document.kind = self.word.whole().map_or(Kind::Other, Kind::of),
            _ => {}
        }
    }

    /// A number or name begins.
    pub(super) fn begin_literal(&mut self, place: Place) {
        self.word.clear();
        self.sink = if place.is_word() {
            Sink::Word
        } else {
            self.begin_head(place, false)
        };
    }

    /// A number or name is complete.
    pub(super) fn end_literal(&mut self, place: Place) {
        let Some(word) = self.word.whole().filter(|_| self.sink == Sink::Word) else {
            return;
        };
        let number = parse_count(word);
        let counts = &mut self.open_counts;
        let slot = match place {
            Place::Count(Count::Prompt) => &mut counts.prompt,
            Place::Count(Count::Input) => &mut counts.input,
            Place::Count(Count::Completion) => &mut counts.completion,
            Place::Count(Count::Total) => &mut counts.total,
            Place::Count(Count::Cached) => &mut counts.cached,
            Place::Count(Count::CacheRead) => &mut counts.cache_read,
            Place::Count(Count::CacheWritten) => &mut counts.cache_written,
            Place::EvalRead => &mut self.document.eval.prompt,
            Place::EvalWritten => &mut self.document.eval.completion,
            Place::EvalCached => &mut self.document.eval.cached,
            Place::Sequence => &mut self.document.sequence,
            Place::Index => &mut self.document.index,
            Place::ChoiceIndex => {
                self.document.choices.index(number.unwrap_or(0));
                return;
            }
            Place::Stop => {
                self.document.stop = match word {
                    b"true" => Some(true),
                    b"false" => Some(false),
                    _ => None,
                };
                self.document.says_stop |= self.document.stop.is_some();
                return;
            }
            Place::Done => {
                self.document.done = word == b"true";
                return;
            }
            _ => return,
        };
        *slot = number.max(*slot);
    }

    /// Begins with what a stream says of itself, when that is it.
    fn begin_head(&mut self, place: Place, is_text: bool) -> Sink {
        let Some(head) = self.head.as_deref_mut() else {
            return Sink::Nothing;
        };
        match place {
            Place::Id if is_text => {
                head.id.clear();
                Sink::Id
            }
            Place::Object if is_text => {
                head.object.clear();
                Sink::Object
            }
            Place::Created => {
                head.created.clear();
                head.created_is_text = is_text;
                Sink::Created
            }
            _ => Sink::Nothing,
        }
    }

    /// A piece of the string or number that is being read.
    pub(super) fn keep(&mut self, run: &[u8]) {
        match (self.sink, self.head.as_deref_mut()) {
            (Sink::Word, _) => self.word.push(run),
            (Sink::Model, _) => self.model.push(run),
            (Sink::Written, _) => {
                self.document.text_bytes = self.document.text_bytes.saturating_add(run.len() as u64);
            }
            // Some servers send an empty reason until there is one.
            (Sink::Finish, _) if !run.is_empty() => self.document.choices.finish(),
            (Sink::Id, Some(head)) => head.id.push(run),
            (Sink::Object, Some(head)) => head.object.push(run),
            (Sink::Created, Some(head)) => head.created.push(run),
            _ => {}
        }
    }
}
