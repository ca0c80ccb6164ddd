//! A request body that comes back when nobody has read it.
//!
//! A request whose connection could not be made may go to the next upstream: not a byte of it was sent. The client that
//! failed has the request, though, and with it the body; so it only gets the loan of one.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

/// What is known of a body that was lent.
#[derive(Clone)]
pub(super) struct Loan(Arc<Mutex<State>>);

struct State {
    /// Until somebody reads it.
    body: Option<Body>,
    /// When the last of it was taken.
    last: Instant,
    has_ended: bool,
}

/// The body, as the client gets it.
pub(super) struct Lent {
    loan: Loan,
    /// From the first read on.
    body: Option<Body>,
    has_ended: bool,
}

impl Loan {
    pub(super) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(State {
            has_ended: body.is_end_stream(),
            body: Some(body),
            last: Instant::now(),
        })))
    }

    /// A body to hand to a client.
    pub(super) fn lend(&self) -> Lent {
        Lent {
            loan: self.clone(),
            body: None,
            has_ended: false,
        }
    }

    /// Whether nobody has read any of it.
    pub(super) fn is_back(&self) -> bool {
        self.lock().body.is_some()
    }

    /// Whether all of it was taken, and when that last happened to any of it.
    pub(super) fn progress(&self) -> (bool, Instant) {
        let state = self.lock();
        (state.has_ended, state.last)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        if self.body.is_none() {
            let body = self.loan.lock().body.take();
            self.body = body;
        }
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
            return Poll::Pending;
        };
        // Trailers of a request are headers that nobody judged: they end it.
        let frame = frame.filter(|frame| !matches!(frame, Ok(frame) if frame.is_trailers()));
        let has_ended = frame.is_none() || body.is_end_stream();
        self.has_ended = frame.is_none();
        let mut state = self.loan.lock();
        state.last = Instant::now();
        state.has_ended = has_ended;
        drop(state);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        if self.has_ended {
            return true;
        }
        match &self.body {
            Some(body) => body.is_end_stream(),
            None => self.loan.lock().body.as_ref().is_none_or(HttpBody::is_end_stream),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            _ if self.has_ended => SizeHint::with_exact(0),
            Some(body) => body.size_hint(),
            None => self
                .loan
                .lock()
                .body
                .as_ref()
                .map(HttpBody::size_hint)
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http::HeaderMap;
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    #[tokio::test]
    async fn what_nobody_read_comes_back_whole() {
        let loan = Loan::new(Body::from("hello"));
        let lent = loan.lend();
        assert_eq!(lent.size_hint().exact(), Some(5));
        drop(lent);
        assert!(loan.is_back());
        assert_eq!(loan.lend().collect().await.unwrap().to_bytes(), "hello");
        assert!(!loan.is_back());
        assert!(loan.progress().0);
        assert!(loan.lend().collect().await.unwrap().to_bytes().is_empty(), "once");
    }

    #[tokio::test]
    async fn trailers_stay_behind() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-auth-user", "root".parse().unwrap());
        let frames = [Frame::data(Bytes::from("a")), Frame::trailers(trailers)];
        let body = Body::new(StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>))));
        let collected = Loan::new(body).lend().collect().await.unwrap();
        assert!(collected.trailers().is_none());
        assert_eq!(collected.to_bytes(), "a");
    }
}
