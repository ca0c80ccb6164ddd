//! The body of an answer, as it goes by: nothing is kept, and an end that is none is not made to look like one.
//!
//! An upstream that breaks off, or is silent for too long, ends a stream with an error event in the words of its family,
//! where the client is between two events, and then the connection. Anything else ends with the connection at once. Either
//! way the client sees that there should have been more.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::HttpBody;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use serde_json::json;
use tokio::time::{Instant, Sleep, sleep};
use tracing::debug;

use super::measure::Measure;

/// How long the event that tells of a broken answer has to be sent.
const FAREWELL: Duration = Duration::from_millis(50);

const BROKE_OFF: &str = "broke off";

/// Why an answer ended before its end.
#[derive(Debug, thiserror::Error)]
#[error("the upstream {0}")]
pub(super) struct BrokenOff(&'static str);

/// What is done when the answer is over, or nobody wants it any more.
pub(super) type AfterEnd = Box<dyn FnOnce() + Send + Sync>;

pin_project! {
    /// The body of an answer of an upstream.
    pub(super) struct Answer<B = Incoming> {
        // Away as soon as nothing more is wanted of it.
        #[pin]
        inner: Option<B>,
        #[pin]
        silence: Sleep,
        idle: Duration,
        stream: Option<Stream>,
        end: End,
        measure: Option<Measure>,
        after: After,
    }
}

/// Done when dropped, at the latest.
struct After(Option<AfterEnd>);

impl Drop for After {
    fn drop(&mut self) {
        if let Some(after) = self.0.take() {
            after();
        }
    }
}

/// How far the end has come.
#[derive(Debug)]
enum End {
    NotYet,
    /// The error event is out; the connection is to end, once that had time to be sent.
    Told(&'static str),
    Over,
}

impl<B> Answer<B> {
    pub(super) fn new(inner: B, idle: Duration, stream: Option<Stream>) -> Self {
        Self {
            inner: Some(inner),
            silence: sleep(idle),
            idle,
            stream,
            end: End::NotYet,
            measure: None,
            after: After(None),
        }
    }

    /// Counts that it broke off, if it does.
    pub(super) fn measured(mut self, measure: Measure) -> Self {
        self.measure = Some(measure);
        self
    }

    /// Does this when it is over.
    pub(super) fn then(mut self, after: Option<AfterEnd>) -> Self {
        self.after = After(after);
        self
    }
}

impl<B: HttpBody<Data = Bytes>> HttpBody for Answer<B> {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let mut this = self.project();
        match *this.end {
            End::NotYet => {}
            End::Told(why) => {
                // Whoever sends would drop what it has not sent yet along with the connection.
                ready!(this.silence.as_mut().poll(cx));
                *this.end = End::Over;
                return Poll::Ready(Some(Err(BrokenOff(why))));
            }
            End::Over => return Poll::Ready(None),
        }
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let why = match inner.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                // Trailers are headers that nobody looked at.
                let Ok(data) = frame.into_data() else {
                    *this.end = End::Over;
                    this.inner.set(None);
                    return Poll::Ready(None);
                };
                this.silence.as_mut().reset(Instant::now() + *this.idle);
                if let Some(stream) = this.stream {
                    stream.read(&data);
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            Poll::Ready(None) => {
                *this.end = End::Over;
                this.inner.set(None);
                return Poll::Ready(None);
            }
            Poll::Ready(Some(Err(_))) => BROKE_OFF,
            Poll::Pending => {
                ready!(this.silence.as_mut().poll(cx));
                "was silent for too long"
            }
        };
        debug!(why, "an answer ends early");
        if let Some(measure) = this.measure {
            measure.broke_off(why != BROKE_OFF);
        }
        this.inner.set(None);
        let event = this.stream.as_ref().and_then(|stream| stream.broken(why));
        if let Some(event) = event {
            this.silence.as_mut().reset(Instant::now() + FAREWELL);
            *this.end = End::Told(why);
            return Poll::Ready(Some(Ok(Frame::data(event))));
        }
        *this.end = End::Over;
        Poll::Ready(Some(Err(BrokenOff(why))))
    }

    fn is_end_stream(&self) -> bool {
        match self.end {
            End::NotYet => self.inner.as_ref().is_none_or(HttpBody::is_end_stream),
            End::Told(_) => false,
            End::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            // It may end with an event of ours.
            Some(inner) if self.stream.is_none() => inner.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

/// A stream of events or lines: where the client is in it, and how an error looks there.
#[derive(Debug)]
pub(super) struct Stream {
    family: Family,
    /// The last bytes that went by.
    tail: [u8; 4],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Chat,
    Responses,
    Messages,
    Lines,
}

impl Stream {
    /// What an answer at a path is, if it is a stream.
    pub(super) fn of(path: &str, headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.as_bytes();
        let is = |essence: &[u8]| {
            let start = kind.get(..essence.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(essence))
        };
        let family = if is(b"application/x-ndjson") {
            Family::Lines
        } else if !is(b"text/event-stream") {
            return None;
        } else if path.ends_with("/messages") {
            Family::Messages
        } else if path.ends_with("/responses") {
            Family::Responses
        } else {
            Family::Chat
        };
        // Nothing went by, and there the first event may be.
        let tail = *b"\n\n\n\n";
        Some(Self { family, tail })
    }

    fn read(&mut self, data: &[u8]) {
        let keep = data.len().min(self.tail.len());
        self.tail.rotate_left(keep);
        let place = self.tail.len() - keep;
        self.tail[place..].copy_from_slice(&data[data.len() - keep..]);
    }

    /// Whether an event may begin here. Within one, another would be read as a part of it.
    fn is_between(&self) -> bool {
        match self.family {
            Family::Lines => self.tail.ends_with(b"\n"),
            _ => self.tail.ends_with(b"\n\n") || self.tail.ends_with(b"\r\n\r\n") || self.tail.ends_with(b"\r\r"),
        }
    }

    /// The event that says that it broke off.
    fn broken(&self, why: &str) -> Option<Bytes> {
        if !self.is_between() {
            return None;
        }
        let message = format!("The model server {why}: the answer is not whole.");
        let (kind, code) = ("server_error", "upstream_unavailable");
        let text = match self.family {
            Family::Chat => {
                let error = json!({ "message": message, "type": kind, "param": null, "code": code });
                format!("data: {}\n\n", json!({ "error": error }))
            }
            Family::Responses => {
                let error =
                    json!({ "type": "error", "code": code, "message": message, "param": null, "sequence_number": 0 });
                format!("event: error\ndata: {error}\n\n")
            }
            Family::Messages => {
                let error = json!({ "type": "api_error", "message": message });
                format!("event: error\ndata: {}\n\n", json!({ "type": "error", "error": error }))
            }
            Family::Lines => format!("{}\n", json!({ "error": message })),
        };
        Some(text.into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use futures_util::{StreamExt as _, stream};
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    const LONG: Duration = Duration::from_hours(1);
    const EVENTS: &str = "text/event-stream; charset=utf-8";
    const LINES: &str = "application/x-ndjson";

    fn headers(kind: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, kind.parse().unwrap())])
    }

    /// What a client gets of an answer that breaks off after these pieces: the pieces, and whether it ended well.
    async fn broken(path: &str, kind: &str, pieces: &[&'static str]) -> (String, bool) {
        let frames: Vec<_> = pieces
            .iter()
            .map(|piece| Ok(Frame::data(Bytes::from(*piece))))
            .collect();
        let body = StreamBody::new(stream::iter(frames).chain(stream::once(async { Err("reset") })));
        let mut body = Box::pin(Answer::new(body, LONG, Stream::of(path, &headers(kind))));
        let mut got = String::new();
        loop {
            match body.frame().await {
                Some(Ok(frame)) => got.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap()),
                Some(Err(_)) => return (got, false),
                None => return (got, true),
            }
        }
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_never_looks_whole() {
        for (path, kind, pieces, part) in [
            (
                "/v1/chat/completions",
                EVENTS,
                &["data: {}\n", "\n"][..],
                r#"data: {"error":{"code":"upstream_"#,
            ),
            (
                "/v1/chat/completions",
                EVENTS,
                &["data: {}\r\n\r\n"],
                r#""code":"upstream_unavailable""#,
            ),
            ("/v1/chat/completions", EVENTS, &[], "upstream_unavailable"),
            ("/v1/responses", EVENTS, &["data: {}\n\n"], "event: error\ndata: {"),
            ("/v1/messages", EVENTS, &["data: {}\n\n"], r#""type":"api_error""#),
            ("/api/chat", LINES, &["{}\n"], "{\"error\":\"The model server broke off"),
            // Within an event nothing can be said.
            ("/v1/chat/completions", EVENTS, &["data: {\"a\":"], ""),
            ("/v1/chat/completions", EVENTS, &["data: {}\n"], ""),
            ("/api/chat", LINES, &["{}\n{"], ""),
            ("/v1/chat/completions", "application/json", &["{\n\n"], ""),
        ] {
            let (got, is_whole) = broken(path, kind, pieces).await;
            assert!(!is_whole, "{path} {pieces:?}");
            let sent = pieces.concat();
            let added = got.strip_prefix(&sent).unwrap();
            assert_eq!(added.is_empty(), part.is_empty(), "{path} {pieces:?}: {added}");
            assert!(added.contains(part), "{path} {pieces:?}: {added}");
        }
    }

    #[tokio::test]
    async fn silence_has_an_end() {
        let (send, receive) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
        let frames = stream::unfold(receive, async |mut receive| {
            let data = receive.recv().await?;
            Some((Ok::<_, BrokenOff>(Frame::data(data)), receive))
        });
        let mut body = Box::pin(Answer::new(StreamBody::new(frames), Duration::from_millis(10), None));
        send.send(Bytes::from_static(b"x")).unwrap();
        assert!(body.frame().await.unwrap().is_ok());
        assert!(body.frame().await.unwrap().is_err());
        assert!(body.frame().await.is_none() && body.is_end_stream());
        assert!(send.is_closed(), "the upstream is let go");
    }

    #[tokio::test]
    async fn trailers_stay_behind_and_the_end_is_told_once() {
        let ended = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&ended);
        let frames = [Frame::data(Bytes::from("a")), Frame::trailers(headers("x"))];
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, BrokenOff>)));
        let after: AfterEnd = Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let collected = Answer::new(body, LONG, None).then(Some(after)).collect().await.unwrap();
        assert!(collected.trailers().is_none());
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    }
}
