//! Reads the fields that matter out of forms.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use localauth_core::Denial;

use super::fields::{CHOICES, FIELDS, Field, Key, LIMITS};
use super::found::{Amount, Found};
use super::parts::parts;
use super::route::Reads;

/// Reads what an `application/x-www-form-urlencoded` body asks for.
///
/// # Errors
///
/// [`Denial::InvalidBody`], [`Denial::AmbiguousRequest`].
pub(super) fn read(text: &str, reads: &Reads) -> Result<Found, Denial> {
    if text.starts_with('[') || !text.bytes().all(is_form) {
        return Err(Denial::InvalidBody);
    }
    let mut fields = Fields::new(reads);
    let mut start = 0;
    for pair in text.split('&') {
        let place = start..start + pair.len();
        start = place.end + 1;
        for (name, value) in form_urlencoded::parse(pair.as_bytes()) {
            fields.add(&name, place.clone(), || Ok(value))?;
        }
    }
    fields.found()
}

/// Whether a form may have this byte as it is. There are servers that read JSON whatever the body says it is, and some that
/// part a form at `;` too: who writes a form encodes all of that.
const fn is_form(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'{' | b'}' | b'"' | b'\\' | b';' | b'<' | b'>' | b'^' | b'`' | b'|' | b'#'
        )
}

/// Reads what a `multipart/form-data` body asks for.
///
/// # Errors
///
/// [`Denial::InvalidBody`], [`Denial::AmbiguousRequest`].
pub(super) fn read_parts(boundary: &str, body: &Bytes, reads: &Reads) -> Result<Found, Denial> {
    let mut fields = Fields::new(reads);
    for part in parts(boundary, body)? {
        let start = part.content.as_ptr().addr() - body.as_ptr().addr();
        let place = start..start + part.content.len();
        fields.add(part.name, place, || match str::from_utf8(part.content) {
            Ok(text) if part.is_utf8 && !part.is_file => Ok(Cow::Borrowed(text)),
            _ => Err(Denial::InvalidBody),
        })?;
    }
    fields.found()
}

/// A value, and where in the form it stands.
type Placed<T> = (T, Range<usize>);

/// The fields of a form, once each.
struct Fields<'a, 'r> {
    reads: &'r Reads,
    values: [Option<Placed<Cow<'a, str>>>; FIELDS],
    /// Whether the request has a name of its client's choice.
    names_itself: bool,
}

impl<'a, 'r> Fields<'a, 'r> {
    fn new(reads: &'r Reads) -> Self {
        Self {
            reads,
            values: [const { None }; FIELDS],
            names_itself: false,
        }
    }

    fn add(
        &mut self,
        name: &str,
        place: Range<usize>,
        value: impl FnOnce() -> Result<Cow<'a, str>, Denial>,
    ) -> Result<(), Denial> {
        // By which HTML (section 4.10.21.5) says in what characters the rest is.
        if name.eq_ignore_ascii_case("_charset_") {
            return Err(Denial::InvalidBody);
        }
        match Key::of_form(name, self.reads.names.as_slice()) {
            Key::Named(field) => {
                let slot = self.values.get_mut(field).filter(|slot| slot.is_none());
                *slot.ok_or(Denial::AmbiguousRequest)? = Some((value()?, place));
                Ok(())
            }
            Key::Further if value().is_ok_and(|value| value.is_empty()) => Ok(()),
            Key::Further | Key::Unclear => Err(Denial::AmbiguousRequest),
            Key::RequestId => {
                self.names_itself = true;
                Ok(())
            }
            Key::Other => Ok(()),
        }
    }

    fn get(&self, field: Field) -> Option<&str> {
        let (value, _) = self.values.get(field as usize)?.as_ref()?;
        Some(value)
    }

    /// The name of a model, and where it stands.
    fn name(&self, field: Field) -> Result<Option<Placed<Box<str>>>, Denial> {
        let Some((name, place)) = &self.values[field as usize] else {
            return Ok(None);
        };
        if name.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
            return Err(Denial::InvalidBody);
        }
        Ok(Some((name.as_ref().into(), place.clone())))
    }

    fn found(&self) -> Result<Found, Denial> {
        let mut found = Found::default();
        found.names_itself = self.names_itself;
        (found.model, found.model_at[0]) = self.name(Field::Model)?.unzip();
        if self.reads.takes_name {
            (found.name, found.model_at[1]) = self.name(Field::Extra)?.unzip();
        }
        found.stream = match self.get(Field::Stream) {
            None => self.reads.route.streams_unasked(),
            Some("false" | "False" | "0" | "") => false,
            Some("true" | "True" | "1") => true,
            Some(_) => return Err(Denial::InvalidBody),
        };
        for field in CHOICES {
            if let Some(number) = self.get(field).filter(|number| !number.is_empty()) {
                let number: u32 = number.parse().map_err(|_| Denial::InvalidBody)?;
                found.ask_for(number)?;
            }
        }
        for field in LIMITS {
            if let Some(tokens) = self.get(field).filter(|number| !number.is_empty()) {
                let tokens = tokens.parse().map_err(|_| Denial::InvalidBody)?;
                found.limit(field, self.reads.amount(Amount::Tokens(tokens)))?;
            }
        }
        Ok(found)
    }
}
