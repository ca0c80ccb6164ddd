use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::connection::Connection;
use super::guard::{Asked, Guard};
use crate::lasting::Lasting;

pin_project! {
    /// The future of [`MeterUsageService`](super::MeterUsageService).
    ///
    /// Dropped before it is ready, it records the request; dropped before it was polled, it does not.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        asked: Option<Asked>,
        guard: Option<Guard>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, asked: Option<Asked>) -> Self {
        Self {
            inner,
            asked,
            guard: None,
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // From here on something may have been made for this request.
        if let Some(asked) = this.asked.take() {
            *this.guard = Some(Guard::new(asked));
        }
        let result = ready!(this.inner.poll(cx));
        let guard = this.guard.take();
        Poll::Ready(match result {
            Ok(mut response) => {
                let status = response.status();
                let guard = guard.and_then(|guard| guard.answered(status, response.headers_mut()));
                let lasting = response.extensions().get::<Lasting>();
                let guard = match lasting.filter(|_| status == StatusCode::SWITCHING_PROTOCOLS) {
                    Some(lasting) => {
                        if let Some(guard) = guard {
                            lasting.keep(Connection::new(guard));
                        }
                        None
                    }
                    None => guard,
                };
                Ok(response.map(|body| ResponseBody::new(body, guard)))
            }
            Err(error) => {
                if let Some(mut guard) = guard {
                    guard.cancel();
                }
                Err(error)
            }
        })
    }
}
