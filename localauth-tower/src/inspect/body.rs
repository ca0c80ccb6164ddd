//! The body that is handed on.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::inspected::Inspected;

pin_project! {
    /// The body of a request behind [`Inspect`](super::Inspect): as it comes, where it was not looked into; else what was
    /// judged, in one piece, with the edits that were made through [`Inspected`].
    ///
    /// Until it is polled its size hint is what would be sent as of then; polling it is the end of edits.
    #[derive(Debug)]
    pub struct InspectedBody<B> {
        #[pin]
        inner: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    #[derive(Debug)]
    enum Kind<B> {
        Untouched { #[pin] body: B },
        Read { judged: Option<(Bytes, Inspected)> },
    }
}

impl<B> InspectedBody<B> {
    pub(super) const fn untouched(body: B) -> Self {
        Self {
            inner: Kind::Untouched { body },
        }
    }

    pub(super) const fn read(bytes: Bytes, inspected: Inspected) -> Self {
        Self {
            inner: Kind::Read {
                judged: Some((bytes, inspected)),
            },
        }
    }
}

impl<B: Body> Body for InspectedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().inner.project() {
            // Without a copy, where the data are `Bytes` already.
            KindProj::Untouched { body } => body
                .poll_frame(cx)
                .map_ok(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))),
            KindProj::Read { judged } => {
                let frame = judged
                    .take()
                    .map(|(bytes, inspected)| Ok(Frame::data(inspected.send(bytes))));
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Kind::Untouched { body } => body.is_end_stream(),
            Kind::Read { judged } => judged.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Kind::Untouched { body } => body.size_hint(),
            Kind::Read { judged } => {
                let length = judged.as_ref().map_or(0, |(bytes, inspected)| inspected.len_of(bytes));
                SizeHint::with_exact(length as u64)
            }
        }
    }
}
