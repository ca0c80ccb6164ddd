//! Sees every request from the outside: counts it, times it, and writes its line into the log.

mod future;
mod line;
mod request_id;

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use http::{Request, Response};
use tower::{Layer, Service};

use crate::metrics::Requests;

use self::future::{Seen, Watched, Watching};
pub use self::request_id::with_sane_id;

/// Counts requests, and logs them.
///
/// Costs each request two small allocations and the clock twice.
#[derive(Clone, Debug)]
pub struct Observe {
    requests: Arc<Requests>,
}

impl Observe {
    /// Counts into these.
    pub const fn new(requests: Arc<Requests>) -> Self {
        Self { requests }
    }
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed {
            inner,
            requests: Arc::clone(&self.requests),
        }
    }
}

/// The service of [`Observe`].
#[derive(Clone, Debug)]
pub struct Observed<S> {
    inner: S,
    requests: Arc<Requests>,
}

impl<S, B> Service<Request<B>> for Observed<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Watched>;
    type Error = S::Error;
    type Future = Watching<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let seen = Seen::begin(&self.requests, &mut request);
        Watching::new(self.inner.call(request), seen)
    }
}
