//! The errors that mistral.rs sends into a stream: an event whose data is bare text, which no client can parse.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tracing::warn;

use super::classify::{Complaint, judge_event};
use crate::settings::ErrorCode;

/// The text of an event that is neither JSON nor the end mark. mistral.rs sends each event as one frame.
pub(super) fn bare_text(event: &[u8]) -> Option<String> {
    const FIELD: &[u8] = b"data: ";
    let data = event.strip_prefix(FIELD)?;
    if data.starts_with(b"{") || data.starts_with(b"[DONE]") {
        return None;
    }
    let text = String::from_utf8_lossy(event);
    let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    Some(lines.join("\n"))
}

/// Judges and logs the text of such an event.
pub(super) fn complain(text: &str) -> Complaint {
    let complaint = judge_event(text);
    if complaint.status.is_server_error() {
        warn!(error = text, code = complaint.code, "the model broke off a stream");
    }
    complaint
}

/// A stream of events in which bare text becomes an error object. All other frames pass as they are.
pub(super) struct Events<B> {
    /// A frame that was looked at already.
    pub(super) first: Option<Frame<Bytes>>,
    pub(super) rest: B,
    pub(super) style: ErrorCode,
}

impl<B> Events<B> {
    fn pass(&self, frame: Frame<Bytes>) -> Frame<Bytes> {
        match frame.data_ref().and_then(|event| bare_text(event)) {
            None => frame,
            Some(text) => {
                let body = complain(&text).body(self.style);
                Frame::data(format!("data: {body}\n\n").into())
            }
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Events<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(frame) = self.first.take() {
            return Poll::Ready(Some(Ok(self.pass(frame))));
        }
        match Pin::new(&mut self.rest).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(self.pass(frame)))),
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Events can grow, and nobody needs to know in advance.
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_text_is_an_error() {
        let cases: [(&str, Option<&str>); 7] = [
            ("data: {\"id\":\"1\"}\n\n", None),
            ("data: [DONE]\n\n", None),
            (":\n\n", None),
            ("event: error\ndata: {}\n\n", None),
            ("data: out of memory\n\n", Some("out of memory")),
            ("data: one\ndata: two\n\n", Some("one\ntwo")),
            ("data: \n\n", Some("")),
        ];
        for (event, expected) in cases {
            assert_eq!(bare_text(event.as_bytes()).as_deref(), expected, "{event:?}");
        }
    }
}
