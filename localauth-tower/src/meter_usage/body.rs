use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::guard::Guard;
use super::reading::Reading;
use super::streaming::Step;

pin_project! {
    /// The body of an answer that passes [`MeterUsage`](super::MeterUsage), read as it goes by.
    ///
    /// Records the request before its last byte goes out, at an error, or when dropped.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        // Away as soon as nothing more is wanted of it: a model goes on writing while somebody listens.
        #[pin]
        inner: Option<B>,
        guard: Option<Guard>,
    }
}

type Polled<E> = Poll<Option<Result<Frame<Bytes>, E>>>;

impl<B: Body<Data = Bytes>> ResponseBody<B> {
    pub(super) fn new(inner: B, mut guard: Option<Guard>) -> Self {
        // A body without frames may never be polled.
        if inner.is_end_stream()
            && let Some(mut guard) = guard.take()
        {
            guard.commit();
            guard.settle(true);
        }
        Self {
            inner: Some(inner),
            guard,
        }
    }

    /// An answer in one piece: the same frames.
    fn poll_whole(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled<B::Error> {
        let this = self.project();
        let Some(mut inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let frame = ready!(inner.as_mut().poll_frame(cx));
        if let Some(guard) = this.guard {
            let over = match &frame {
                Some(Ok(frame)) => {
                    let is_last = frame.data_ref().is_none_or(|data| guard.read(data));
                    // Whoever knows this asks for no further frame.
                    (is_last || inner.is_end_stream()).then_some(true)
                }
                Some(Err(_)) => Some(false),
                None => Some(true),
            };
            if let Some(ended) = over {
                if ended {
                    guard.commit();
                }
                guard.settle(ended);
                *this.guard = None;
            }
        }
        Poll::Ready(frame)
    }

    /// A stream: its frames, or what is left of them.
    fn poll_events(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled<B::Error> {
        let mut this = self.project();
        let (Some(inner), Some(guard)) = (this.inner.as_mut().as_pin_mut(), this.guard.as_mut()) else {
            return Poll::Ready(None);
        };
        let Some((streaming, account)) = guard.streaming() else {
            return Poll::Ready(None);
        };
        let step = ready!(streaming.poll(inner, account, cx));
        let frame = match step {
            Step::Piece(piece) => {
                guard.commit();
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            Step::Error(error) => {
                guard.settle(false);
                Some(Err(error))
            }
            Step::Last(piece) => {
                guard.commit();
                guard.settle(true);
                Some(Ok(Frame::data(piece)))
            }
            Step::Trailers(trailers) => {
                guard.commit();
                guard.settle(true);
                Some(Ok(Frame::trailers(trailers)))
            }
            Step::End => {
                guard.commit();
                guard.settle(true);
                this.inner.set(None);
                None
            }
            Step::Cut => {
                let end = guard.end_at_length();
                this.inner.set(None);
                guard.commit();
                guard.settle(false);
                end.map(|end| Ok(Frame::data(end)))
            }
            Step::Denied(denial, can_be_told) => {
                tracing::debug!(code = denial.code(), "cut");
                let end = guard.end_refused(denial).filter(|_| can_be_told);
                this.inner.set(None);
                guard.settle(false);
                end.map(|end| Ok(Frame::data(end)))
            }
        };
        *this.guard = None;
        Poll::Ready(frame)
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled<B::Error> {
        if self.is_stream() {
            self.poll_events(cx)
        } else {
            self.poll_whole(cx)
        }
    }

    fn is_end_stream(&self) -> bool {
        // A stream that still is looked at may have something kept back.
        !self.is_stream() && self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            None => SizeHint::with_exact(0),
            Some(_) if self.is_stream() => SizeHint::default(),
            Some(inner) => inner.size_hint(),
        }
    }
}

impl<B> ResponseBody<B> {
    fn is_stream(&self) -> bool {
        let reading = self.guard.as_ref().map(|guard| &guard.reading);
        matches!(reading, Some(Reading::Events(_)))
    }
}
