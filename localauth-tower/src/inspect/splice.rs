//! Edits of a JSON body: a few bytes put in the place of others, the rest as it came.

use std::ops::Range;

use bytes::Bytes;

use super::address::Route;
use super::fields::{Field, LIMITS};
use super::found::{Amount, Found, UsageAt};

/// What is to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Edits {
    /// The most tokens that may be written.
    pub(super) limit: Option<u64>,
    /// Whether a stream is to tell its usage.
    pub(super) include_usage: bool,
}

/// Texts and what they stand in for, none of it overlapping.
#[derive(Debug, Default)]
pub(super) struct Splices {
    /// What is added before the first field.
    added: String,
    changed: Vec<(Range<usize>, String)>,
}

impl Splices {
    /// How `edits` look in the body that `found` was read from.
    pub(super) fn new(found: &Found, route: Route, edits: Edits, rename: Option<&str>) -> Self {
        let mut splices = Self::default();
        if let Some(limit) = edits.limit {
            splices.limit(found, route, limit);
        }
        if edits.include_usage && found.stream && route.is_asked_for_usage() {
            splices.include_usage(found);
        }
        let Some(layout) = &found.layout else {
            return Self::default();
        };
        if let Some(exact) = rename
            && let Ok(name) = serde_json::to_string(exact)
            && !layout.span(Field::Model).is_empty()
        {
            splices.changed.push((layout.span(Field::Model), name));
        }
        if !splices.added.is_empty() {
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
    fn limit(&mut self, found: &Found, route: Route, limit: u64) {
        let Some(layout) = &found.layout else { return };
        // What was asked for under a name that does not count here is not more either: two that differ are ambiguous.
        let limit = found.tokens().map_or(limit, |asked| asked.min(limit));
        let bounds = route.bounds();
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
        if let (false, None, [field, ..]) = (is_bounded, null, bounds) {
            self.add(&format!("\"{}\":{limit}", field.name()));
        }
    }

    fn include_usage(&mut self, found: &Found) {
        const ON: &str = r#"{"include_usage":true}"#;
        let Some(layout) = &found.layout else { return };
        match &layout.usage {
            UsageAt::On => {}
            UsageAt::Nowhere => self.add(&format!("\"stream_options\":{ON}")),
            UsageAt::NoOptions(null) => self.changed.push((null.clone(), ON.to_owned())),
            UsageAt::Off(value) => self.changed.push((value.clone(), "true".to_owned())),
            UsageAt::Options(start, is_empty) => {
                let comma = if *is_empty { "" } else { "," };
                self.changed
                    .push((*start..*start, format!("\"include_usage\":true{comma}")));
            }
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
