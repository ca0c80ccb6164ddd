//! One event as bytes, and finding the whole ones among bytes that a crash or a bad disk left behind.
//!
//! A record is a mark of three bytes, a version, the length of the event and the CRC-32 of version, length and event (both
//! little-endian), and the event as JSON: a field more or less in another version is no trouble, and whoever has to rescue something can read it. A form of our
//! own would save about 200 bytes and half a microsecond an event, and have to be kept for ever.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use localauth_core::{KeyId, RequestId, Timestamp, UsageEvent, UserId};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::label;

/// Begins each record. The first byte is in no UTF-8: no name that came from outside, such as a model's, can hold a record
/// of its own.
const MARK: [u8; 3] = [0xff, b'l', b'u'];
const VERSION: u8 = 1;
/// Mark, version, length, CRC.
const HEADER: usize = 12;
/// Beyond this a length is no length. Texts are cut as the store cuts them, to 1.5 KB each as JSON.
const MAX_PAYLOAD: usize = 64 * 1024;

/// Something that is told by its text.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// An event as JSON. What is not there has its default: older versions do not know it.
#[derive(Serialize, Deserialize)]
struct Payload<'a> {
    request_id: Text<RequestId>,
    at: i64,
    user_id: Text<UserId>,
    #[serde(borrow)]
    user_name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_id: Option<Text<KeyId>>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    key_name: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    endpoint: Cow<'a, str>,
    prompt_tokens: u64,
    #[serde(default)]
    cached_tokens: u64,
    completion_tokens: u64,
    #[serde(default)]
    cost_micros: u64,
    #[serde(default)]
    estimated: bool,
}

impl<'a> From<&'a UsageEvent> for Payload<'a> {
    fn from(event: &'a UsageEvent) -> Self {
        let (key_id, key_name) = match &event.key {
            Some((id, name)) => (Some(Text(*id)), label(name)),
            None => (None, Cow::Borrowed("")),
        };
        Self {
            request_id: Text(event.request_id),
            at: event.at.as_millis(),
            user_id: Text(event.user_id),
            user_name: label(&event.user_name),
            key_id,
            key_name,
            source: Cow::Borrowed(event.source.as_str()),
            model: label(&event.model),
            endpoint: label(&event.endpoint),
            prompt_tokens: event.prompt_tokens,
            cached_tokens: event.cached_tokens,
            completion_tokens: event.completion_tokens,
            cost_micros: event.cost_micros,
            estimated: event.estimated,
        }
    }
}

/// The record of an event.
pub(super) fn encode(event: &UsageEvent) -> Result<Vec<u8>, serde_json::Error> {
    encode_as(VERSION, event)
}

pub(super) fn encode_as(version: u8, event: &UsageEvent) -> Result<Vec<u8>, serde_json::Error> {
    let mut record = Vec::with_capacity(512);
    record.extend_from_slice(&MARK);
    record.push(version);
    record.extend_from_slice(&[0; HEADER - 4]);
    serde_json::to_writer(&mut record, &Payload::from(event))?;
    // Texts are cut: a length never comes near the end of its type.
    let length = u32::try_from(record.len() - HEADER).map_err(serde::ser::Error::custom)?;
    record[4..8].copy_from_slice(&length.to_le_bytes());
    let crc = checksum(&record);
    record[8..HEADER].copy_from_slice(&crc.to_le_bytes());
    Ok(record)
}

/// Over everything but the mark and itself.
fn checksum(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record[MARK.len()..8]);
    hasher.update(&record[HEADER..]);
    hasher.finalize()
}

/// The event of a record's payload.
pub(super) fn decode(payload: &[u8]) -> Result<UsageEvent, serde_json::Error> {
    let read: Payload<'_> = serde_json::from_slice(payload)?;
    Ok(UsageEvent {
        request_id: read.request_id.0,
        at: Timestamp::from_millis(read.at),
        user_id: read.user_id.0,
        user_name: read.user_name.into_owned(),
        key: read.key_id.map(|id| (id.0, read.key_name.into_owned())),
        source: read.source.parse().map_err(serde_json::Error::custom)?,
        model: read.model.into_owned(),
        endpoint: read.endpoint.into_owned(),
        prompt_tokens: read.prompt_tokens,
        cached_tokens: read.cached_tokens,
        completion_tokens: read.completion_tokens,
        cost_micros: read.cost_micros,
        estimated: read.estimated,
    })
}

/// What is found in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole record: its payload, to be [decoded](decode).
    Record(Range<usize>),
    /// A whole record of a later version.
    Newer,
    /// Bytes between whole records, or a record of the right length whose content is wrong: at least one is lost.
    Broken,
    /// The rest is no record and none follows: what was being written when the process died.
    Torn,
}

enum Next {
    Unknown,
    At(usize),
    None,
}

/// Walks through the records of `bytes`: what was found, and where it ends.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    /// What is known of whole records further on, so that bytes are not searched again and again.
    next_whole: Next,
}

impl<'a> Records<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            next_whole: Next::Unknown,
        }
    }

    /// The end of the record at `at`, if it says where that is and it is here.
    fn end(&self, at: usize) -> Option<usize> {
        let header = self.bytes.get(at..at + HEADER)?;
        if !header.starts_with(&MARK) {
            return None;
        }
        let length = usize::try_from(word(&header[4..8])).ok()?;
        let end = at + HEADER + length;
        (length <= MAX_PAYLOAD && end <= self.bytes.len()).then_some(end)
    }

    /// The same, if its content is what was written.
    fn whole_end(&self, at: usize) -> Option<usize> {
        let end = self.end(at)?;
        let crc = word(&self.bytes[at + 8..at + HEADER]);
        (checksum(&self.bytes[at..end]) == crc).then_some(end)
    }

    fn find_whole(&mut self, from: usize) -> Option<usize> {
        match self.next_whole {
            Next::None => return None,
            Next::At(found) if found >= from => return Some(found),
            Next::At(_) | Next::Unknown => {}
        }
        let rest = self.bytes.get(from..).unwrap_or_default();
        let found = rest
            .windows(MARK.len())
            .enumerate()
            .filter(|(_, window)| *window == MARK)
            .map(|(offset, _)| from + offset)
            .find(|at| self.whole_end(*at).is_some());
        self.next_whole = found.map_or(Next::None, Next::At);
        found
    }
}

/// Four bytes as a number.
fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

impl Iterator for Records<'_> {
    type Item = (Found, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        if at >= self.bytes.len() {
            return None;
        }
        let (found, end) = if let Some(end) = self.whole_end(at) {
            match self.bytes[at + MARK.len()] {
                VERSION => (Found::Record(at + HEADER..end), end),
                later if later > VERSION => (Found::Newer, end),
                _ => (Found::Broken, end),
            }
        } else {
            let next = self.find_whole(at + 1);
            // The length may be what is wrong: nothing whole is passed over, and what lies before is one.
            match (self.end(at), next) {
                (Some(end), None) => (Found::Broken, end),
                (Some(end), Some(next)) if end <= next && self.bytes[end..].starts_with(&MARK) => (Found::Broken, end),
                (_, Some(next)) => (Found::Broken, next),
                (None, None) => (Found::Torn, self.bytes.len()),
            }
        };
        self.at = end;
        Some((found, end))
    }
}
