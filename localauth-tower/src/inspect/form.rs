//! Reads the fields that matter out of forms.

use std::borrow::Cow;

use bytes::Bytes;
use localauth_core::Denial;

use super::fields::{FIELDS, Field, Key, LIMITS, NAMES};
use super::found::{Amount, Found};
use super::parts::parts;

/// Reads what an `application/x-www-form-urlencoded` body asks for.
///
/// # Errors
///
/// [`Denial::InvalidBody`], [`Denial::AmbiguousRequest`].
pub(super) fn read(text: &str) -> Result<Found, Denial> {
    if text.starts_with('[') || !text.bytes().all(is_form) {
        return Err(Denial::InvalidBody);
    }
    let mut fields = Fields::default();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        fields.add(&name, || Ok(value))?;
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
pub(super) fn read_parts(boundary: &str, body: &Bytes) -> Result<Found, Denial> {
    let mut fields = Fields::default();
    for part in parts(boundary, body)? {
        fields.add(part.name, || match str::from_utf8(part.content) {
            Ok(text) if part.is_utf8 && !part.is_file => Ok(Cow::Borrowed(text)),
            _ => Err(Denial::InvalidBody),
        })?;
    }
    fields.found()
}

/// The fields of a form, once each.
#[derive(Default)]
struct Fields<'a>([Option<Cow<'a, str>>; FIELDS]);

impl<'a> Fields<'a> {
    fn add(&mut self, name: &str, value: impl FnOnce() -> Result<Cow<'a, str>, Denial>) -> Result<(), Denial> {
        // By which HTML (section 4.10.21.5) says in what characters the rest is.
        if name.eq_ignore_ascii_case("_charset_") {
            return Err(Denial::InvalidBody);
        }
        match Key::plain(name, &NAMES) {
            Key::Named(place) => {
                let slot = self.0.get_mut(place).filter(|slot| slot.is_none());
                *slot.ok_or(Denial::AmbiguousRequest)? = Some(value()?);
                Ok(())
            }
            Key::Unclear => Err(Denial::AmbiguousRequest),
            Key::Other => Ok(()),
        }
    }

    fn get(&self, field: Field) -> Option<&str> {
        self.0[field as usize].as_deref()
    }

    fn found(&self) -> Result<Found, Denial> {
        let mut found = Found::default();
        if let Some(name) = self.get(Field::Model) {
            if name.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER) {
                return Err(Denial::InvalidBody);
            }
            found.model = Some(name.into());
        }
        found.stream = match self.get(Field::Stream) {
            None | Some("false" | "False" | "0" | "") => false,
            Some("true" | "True" | "1") => true,
            Some(_) => return Err(Denial::InvalidBody),
        };
        for field in [Field::N, Field::BestOf] {
            if let Some(number) = self.get(field).filter(|number| !number.is_empty()) {
                let number: u32 = number.parse().map_err(|_| Denial::InvalidBody)?;
                found.choices = found.choices.max(number);
            }
        }
        for field in LIMITS {
            if let Some(tokens) = self.get(field).filter(|number| !number.is_empty()) {
                let tokens = tokens.parse().map_err(|_| Denial::InvalidBody)?;
                found.limit(field, Amount::Tokens(tokens))?;
            }
        }
        Ok(found)
    }
}
