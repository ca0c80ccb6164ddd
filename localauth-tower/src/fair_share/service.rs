use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use localauth_core::{Denial, FairQueue, NoPlace};
use tower_service::Service;

use super::body::ResponseBody as HeldBody;
use super::future::ResponseFuture;
use crate::current_user::who_asks_a_model;
use crate::reject::{Reject, ResponseBody, refuse};

static POSITION: HeaderName = HeaderName::from_static("x-queue-position");
static WAIT: HeaderName = HeaderName::from_static("x-queue-wait-ms");

/// The service of [`FairShare`](super::FairShare).
#[derive(Debug, Clone)]
pub struct FairShareService<S, R> {
    inner: S,
    queue: Arc<FairQueue>,
    reject: R,
}

impl<S, R> FairShareService<S, R> {
    pub(super) const fn new(inner: S, queue: Arc<FairQueue>, reject: R) -> Self {
        Self { inner, queue, reject }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

/// Tells how long it took to get this far.
pub(super) fn tell<B>(response: &mut Response<B>, position: usize, waited: Duration) {
    let millis = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    let headers = response.headers_mut();
    headers.insert(&POSITION, HeaderValue::from(position));
    headers.insert(&WAIT, HeaderValue::from(millis));
}

/// The answer to a request that got no place.
pub(super) fn turn_away<R: Reject, B>(reject: &R, no_place: &NoPlace, uri: &Uri) -> Response<ResponseBody<B>> {
    let mut response = refuse(reject, Denial::RateLimited, uri);
    // Whole seconds, rounded up: who comes back too early waits in vain.
    let seconds = no_place.retry_after.as_millis().div_ceil(1000);
    let seconds = HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX));
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    tell(&mut response, no_place.position, no_place.waited);
    response
}

impl<S, R, B, ResB> Service<Request<B>> for FairShareService<S, R>
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone,
    R: Reject + Clone,
    ResB: http_body::Body,
{
    type Response = Response<ResponseBody<HeldBody<ResB>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, R, B, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Some(user) = who_asks_a_model(&request) else {
            return ResponseFuture::forwarded(self.inner.call(request), None);
        };
        let mut entering = self.queue.enter(user.id(), user.weight());
        match entering.at_once() {
            Some(Ok(place)) => {
                let place = Arc::new(place);
                request.extensions_mut().insert(Arc::clone(&place));
                ResponseFuture::forwarded(self.inner.call(request), Some(place))
            }
            Some(Err(no_place)) => ResponseFuture::refused(turn_away(&self.reject, &no_place, request.uri())),
            None => {
                // The service that `poll_ready` was asked about goes with the request; a clone need not be ready.
                // https://docs.rs/tower/latest/tower/trait.Service.html#be-careful-when-cloning-inner-services
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::waiting(entering, request, ready, self.reject.clone())
            }
        }
    }
}
