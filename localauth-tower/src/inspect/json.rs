//! Reads the fields that matter out of a JSON object, and goes over the rest without keeping it.
//!
//! The whole text must be one object as `serde_json` would build a tree of it: escapes, numbers and depth (128)
//! included, though none is built. What is forwarded unread by us could otherwise be read in another way by others.

use std::fmt;

use localauth_core::Denial;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{CHOICES, FIELDS, Field, Key, LIMITS};
use super::found::{Amount, Found, Inside, Layout};
use super::route::{Reads, Route};

/// How deep `serde_json` reads.
const MAX_DEPTH: usize = 128;

/// Reads what `text` asks for.
///
/// # Errors
///
/// [`Denial::InvalidBody`], [`Denial::AmbiguousRequest`].
pub(super) fn read(text: &str, reads: &Reads) -> Result<Found, Denial> {
    let top = object::<FIELDS>(text, reads.names.as_slice(), true)?;
    let get = |field: Field| top.values[field as usize];
    let mut found = Found::default();
    found.names_itself = top.names_itself;
    found.model = get(Field::Model).map_or(Ok(None), name)?;
    found.model_at = [get(Field::Model).map(|value| span(text, value)), None];
    if reads.takes_name {
        found.name = get(Field::Extra).map_or(Ok(None), name)?;
        found.model_at[1] = get(Field::Extra).map(|value| span(text, value));
    }
    let stream = get(Field::Stream).map_or(Ok(None), flag)?;
    found.stream = stream.unwrap_or(reads.route.streams_unasked());
    for field in CHOICES {
        if let Some(number) = get(field).map_or(Ok(None), count)? {
            found.ask_for(number)?;
        }
    }
    // Each of several prompts gets as many answers.
    found.choices = found.choices.saturating_mul(top.prompts.unwrap_or(1).max(1));
    let start = text.find('{').map_or(0, |brace| brace + 1);
    let mut layout = Layout::of_object(start, top.is_empty);
    let within = |field, names| match get(field) {
        Some(object) => inside(text, object, names),
        None => Ok((Inside::Nowhere, None)),
    };
    let (usage, include) = within(Field::StreamOptions, "include_usage")?;
    layout.usage = usage;
    found.includes_usage = include.map_or(Ok(None), flag)? == Some(true);
    let mut predict = None;
    match reads.route {
        Route::Ollama => (layout.options, predict) = within(Field::Extra, Field::NumPredict.name())?,
        // Who chooses the fields of an answer can have the text without what it took.
        Route::LlamaCpp if get(Field::Extra).is_some_and(|fields| fields.get() != "null") => {
            return Err(Denial::InvalidBody);
        }
        _ => {}
    }
    for field in LIMITS {
        let value = match field {
            Field::NumPredict => predict,
            field => get(field),
        };
        if let Some(value) = value {
            found.limit(field, reads.amount(amount(value.get())?))?;
            layout.limit(field, span(text, value));
        }
    }
    found.layout = Some(layout);
    Ok(found)
}

/// Where the field `name` of an `object` within stands, or would have to.
fn inside<'a>(text: &str, object: &'a RawValue, name: &str) -> Result<(Inside, Option<&'a RawValue>), Denial> {
    if object.get() == "null" {
        return Ok((Inside::Null(span(text, object)), None));
    }
    // One level further in than it will be read by itself.
    if object.get().len() > MAX_DEPTH && serde_json::from_str::<Skipped>(&format!("[{object}]")).is_err() {
        return Err(Denial::InvalidBody);
    }
    let start = span(text, object).start + 1;
    let fields = self::object::<1>(object.get(), &[name], false)?;
    Ok(match fields.values {
        [Some(value)] => (Inside::At(span(text, value)), Some(value)),
        [None] => (Inside::Without(start, fields.is_empty), None),
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

/// What an object has under some names, of which there are `N` at most.
struct Object<'a, const N: usize> {
    values: [Option<&'a RawValue>; N],
    /// How many prompts there are at the place of [`Field::Prompt`], which may be long and is read once.
    prompts: Option<u32>,
    /// Whether the request has a name of its client's choice.
    names_itself: bool,
    is_unclear: bool,
    is_empty: bool,
}

fn object<'a, const N: usize>(text: &'a str, names: &[&str], is_top: bool) -> Result<Object<'a, N>, Denial> {
    let mut json = serde_json::Deserializer::from_str(text);
    let object = Fields::<N>(Spelled { names, is_top })
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

struct Fields<'n, const N: usize>(Spelled<'n>);

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
            prompts: None,
            names_itself: false,
            is_unclear: false,
            is_empty: true,
        };
        while let Some(key) = map.next_key_seed(self.0)? {
            object.is_empty = false;
            if key == Key::Named(Field::Prompt as usize) && object.prompts.is_none() {
                object.prompts = Some(map.next_value::<Prompts>()?.0);
                continue;
            }
            let slot = match key {
                Key::Named(place) if place != Field::Prompt as usize => {
                    object.values.get_mut(place).filter(|slot| slot.is_none())
                }
                Key::Further => {
                    object.is_unclear |= !is_nothing(map.next_value()?);
                    continue;
                }
                Key::RequestId => {
                    object.names_itself |= !is_nothing(map.next_value()?);
                    continue;
                }
                Key::Named(_) | Key::Unclear | Key::Other => None,
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

/// Whether a value names nothing.
fn is_nothing(value: &RawValue) -> bool {
    let value = value.get();
    let inside = value
        .strip_prefix('[')
        .and_then(|value| value.strip_suffix(']'))
        .or_else(|| value.strip_prefix('{').and_then(|value| value.strip_suffix('}')));
    matches!(value, "null" | "\"\"") || inside.is_some_and(|inside| inside.trim_ascii().is_empty())
}

/// Reads a key as one of some names.
#[derive(Clone, Copy)]
struct Spelled<'n> {
    names: &'n [&'n str],
    /// Whether the object is the body itself.
    is_top: bool,
}

impl<'de> DeserializeSeed<'de> for Spelled<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Spelled<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key, E> {
        Ok(if self.is_top {
            Key::plain_at_top(key, self.names)
        } else {
            Key::plain(key, self.names)
        })
    }

    // What cannot be borrowed was written with escapes.
    fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
        Ok(if self.is_top {
            Key::escaped_at_top(key, self.names)
        } else {
            Key::escaped(key, self.names)
        })
    }
}

/// How many prompts a value is: as many as a list has, but that a list with numbers in it is one, of tokens. Read to its
/// end, as strictly as [`Skipped`].
struct Prompts(u32);

impl<'de> Deserialize<'de> for Prompts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PromptsVisitor)
    }
}

struct PromptsVisitor;

impl<'de> Visitor<'de> for PromptsVisitor {
    type Value = Prompts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a prompt, or several")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Prompts, E> {
        Ok(Prompts(1))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Prompts, E> {
        Ok(Prompts(1))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Prompts, E> {
        Ok(Prompts(1))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Prompts, E> {
        Ok(Prompts(1))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Prompts, E> {
        Ok(Prompts(1))
    }

    fn visit_unit<E: Error>(self) -> Result<Prompts, E> {
        Ok(Prompts(1))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Prompts, A::Error> {
        let (mut all, mut has_tokens) = (0_u32, false);
        while let Some(Skipped { is_number }) = seq.next_element()? {
            all = all.saturating_add(1);
            has_tokens |= is_number;
        }
        Ok(Prompts(if has_tokens { 1 } else { all }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Prompts, A::Error> {
        while map.next_entry::<Skipped, Skipped>()?.is_some() {}
        Ok(Prompts(1))
    }
}

/// Any value, read to its end and forgotten. Unlike `IgnoredAny` it is as strict as a tree: depth, escapes and numbers.
struct Skipped {
    is_number: bool,
}

impl Skipped {
    const NUMBER: Self = Self { is_number: true };
    const OTHER: Self = Self { is_number: false };
}

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self::OTHER)
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
        Ok(Self::NUMBER)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(Self::NUMBER)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(Self::NUMBER)
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
