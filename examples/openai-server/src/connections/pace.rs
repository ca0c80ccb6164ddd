//! Request bodies that do not come.

use std::{
    future::Future as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Json,
    body::{Body, Bytes, HttpBody},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use http_body::{Frame, SizeHint};
use serde_json::json;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Limits;

/// A request body that has to come: one that pauses for too long, or drips, is an error.
///
/// The clock is asked, and a timer made, only when there is something to wait for.
#[derive(Debug)]
pub(super) struct Paced<B> {
    body: B,
    due: Due,
    timer: Option<Pin<Box<Sleep>>>,
    late: Late,
}

/// Until when something has to come.
#[derive(Debug)]
struct Due {
    pause: Duration,
    /// What one byte is worth.
    per_byte: Duration,
    /// As long as somebody waits.
    until: Option<Instant>,
}

impl Due {
    fn new(limits: &Limits) -> Self {
        Self {
            pause: limits.pause,
            per_byte: Duration::from_secs(1) / limits.drip.max(1),
            until: None,
        }
    }

    /// Somebody waits: until when.
    fn wait(&mut self, now: impl FnOnce() -> Instant) -> Instant {
        *self.until.get_or_insert_with(|| now() + self.pause)
    }

    /// So many bytes came: there is more time again, but never more than for one pause.
    fn came(&mut self, bytes: usize, now: impl FnOnce() -> Instant) {
        if let Some(until) = &mut self.until {
            let worth = self.per_byte.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX));
            let longest = now() + self.pause;
            *until = until.checked_add(worth).map_or(longest, |later| later.min(longest));
        }
    }
}

/// Whether a body came too late: what is answered then is not the handler's business.
#[derive(Clone, Debug, Default)]
pub(super) struct Late(Option<Arc<AtomicBool>>);

/// What reading the body of such a request comes to.
#[derive(Debug, thiserror::Error)]
#[error("the request body does not come")]
pub(super) struct TooLate;

impl<B: HttpBody> Paced<B> {
    /// The body, and what tells whether it came.
    pub(super) fn new(body: B, limits: &Limits) -> (Self, Late) {
        // Nothing to wait for, nothing to note.
        let late = Late((!body.is_end_stream()).then(Arc::default));
        let paced = Self {
            body,
            due: Due::new(limits),
            timer: None,
            late: late.clone(),
        };
        (paced, late)
    }
}

impl<B> HttpBody for Paced<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                if let Some(Ok(data)) = frame.as_ref().map(|frame| frame.as_ref().map(Frame::data_ref)) {
                    self.due.came(data.map_or(0, Bytes::len), Instant::now);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let deadline = self.due.wait(Instant::now);
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                if timer.deadline() != deadline {
                    timer.as_mut().reset(deadline);
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                if let Some(late) = &self.late.0 {
                    late.store(true, Ordering::Relaxed);
                }
                Poll::Ready(Some(Err(TooLate.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Late {
    /// The answer to the request: 408 (RFC 9110, section 15.5.9) where the handler failed for want of a body.
    pub(super) fn answer(&self, response: Response) -> Response {
        let is_late = self.0.as_ref().is_some_and(|late| late.load(Ordering::Relaxed));
        if !is_late || response.status().is_success() {
            return response;
        }
        let error = json!({
            "message": "The request body did not arrive in time. Send it again, without pauses.",
            "type": "invalid_request_error", "param": null, "code": "request_timeout",
        });
        let (mut parts, _) = response.into_parts();
        let body = (StatusCode::REQUEST_TIMEOUT, Json(json!({ "error": error }))).into_response();
        parts.status = body.status();
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::TRANSFER_ENCODING);
        parts
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Response::from_parts(parts, body.into_body())
    }
}

/// The body as the application takes it.
pub(super) fn boxed<B>(body: Paced<B>) -> Body
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<axum::BoxError>,
{
    Body::new(body)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt as _, stream};
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    /// Without a pause: whatever is not there is late.
    fn at_once() -> Limits {
        Limits {
            pause: Duration::ZERO,
            ..Limits::default()
        }
    }

    fn failed() -> Response {
        let headers = [("x-request-id", "x"), ("content-length", "0")];
        (StatusCode::BAD_REQUEST, headers).into_response()
    }

    #[tokio::test]
    async fn a_body_that_stops_is_late() {
        let frames = stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"half")))]);
        let body = StreamBody::new(frames.chain(stream::pending()));
        let (body, late) = Paced::new(body, &at_once());
        assert!(body.collect().await.is_err());
        let answer = late.answer(failed());
        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(answer.headers()["x-request-id"], "x");
        assert!(!answer.headers().contains_key("content-length"));
        assert_eq!(late.answer(StatusCode::OK.into_response()).status(), StatusCode::OK);
    }

    /// By a clock that stands still unless it is told to go on.
    #[test]
    fn a_body_that_drips_is_late() {
        let second = Duration::from_secs(1);
        let limits = Limits {
            pause: 10 * second,
            drip: 1_000,
            ..Limits::default()
        };
        let began = Instant::now();
        // So many bytes each second, until when they are late.
        let late_after = |bytes: usize| {
            let mut due = Due::new(&limits);
            (0..1_000_u32).find(|&seconds| {
                let now = began + seconds * second;
                let is_late = due.wait(|| now) < now;
                due.came(bytes, || now);
                is_late
            })
        };
        assert_eq!(late_after(0), Some(11), "a pause");
        assert_eq!(late_after(1), Some(11), "one byte is worth next to nothing");
        assert_eq!(late_after(500), Some(20), "half of the time comes back");
        assert_eq!(late_after(1_000), None);
        assert_eq!(late_after(100_000), None);

        // What came early is no credit beyond one pause.
        let mut due = Due::new(&limits);
        due.wait(|| began);
        due.came(usize::MAX, || began);
        assert_eq!(due.wait(|| began), began + 10 * second);
        // And while nobody waits no time goes by.
        let mut due = Due::new(&limits);
        due.came(0, || began);
        assert_eq!(due.wait(|| began + 100 * second), began + 110 * second);
    }

    #[tokio::test]
    async fn a_body_that_comes_is_untouched() {
        let frames = stream::iter((0..100).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))));
        let (body, late) = Paced::new(StreamBody::new(frames), &Limits::default());
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 100);
        assert_eq!(
            late.answer(failed()).status(),
            StatusCode::BAD_REQUEST,
            "the handler's own"
        );
    }
}
