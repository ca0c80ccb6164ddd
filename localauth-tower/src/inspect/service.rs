use std::mem;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::InspectedBody;
use super::future::{Asked, ResponseFuture};
use super::judge::Judge;
use crate::current_user::asks_a_model;
use crate::reject::{Reject, ResponseBody, refuse};

/// The service of [`Inspect`](super::Inspect).
#[derive(Debug, Clone)]
pub struct InspectService<S, R> {
    inner: S,
    judge: Judge,
    reject: R,
}

impl<S, R> InspectService<S, R> {
    pub(super) const fn new(inner: S, judge: Judge, reject: R) -> Self {
        Self { inner, judge, reject }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, R, B, ResB> Service<Request<B>> for InspectService<S, R>
where
    S: Service<Request<InspectedBody<B>>, Response = Response<ResB>> + Clone,
    R: Reject + Clone,
    B: Body,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, R, B, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !asks_a_model(&request) {
            return ResponseFuture::forwarded(self.inner.call(request.map(InspectedBody::untouched)));
        }
        let kind = match self.judge.admit(request.headers(), request.body().size_hint().lower()) {
            Ok(kind) => kind,
            Err(denial) => return ResponseFuture::refused(refuse(&self.reject, denial, request.uri())),
        };
        let (head, body) = request.into_parts();
        // The service that `poll_ready` was asked about goes with the request; a clone need not be ready.
        // https://docs.rs/tower/latest/tower/trait.Service.html#be-careful-when-cloning-inner-services
        let clone = self.inner.clone();
        let service = mem::replace(&mut self.inner, clone);
        let asked = Asked {
            head,
            kind,
            service,
            judge: self.judge.clone(),
            reject: self.reject.clone(),
        };
        ResponseFuture::reading(body, asked)
    }
}
