use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use localauth_core::Auth;
use tower_service::Service;

use super::body::ResponseBody;
use super::future::ResponseFuture;
use super::guard::Asked;
use super::which::is_metered;

/// The service of [`MeterUsage`](super::MeterUsage).
#[derive(Debug, Clone)]
pub struct MeterUsageService<S> {
    inner: S,
    auth: Auth,
}

impl<S> MeterUsageService<S> {
    pub(super) const fn new(inner: S, auth: Auth) -> Self {
        Self { inner, auth }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for MeterUsageService<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ReqB: Body,
    ResB: Body,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let asked = if is_metered(&request) {
            Asked::new(&self.auth, &request)
        } else {
            None
        };
        ResponseFuture::new(self.inner.call(request), asked)
    }
}
