//! Edits of a body: a few bytes put in the place of others, the rest as it came.

use std::ops::Range;

use bytes::Bytes;

use super::fields::{Field, LIMITS};
use super::found::{Amount, Found, Inside, Layout};
use super::kind::Kind;
use super::route::Reads;

/// What is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Edits {
    /// The most tokens that may be written.
    pub(super) limit: Option<u64>,
    /// Whether a stream is to tell its usage.
    pub(super) include_usage: bool,
}

/// A body that was read, as far as edits have to know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Original<'o> {
    pub(super) kind: &'o Kind,
    pub(super) reads: &'o Reads,
    pub(super) found: &'o Found,
}

/// Texts and what they stand in for, none of it overlapping.
#[derive(Debug, Default)]
pub(super) struct Splices {
    /// What is added before the first field of an object.
    added: String,
    changed: Vec<(Range<usize>, String)>,
}

impl Splices {
    /// How `edits` look in `original`, and how the model does that is to be called `model`.
    pub(super) fn new(original: Original<'_>, model: Option<&str>, edits: Edits) -> Self {
        let mut splices = Self::default();
        if let Some(layout) = &original.found.layout {
            if let Some(limit) = edits.limit {
                splices.limit(original, layout, limit);
            }
            let tells_when_asked = original.reads.route.is_asked_for_usage();
            if edits.include_usage && original.found.stream && tells_when_asked {
                splices.include_usage(original.found, layout);
            }
        }
        if let Some(model) = model {
            splices.model(original, model);
        }
        if let Some(layout) = original.found.layout.as_ref().filter(|_| !splices.added.is_empty()) {
            if layout.is_empty {
                splices.added.pop();
            }
            let added = std::mem::take(&mut splices.added);
            splices.changed.push((layout.start..layout.start, added));
        }
        splices.changed.sort_by_key(|(span, _)| span.start);
        splices
    }

    /// Puts `limit` in the place of whatever allows more, and where the route looks for it.
    fn limit(&mut self, original: Original<'_>, layout: &Layout, limit: u64) {
        let Original { reads, found, .. } = original;
        // What was asked for under a name that does not count here is not more either: two that differ are ambiguous.
        let limit = found.tokens().map_or(limit, |asked| asked.min(limit));
        let limit = limit.max(reads.least_bound());
        let bounds = reads.route.bounds();
        let is_told = |amount: Option<Amount>| amount.is_some_and(|amount| amount != Amount::Null);
        let is_bounded = bounds.is_empty() || bounds.iter().any(|field| is_told(found.amount(*field)));
        // A null is there to be replaced; a second field of that name would make it ambiguous.
        let null = bounds.iter().find(|field| found.amount(**field) == Some(Amount::Null));
        for field in LIMITS {
            let exceeds = match found.amount(field) {
                Some(Amount::Tokens(asked)) => asked > limit,
                Some(Amount::Unlimited) => true,
                Some(Amount::Null) => !is_bounded && null == Some(&field),
                None => false,
            };
            if exceeds {
                self.changed.push((layout.span(field), limit.to_string()));
            }
        }
        match bounds {
            _ if is_bounded || null.is_some() => {}
            [Field::NumPredict, ..] => {
                self.put_inside(&layout.options, "options", Field::NumPredict.name(), &limit.to_string());
            }
            [field, ..] => self.add(&format!("\"{}\":{limit}", field.name())),
            [] => {}
        }
    }

    fn include_usage(&mut self, found: &Found, layout: &Layout) {
        if !found.includes_usage {
            self.put_inside(&layout.usage, "stream_options", "include_usage", "true");
        }
    }

    /// Puts `value` into the field of an object within.
    fn put_inside(&mut self, place: &Inside, object: &str, field: &str, value: &str) {
        match place {
            Inside::Nowhere => self.add(&format!("\"{object}\":{{\"{field}\":{value}}}")),
            Inside::Null(null) => {
                let text = format!("{{\"{field}\":{value}}}");
                self.changed.push((null.clone(), text));
            }
            Inside::Without(start, is_empty) => {
                let comma = if *is_empty { "" } else { "," };
                let text = format!("\"{field}\":{value}{comma}");
                self.changed.push((*start..*start, text));
            }
            Inside::At(span) => self.changed.push((span.clone(), value.to_owned())),
        }
    }

    /// Calls the model by `name`, wherever it is named, or where it would be.
    fn model(&mut self, original: Original<'_>, name: &str) {
        let Original { kind, found, .. } = original;
        let mut is_named = false;
        let written = [&found.model, &found.name];
        for (place, written) in found.model_at.iter().zip(written) {
            let Some(place) = place else { continue };
            is_named = true;
            if written.as_deref() != Some(name) {
                self.changed.push((place.clone(), kind.model(name)));
            }
        }
        if is_named {
            return;
        }
        match kind {
            Kind::Json => self.add(&format!("\"{}\":{}", Field::Model.name(), kind.model(name))),
            Kind::Form => self.changed.push((0..0, format!("{}&", kind.model(name)))),
            Kind::Multipart(boundary) => {
                let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
                self.changed.push((0..0, format!("{head}{name}\r\n")));
            }
            Kind::Nothing => {}
        }
    }

    fn add(&mut self, field: &str) {
        self.added.push_str(field);
        self.added.push(',');
    }

    /// How long `body` is then.
    pub(super) fn len(&self, body: &Bytes) -> usize {
        let added: usize = self.changed.iter().map(|(_, text)| text.len()).sum();
        let removed: usize = self.changed.iter().map(|(span, _)| span.len()).sum();
        body.len() + added - removed
    }

    /// `body` as it is then; the same bytes where nothing changes.
    pub(super) fn apply(&self, body: Bytes) -> Bytes {
        if self.changed.is_empty() {
            return body;
        }
        let mut edited = Vec::with_capacity(self.len(&body));
        let mut read = 0;
        for (span, text) in &self.changed {
            edited.extend_from_slice(&body[read..span.start]);
            edited.extend_from_slice(text.as_bytes());
            read = span.end;
        }
        edited.extend_from_slice(&body[read..]);
        edited.into()
    }
}
