use std::mem;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use localauth_core::Denial;
use tower_service::Service;

use super::body::InspectedBody;
use super::future::{Asked, ResponseFuture};
use super::inspected::Inspected;
use super::judge::Judge;
use super::kind::Kind;
use super::route::Told;
use crate::CurrentUser;
use crate::current_user::{may_have_body, names_a_model};
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

impl<S, R> InspectService<S, R> {
    /// Judges a request that names its model in its address. A body would be one that nobody read.
    fn judge_address<B: Body>(&self, request: &Request<B>) -> Result<Inspected, Denial> {
        if !request.body().is_end_stream() {
            return Err(Denial::InvalidBody);
        }
        let rule = request.extensions().get::<CurrentUser>().and_then(CurrentUser::rule);
        let told = Told::by(rule.map(|rule| &**rule));
        self.judge.judge(Kind::Nothing, request.uri(), told, &Bytes::new())
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
        if !names_a_model(&request) {
            return ResponseFuture::forwarded(self.inner.call(request.map(InspectedBody::untouched)));
        }
        if !may_have_body(request.method()) {
            return match self.judge_address(&request) {
                Ok(inspected) => {
                    let mut request = request.map(InspectedBody::untouched);
                    request.extensions_mut().insert(inspected);
                    ResponseFuture::forwarded(self.inner.call(request))
                }
                Err(denial) => ResponseFuture::refused(refuse(&self.reject, denial, request.uri())),
            };
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
