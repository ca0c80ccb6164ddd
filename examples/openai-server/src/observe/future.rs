//! A request on its way, and its answer.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes, HttpBody};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use localauth_core::Denial;
use localauth_tower::Trail;
use pin_project_lite::pin_project;

use super::line;
use crate::metrics::{Requests, Route};

/// What is known of a request so far. When it is dropped, the request is over.
#[derive(Debug)]
pub(super) struct Seen {
    requests: Arc<Requests>,
    pub(super) trail: Trail,
    pub(super) id: Option<HeaderValue>,
    pub(super) method: Method,
    /// What it counts under when no rule is found.
    without_rule: Route,
    began: Instant,
    /// When there was an answer, and which.
    head: Option<Duration>,
    pub(super) status: Option<StatusCode>,
    pub(super) denial: Option<Denial>,
    /// Whether all of the answer went out.
    pub(super) is_whole: bool,
}

impl Seen {
    /// A request begins.
    pub(super) fn begin<B>(requests: &Arc<Requests>, request: &mut Request<B>) -> Self {
        requests.begin();
        let trail = Trail::new();
        request.extensions_mut().insert(trail.clone());
        Self {
            requests: Arc::clone(requests),
            trail,
            id: request.headers().get("x-request-id").cloned(),
            method: request.method().clone(),
            without_rule: requests.without_rule(request.uri().path()),
            began: Instant::now(),
            head: None,
            status: None,
            denial: None,
            is_whole: false,
        }
    }

    fn answered<B>(&mut self, response: &Response<B>) {
        self.head = Some(self.began.elapsed());
        self.status = Some(response.status());
        self.denial = response.extensions().get::<Denial>().copied();
    }

    fn route(&self) -> Route {
        match self.trail.rule() {
            Some(rule) => self.requests.route(rule),
            None => self.without_rule,
        }
    }

    /// The pattern of its route.
    pub(super) fn pattern(&self) -> &str {
        self.requests.pattern(self.route())
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let whole = self.began.elapsed();
        let outcome = crate::metrics::Outcome {
            status: self.status,
            denial: self.denial,
            is_decided: self.denial.is_some() || (self.trail.rule().is_some() && self.status.is_some()),
            is_authenticated: self.trail.user().is_some(),
            head: self.head,
            whole,
        };
        self.requests.end(self.route(), &outcome);
        line::write(self, whole);
    }
}

pin_project! {
    /// The answer of [`Observed`](super::Observed).
    #[derive(Debug)]
    pub struct Watching<F> {
        #[pin]
        inner: F,
        seen: Option<Seen>,
    }
}

impl<F> Watching<F> {
    pub(super) const fn new(inner: F, seen: Seen) -> Self {
        Self {
            inner,
            seen: Some(seen),
        }
    }
}

impl<F, E> Future for Watching<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = Result<Response<Watched>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.inner.poll(cx).map_ok(|response| {
            let mut seen = this.seen.take();
            if let Some(seen) = &mut seen {
                seen.answered(&response);
                // Of such a body nobody asks for the end.
                seen.is_whole = response.body().is_end_stream();
            }
            response.map(|body| Watched { body, seen })
        })
    }
}

/// A body that is watched to its end.
#[derive(Debug)]
pub struct Watched {
    body: Body,
    seen: Option<Seen>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(frame) = &polled {
            let is_over = match frame {
                None => true,
                Some(Ok(_)) => self.body.is_end_stream(),
                Some(Err(_)) => false,
            };
            // Over here and now, not when whoever sends it lets go of it.
            if is_over && let Some(mut seen) = self.seen.take() {
                seen.is_whole = true;
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
