use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::guard::Guard;

pin_project! {
    /// The body of an answer that passes [`MeterUsage`](super::MeterUsage): the same frames, read as they go by.
    ///
    /// Records the request when there are no more, at an error, or when dropped.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        guard: Option<Guard>,
    }
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn new(inner: B, mut guard: Option<Guard>) -> Self {
        // A body without frames may never be polled.
        if inner.is_end_stream()
            && let Some(mut guard) = guard.take()
        {
            guard.settle(true);
        }
        Self { inner, guard }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        if let Some(guard) = this.guard {
            let over = match &frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        guard.read(data);
                    }
                    // Whoever knows this asks for no further frame.
                    this.inner.is_end_stream().then_some(true)
                }
                Some(Err(_)) => Some(false),
                None => Some(true),
            };
            if let Some(ended) = over {
                guard.settle(ended);
                *this.guard = None;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
