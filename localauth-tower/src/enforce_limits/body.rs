use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use localauth_core::Allowance;
use pin_project_lite::pin_project;

use crate::reject;

pin_project! {
    /// The body of an answer that passes [`EnforceLimits`](super::EnforceLimits), or of its refusal.
    ///
    /// Lets go of what is held when it ends or is dropped.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: reject::ResponseBody<B>,
        held: Option<Held>,
    }
}

/// What is held until the answer is over. A [`MeterUsage`](crate::MeterUsage) further in has settled it by then; where
/// there is none, the prompt counts as it was estimated.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) allowance: Allowance,
    pub(super) prompt_tokens: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.allowance.settle(self.prompt_tokens, 0, 0);
    }
}

impl crate::lasting::Held for Held {}

impl<B> ResponseBody<B> {
    pub(super) const fn new(inner: reject::ResponseBody<B>, held: Option<Held>) -> Self {
        Self { inner, held }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            *this.held = None;
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

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::new(reject::ResponseBody::default(), None)
    }
}
