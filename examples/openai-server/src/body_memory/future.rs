//! A body while it is read, and the answer to it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::{
    BoxError, Json,
    body::{Body, Bytes, HttpBody},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use serde_json::json;
use tokio::time::{Instant, Sleep, sleep};

use super::{FREE, budget::Share};
use crate::settings::ErrorCode;

/// There was no room for a body.
#[derive(Debug, thiserror::Error)]
#[error("there is no room for the request body at the moment")]
struct NoRoom;

/// A body that is counted while it is read.
#[derive(Debug)]
pub(super) struct Counted {
    body: Body,
    share: Arc<Share>,
    /// What may still come uncounted.
    free: usize,
    /// Wakes it where nothing comes, and others may want what it has.
    look: Option<Pin<Box<Sleep>>>,
}

impl Counted {
    pub(super) const fn new(body: Body, share: Arc<Share>) -> Self {
        Self {
            body,
            share,
            free: FREE,
            look: None,
        }
    }

    /// Whether it is waited for too long.
    fn poll_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let share = &self.share;
        if !share.has_some() {
            return Poll::Pending;
        }
        let look = self.look.get_or_insert_with(|| Box::pin(sleep(share.look())));
        loop {
            ready!(look.as_mut().poll(cx));
            let now = Instant::now();
            if share.make_room(now) {
                return Poll::Ready(());
            }
            look.as_mut().reset(now + share.look());
        }
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_pending() {
            ready!(self.poll_slow(cx));
            return Poll::Ready(Some(Err(NoRoom.into())));
        }
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            let free = self.free.min(data.len());
            self.free -= free;
            let counted = data.len() - free;
            if counted > 0 && !self.share.take(counted) {
                return Poll::Ready(Some(Err(NoRoom.into())));
            }
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pin_project! {
    /// The answer of [`BodyMemoryService`](super::BodyMemoryService).
    #[derive(Debug)]
    pub struct Counting<F> {
        #[pin]
        inner: F,
        counted: Option<OfOne>,
    }
}

/// What is given back when the request is answered or dropped.
#[derive(Debug)]
struct OfOne {
    share: Arc<Share>,
    style: ErrorCode,
}

impl Drop for OfOne {
    fn drop(&mut self) {
        self.share.give_back();
    }
}

impl<F> Counting<F> {
    pub(super) const fn none(inner: F) -> Self {
        Self { inner, counted: None }
    }

    pub(super) const fn some(inner: F, share: Arc<Share>, style: ErrorCode) -> Self {
        Self {
            inner,
            counted: Some(OfOne { share, style }),
        }
    }
}

impl<F, E> Future for Counting<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.inner.poll(cx).map_ok(|response| match this.counted.take() {
            // What was read until then made no sense to whoever read it: that is not the reason.
            Some(one) if one.share.was_refused() && !response.status().is_success() => overloaded(one.style),
            _ => response,
        })
    }
}

fn overloaded(style: ErrorCode) -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let error = json!({
        "message": "The server has no room for this request body at the moment. Try again shortly.",
        "type": "server_error", "param": null,
        "code": match style {
            ErrorCode::String => json!("overloaded"),
            ErrorCode::Number => json!(status.as_u16()),
        },
    });
    (status, [(header::RETRY_AFTER, "1")], Json(json!({ "error": error }))).into_response()
}
