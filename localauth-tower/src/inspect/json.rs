//! Reads the fields that matter out of a JSON object, and goes over the rest without keeping it.
//!
//! The whole text must be one object as `serde_json` would build a tree of it: escapes, numbers and depth (128)
//! included, though none is built. What is forwarded unread by us could otherwise be read in another way by others.

use std::fmt;

use localauth_core::Denial;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Field, Key, NAMES};
use super::found::{Amount, Found, Layout, UsageAt};

/// How deep `serde_json` reads.
const MAX_DEPTH: usize = 128;

/// Reads what `text` asks for.
///
/// # Errors
///
/// [`Denial::InvalidBody`], [`Denial::AmbiguousRequest`].
pub(super) fn read(text: &str) -> Result<Found, Denial> {
    let top = object(text, &NAMES)?;
    let get = |field: Field| top.values[field as usize];
    let mut found = Found::default();
    found.model = get(Field::Model).map_or(Ok(None), name)?;
    found.stream = get(Field::Stream).map_or(Ok(None), flag)?.unwrap_or(false);
    for field in [Field::N, Field::BestOf] {
        if let Some(number) = get(field).map_or(Ok(None), count)? {
            found.choices = found.choices.max(number);
        }
    }
    let start = text.find('{').map_or(0, |brace| brace + 1);
    let mut layout = Layout::of_object(start, top.is_empty);
    if let Some(value) = get(Field::Model) {
        layout.limit(Field::Model, span(text, value));
    }
    for field in super::fields::LIMITS {
        if let Some(value) = get(field) {
            found.limit(field, amount(value.get())?)?;
            layout.limit(field, span(text, value));
        }
    }
    layout.usage = usage(text, get(Field::StreamOptions))?;
    found.includes_usage = layout.usage == UsageAt::On;
    found.layout = Some(layout);
    Ok(found)
}

/// Where `stream_options.include_usage` is, or would have to be.
fn usage(text: &str, options: Option<&RawValue>) -> Result<UsageAt, Denial> {
    let Some(options) = options else {
        return Ok(UsageAt::Nowhere);
    };
    if options.get() == "null" {
        return Ok(UsageAt::NoOptions(span(text, options)));
    }
    // One level further in than it will be read by itself.
    if options.get().len() > MAX_DEPTH && serde_json::from_str::<Skipped>(&format!("[{options}]")).is_err() {
        return Err(Denial::InvalidBody);
    }
    let object = object(options.get(), &["include_usage"])?;
    let [value] = object.values;
    let Some(value) = value else {
        let start = span(text, options).start + 1;
        return Ok(UsageAt::Options(start, object.is_empty));
    };
    Ok(match flag(value)? {
        Some(true) => UsageAt::On,
        Some(false) | None => UsageAt::Off(span(text, value)),
    })
}

/// Where in `text` a value of it stands.
fn span(text: &str, value: &RawValue) -> std::ops::Range<usize> {
    let start = value.get().as_ptr().addr() - text.as_ptr().addr();
    start..start + value.get().len()
}

/// A string, or null. A name with control characters is none: whoever reads up to a null character reads another one.
fn name(value: &RawValue) -> Result<Option<Box<str>>, Denial> {
    if value.get() == "null" {
        return Ok(None);
    }
    let name: Box<str> = serde_json::from_str(value.get()).map_err(|_| Denial::InvalidBody)?;
    if name.contains(char::is_control) {
        return Err(Denial::InvalidBody);
    }
    Ok(Some(name))
}

fn flag(value: &RawValue) -> Result<Option<bool>, Denial> {
    match value.get() {
        "null" => Ok(None),
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(Denial::InvalidBody),
    }
}

fn count(value: &RawValue) -> Result<Option<u32>, Denial> {
    match value.get() {
        "null" => Ok(None),
        number => number.parse().map(Some).map_err(|_| Denial::InvalidBody),
    }
}

/// A whole number, in digits: what `1e3` or `"100"` is depends on the reader. Below zero means without limit to those
/// who take it.
fn amount(value: &str) -> Result<Amount, Denial> {
    match value.strip_prefix('-') {
        None if value == "null" => Ok(Amount::Null),
        None => value.parse().map(Amount::Tokens).map_err(|_| Denial::InvalidBody),
        Some(digits) => match digits.parse::<u64>() {
            Ok(1..) => Ok(Amount::Unlimited),
            Ok(0) | Err(_) => Err(Denial::InvalidBody),
        },
    }
}

/// What an object has under some names.
struct Object<'a, const N: usize> {
    values: [Option<&'a RawValue>; N],
    is_unclear: bool,
    is_empty: bool,
}

fn object<'a, const N: usize>(text: &'a str, names: &[&str; N]) -> Result<Object<'a, N>, Denial> {
    let mut json = serde_json::Deserializer::from_str(text);
    let object = Fields(names)
        .deserialize(&mut json)
        .and_then(|object| json.end().map(|()| object))
        .map_err(|error| {
            tracing::debug!(%error, "the body is no JSON object");
            Denial::InvalidBody
        })?;
    if object.is_unclear {
        return Err(Denial::AmbiguousRequest);
    }
    Ok(object)
}

struct Fields<'n, const N: usize>(&'n [&'n str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Fields<'_, N> {
    type Value = Object<'de, N>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Fields<'_, N> {
    type Value = Object<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Object {
            values: [None; N],
            is_unclear: false,
            is_empty: true,
        };
        while let Some(key) = map.next_key_seed(Spelled(self.0))? {
            object.is_empty = false;
            let slot = match key {
                Key::Named(place) => object.values.get_mut(place).filter(|slot| slot.is_none()),
                Key::Unclear | Key::Other => None,
            };
            if let Some(slot) = slot {
                *slot = Some(map.next_value()?);
            } else {
                object.is_unclear |= key != Key::Other;
                map.next_value::<Skipped>()?;
            }
        }
        Ok(object)
    }
}

/// Reads a key as one of some names.
struct Spelled<'n, const N: usize>(&'n [&'n str; N]);

impl<'de, const N: usize> DeserializeSeed<'de> for Spelled<'_, N> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Spelled<'_, N> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key, E> {
        Ok(Key::plain(key, self.0))
    }

    // What cannot be borrowed was written with escapes.
    fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
        Ok(Key::escaped(key, self.0))
    }
}

/// Any value, read to its end and forgotten. Unlike `IgnoredAny` it is as strict as a tree: depth, escapes and numbers.
struct Skipped;

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Skipped {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}
