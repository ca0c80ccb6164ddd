use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use localauth_core::Auth;
use tower_service::Service;

use super::body::ResponseBody;
use super::future::ResponseFuture;
use super::guard::Asked;
use super::hide::{HideUsage, ShowUsage};
use super::recheck::Recheck;
use crate::current_user::who_asks_a_model;
use crate::inspect::Inspected;

/// The service of [`MeterUsage`](super::MeterUsage).
#[derive(Debug, Clone)]
pub struct MeterUsageService<S> {
    inner: S,
    auth: Auth,
    recheck: Recheck,
}

impl<S> MeterUsageService<S> {
    pub(super) const fn new(inner: S, auth: Auth, recheck: Recheck) -> Self {
        Self { inner, auth, recheck }
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
    ResB: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        let asked = if who_asks_a_model(&request).is_some() {
            ask_for_usage(&mut request);
            Asked::new(&self.auth, &self.recheck, &mut request)
        } else {
            None
        };
        if asked.is_some() {
            // What is compressed cannot be read.
            request
                .headers_mut()
                .insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        ResponseFuture::new(self.inner.call(request), asked)
    }
}

/// Has a stream tell its usage, and notes whether that is for the client.
fn ask_for_usage<B>(request: &mut Request<B>) {
    let Some(inspected) = request.extensions().get::<Inspected>() else {
        return;
    };
    if inspected.includes_usage() {
        request.extensions_mut().insert(ShowUsage);
    } else if inspected.tells_usage_when_asked() && inspected.include_usage().is_ok() {
        request.extensions_mut().insert(HideUsage);
    }
}
