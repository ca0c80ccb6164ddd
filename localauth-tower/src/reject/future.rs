//! The future of a layer that decides at once: forwarded, or refused.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use super::ResponseBody;

pin_project! {
    /// The response of a gate: the inner service's, or the refusal.
    #[derive(Debug)]
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProj]
    #[derive(Debug)]
    enum State<F, B> {
        Forwarded { #[pin] future: F },
        // Boxed: a response is large, and refusing is not the hot path.
        Refused { response: Option<Box<Response<ResponseBody<B>>>> },
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(crate) const fn forwarded(future: F) -> Self {
        Self {
            state: State::Forwarded { future },
        }
    }

    pub(crate) fn refused(response: Response<ResponseBody<B>>) -> Self {
        Self {
            state: State::Refused {
                response: Some(Box::new(response)),
            },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Forwarded { future } => future.poll(cx).map_ok(|r| r.map(ResponseBody::inner)),
            StateProj::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(*response)),
                // Polled again after the end: a future may then do as it likes, and waiting for ever harms nobody.
                None => Poll::Pending,
            },
        }
    }
}
