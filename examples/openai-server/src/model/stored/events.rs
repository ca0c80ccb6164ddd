//! What the events of a streamed response tell about it, read as they go by.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

/// The longest line that is put together from pieces. mistral.rs sends each event in one piece.
const LONGEST: usize = 1 << 24;

/// Reads events.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The id of the response.
    pub(super) id: Option<Box<str>>,
    /// The response, when it is complete.
    pub(super) completed: Option<Bytes>,
    /// How many bytes went by.
    pub(super) length: usize,
    /// A line whose end has not come yet.
    begun: Vec<u8>,
    too_long: bool,
    event: Event,
}

/// The event that the present line belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Event {
    /// One that tells which response it is.
    Created,
    /// One that holds all of it.
    Completed,
    #[default]
    Other,
}

#[derive(Deserialize)]
struct Data {
    response: Value,
}

impl Events {
    pub(super) fn read(&mut self, mut piece: &[u8]) {
        self.length += piece.len();
        while let Some(end) = piece.iter().position(|b| *b == b'\n') {
            let (line, rest) = piece.split_at(end);
            piece = &rest[1..];
            if self.begun.is_empty() && !self.too_long {
                self.line(line);
            } else {
                self.begin(line);
                let line = std::mem::take(&mut self.begun);
                if !std::mem::take(&mut self.too_long) {
                    self.line(&line);
                }
            }
        }
        self.begin(piece);
    }

    fn begin(&mut self, piece: &[u8]) {
        if self.begun.len() + piece.len() > LONGEST {
            self.too_long = true;
            self.begun = Vec::new();
        }
        if !self.too_long {
            self.begun.extend_from_slice(piece);
        }
    }

    fn line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.event = Event::Other;
        } else if let Some(name) = field(line, b"event:") {
            self.event = match name {
                b"response.created" => Event::Created,
                b"response.completed" => Event::Completed,
                _ => Event::Other,
            };
        } else if self.event != Event::Other
            && let Some(data) = field(line, b"data:")
            && let Ok(Data { response }) = serde_json::from_slice(data)
        {
            self.id = response.get("id").and_then(Value::as_str).map(Into::into);
            if self.event == Event::Completed {
                self.completed = Some(response.to_string().into());
            }
        }
    }
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.strip_prefix(name)?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "event: response.created\n\
        data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"output\":[]}}\n\n\
        :\n\n\
        event: response.output_text.delta\n\
        data: {\"delta\":\"event: response.completed\\ndata: {}\",\"response\":{\"id\":\"no\"}}\n\n\
        event: response.completed\r\n\
        data: {\"response\":{\"id\":\"resp_1\",\"output\":[1]}}\n\n\
        data: [DONE]\n\n";

    #[test]
    fn however_it_is_cut() {
        for size in [1, 2, 7, 50, STREAM.len()] {
            let mut events = Events::default();
            for piece in STREAM.as_bytes().chunks(size) {
                events.read(piece);
            }
            assert_eq!(events.id.as_deref(), Some("resp_1"), "{size}");
            let completed = events.completed.unwrap();
            assert_eq!(completed, r#"{"id":"resp_1","output":[1]}"#, "{size}");
            assert_eq!(events.length, STREAM.len());
        }
    }

    #[test]
    fn what_is_not_complete_is_none() {
        let mut events = Events::default();
        events.read(b"event: response.created\ndata: {\"response\":{\"id\":\"resp_1\"}}\n\nevent: response.failed\n");
        events.read(b"data: {\"response\":{\"id\":\"resp_1\"}}\n\ndata: [DONE]\n\n");
        assert_eq!((events.id.as_deref(), events.completed), (Some("resp_1"), None));
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let mut events = Events::default();
        for _ in 0..40 {
            events.read(&vec![b'x'; 1 << 20]);
            assert!(events.begun.len() <= LONGEST);
        }
        events.read(b"\n");
        events.read(STREAM.as_bytes());
        assert_eq!(events.id.as_deref(), Some("resp_1"));
    }
}
