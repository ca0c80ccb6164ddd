use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use localauth_core::Place;
use pin_project_lite::pin_project;

pin_project! {
    /// The body of an answer that holds a place: the same frames, and the place is free when there are no more, at an
    /// error, or when dropped.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        place: Option<Arc<Place>>,
    }
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn new(inner: B, place: Option<Arc<Place>>) -> Self {
        // A body without frames may never be polled.
        let place = place.filter(|_| !inner.is_end_stream());
        Self { inner, place }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        // Whoever knows that it ended asks for no further frame.
        if !matches!(frame, Some(Ok(_))) || this.inner.is_end_stream() {
            *this.place = None;
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
