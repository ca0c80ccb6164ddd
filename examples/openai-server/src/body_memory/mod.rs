//! How much memory the bodies of requests may take together.
//!
//! Inspection reads a body whole before it is judged. Each is bounded, and many at once are not: whoever has a key could
//! send as many as there are connections and streams. So what is read is counted as it comes, all of them together, and
//! one more than there is room for is answered 503 with `Retry-After`; nobody gets more than half of the room, and who is
//! slow does not keep it from others.

mod budget;
mod future;

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, HttpBody as _},
    response::Response,
};
use http::Request;
use localauth_tower::CurrentUser;
use tower::{Layer, Service};

pub use self::budget::Budget;
use self::future::{Counted, Counting};
use crate::settings::ErrorCode;

/// So much of each body is not counted: no more than a request takes anyway, whatever its body is.
const FREE: usize = 4 * 1024;

/// Counts what is read of bodies. Belongs between what knows the user and what reads bodies whole.
#[derive(Clone, Debug)]
pub struct BodyMemory {
    budget: Arc<Budget>,
    style: ErrorCode,
}

impl BodyMemory {
    /// With so much room.
    pub fn new(budget: Arc<Budget>, style: ErrorCode) -> Self {
        Self { budget, style }
    }
}

impl<S> Layer<S> for BodyMemory {
    type Service = BodyMemoryService<S>;

    fn layer(&self, inner: S) -> BodyMemoryService<S> {
        BodyMemoryService {
            inner,
            memory: self.clone(),
        }
    }
}

/// The service of [`BodyMemory`].
#[derive(Clone, Debug)]
pub struct BodyMemoryService<S> {
    inner: S,
    memory: BodyMemory,
}

impl<S> Service<Request<Body>> for BodyMemoryService<S>
where
    S: Service<Request<Body>, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Counting<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let user = request.extensions().get::<CurrentUser>();
        // Bodies that nobody reads whole pass through, however large.
        let is_read = user
            .and_then(CurrentUser::rule)
            .is_some_and(|rule| rule.is_model_route() || rule.names_model());
        let is_small = |body: &Body| body.size_hint().upper().is_some_and(|most| most <= FREE as u64);
        let Some(user) = user.filter(|_| is_read && !is_small(request.body())) else {
            return Counting::none(self.inner.call(request));
        };
        let share = Arc::new(self.memory.budget.share(user.id()));
        let request = request.map(|body| Body::new(Counted::new(body, Arc::clone(&share))));
        Counting::some(self.inner.call(request), share, self.memory.style)
    }
}

#[cfg(test)]
mod tests;
