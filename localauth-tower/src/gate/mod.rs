//! What layers have in common that decide by what is already known about a request.

use std::task::{Context, Poll};

use http::{Request, Response};
use localauth_core::Denial;
use tower_service::Service;

use crate::reject::{Reject, ResponseBody, ResponseFuture, refuse};

/// A decision about a request.
pub(crate) trait Decide {
    /// Lets the request pass, or says why not.
    fn decide<B>(&self, request: &mut Request<B>) -> Result<(), Denial>;
}

/// The service of [`RequireFeature`](crate::RequireFeature), [`RequireAdmin`](crate::RequireAdmin),
/// [`RequireModel`](crate::RequireModel) and [`RoutePolicy`](crate::RoutePolicy): forwards what `D` lets pass, and answers the rest with `R`.
#[derive(Debug, Clone)]
pub struct Gate<S, D, R> {
    inner: S,
    decide: D,
    reject: R,
}

impl<S, D, R> Gate<S, D, R> {
    pub(crate) const fn new(inner: S, decide: D, reject: R) -> Self {
        Self { inner, decide, reject }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, D, R, B, ResB> Service<Request<B>> for Gate<S, D, R>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    D: Decide,
    R: Reject,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.decide.decide(&mut request) {
            Ok(()) => ResponseFuture::forwarded(self.inner.call(request)),
            Err(denial) => ResponseFuture::refused(refuse(&self.reject, denial, request.uri())),
        }
    }
}
