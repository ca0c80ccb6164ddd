//! An answer that is a stream: its frames, who may have them, and how it ends.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use localauth_core::Denial;

use super::budget::{Account, Grant};
use super::recheck::Watch;
use super::stream::{Out, Stream};

/// A stream on its way to the client.
#[derive(Debug)]
pub(super) struct Streaming {
    pub(super) stream: Stream,
    watch: Watch,
    /// What follows the last frame, while something of that is kept back.
    trailers: Option<HeaderMap>,
    /// Whether there is no further frame.
    has_ended: bool,
}

/// What becomes of a stream next.
#[derive(Debug)]
pub(super) enum Step<E> {
    /// This goes to the client.
    Piece(Bytes),
    /// The same, and nothing after it has to be looked at.
    Last(Bytes),
    Trailers(HeaderMap),
    /// It has ended by itself.
    End,
    /// It broke off.
    Error(E),
    /// It is as long as it may be.
    Cut,
    /// The client may not have the rest: why, and whether it is where that can be said.
    Denied(Denial, bool),
}

impl Streaming {
    pub(super) const fn new(stream: Stream, watch: Watch) -> Self {
        Self {
            stream,
            watch,
            trailers: None,
            has_ended: false,
        }
    }

    pub(super) fn poll<B: Body<Data = Bytes>>(
        &mut self,
        mut inner: Pin<&mut B>,
        mut account: Option<&mut Account>,
        cx: &mut Context<'_>,
    ) -> Poll<Step<B::Error>> {
        // Whether a tick has gone by since the client was to be told.
        let mut is_late = false;
        loop {
            if let Some(denial) = self.watch.poll(cx) {
                // Within an event there is no place for another: it may end first.
                if !self.stream.is_within() || is_late {
                    return Poll::Ready(Step::Denied(denial, !self.stream.is_within()));
                }
                is_late = true;
            }
            if let Some(account) = account.as_deref_mut()
                && account.poll_time(cx) == Poll::Ready(Grant::Cut)
                && !self.stream.is_within()
            {
                return Poll::Ready(Step::Cut);
            }
            match self
                .stream
                .poll_next(cx, account.as_deref_mut(), self.watch.is_in_doubt())
            {
                Poll::Ready(Out::Piece(piece)) => {
                    let ends = self.stream.is_idle() && inner.is_end_stream() && self.trailers.is_none();
                    return Poll::Ready(if self.stream.is_over() || ends {
                        Step::Last(piece)
                    } else {
                        Step::Piece(piece)
                    });
                }
                Poll::Ready(Out::Cut) => return Poll::Ready(Step::Cut),
                Poll::Ready(Out::Nothing) => {
                    if let Some(trailers) = self.trailers.take() {
                        return Poll::Ready(Step::Trailers(trailers));
                    }
                    if self.has_ended {
                        return Poll::Ready(Step::End);
                    }
                    if let Poll::Ready(frame) = inner.as_mut().poll_frame(cx) {
                        match frame.map(|frame| frame.map(http_body::Frame::into_data)) {
                            Some(Ok(Ok(data))) => self.stream.push(data),
                            Some(Ok(Err(frame))) => {
                                self.trailers = frame.into_trailers().ok();
                                self.stream.end();
                            }
                            Some(Err(error)) => return Poll::Ready(Step::Error(error)),
                            None => {
                                self.has_ended = true;
                                self.stream.end();
                            }
                        }
                        continue;
                    }
                }
                Poll::Pending => {}
            }
            if self.watch.poll_tick(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
