//! The body of a streamed response whose owner is to be noted.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tracing::error;

use super::{Asking, Stored, events::Events};

/// The same frames. mistral.rs stores the conversation when it is asked for more than there is, so that is when its
/// owner is noted; a stream that is dropped before is not stored.
pub(super) struct Watched {
    inner: Body,
    events: Events,
    by: Stored,
    asking: Option<Asking>,
}

impl Watched {
    pub(super) fn new(inner: Body, by: Stored, asking: Asking) -> Self {
        Self {
            inner,
            events: Events::default(),
            by,
            asking: Some(asking),
        }
    }

    fn end(&mut self) {
        let Some(asking) = self.asking.take() else { return };
        let Events {
            id, completed, length, ..
        } = std::mem::take(&mut self.events);
        let delete = match (id, completed) {
            (Some(id), Some(answer)) => self.by.note(&id, &asking, length, Some(answer)),
            // It failed. What is left of it is of no use.
            (Some(id), None) => vec![(Arc::from(id), asking.made_by)],
            (None, _) => {
                error!("a streamed response without an id: it may be stored, and nobody will delete it");
                Vec::new()
            }
        };
        if !delete.is_empty() {
            let by = self.by.clone();
            tokio::spawn(async move { by.delete(delete).await });
        }
    }
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(piece)) => {
                if self.asking.is_some()
                    && let Some(data) = piece.data_ref()
                {
                    self.events.read(data);
                }
                if self.inner.is_end_stream() {
                    self.end();
                }
            }
            Some(Err(_)) | None => self.end(),
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
