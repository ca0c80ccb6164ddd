use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, header, request};
use http_body::Body;
use localauth_core::Denial;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::InspectedBody;
use super::collect::Collected;
use super::judge::Judge;
use super::kind::Kind;
use super::route::Told;
use crate::CurrentUser;
use crate::reject::{Reject, ResponseBody, refuse};

pin_project! {
    /// The response of [`Inspect`](super::Inspect).
    pub struct ResponseFuture<S, R, B, ResB>
    where
        S: Service<Request<InspectedBody<B>>>,
    {
        #[pin]
        state: State<S, R, B, S::Future, ResB>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R, B, F, ResB> {
        Forwarded { #[pin] future: F },
        Reading { #[pin] body: B, read: Collected, asked: Option<Asked<S, R>> },
        Refused { response: Option<Box<Response<ResponseBody<ResB>>>> },
    }
}

/// A request whose body is being read, with the service that is ready for it.
pub(super) struct Asked<S, R> {
    pub(super) head: request::Parts,
    pub(super) kind: Kind,
    pub(super) service: S,
    pub(super) judge: Judge,
    pub(super) reject: R,
}

impl<S, R, B, ResB> ResponseFuture<S, R, B, ResB>
where
    S: Service<Request<InspectedBody<B>>>,
{
    pub(super) const fn forwarded(future: S::Future) -> Self {
        Self {
            state: State::Forwarded { future },
        }
    }

    pub(super) fn reading(body: B, asked: Asked<S, R>) -> Self {
        Self {
            state: State::Reading {
                body,
                read: Collected::default(),
                asked: Some(asked),
            },
        }
    }

    pub(super) fn refused(response: Response<ResponseBody<ResB>>) -> Self {
        Self {
            state: State::Refused {
                response: Some(Box::new(response)),
            },
        }
    }
}

impl<S, R, B, ResB> std::fmt::Debug for ResponseFuture<S, R, B, ResB>
where
    S: Service<Request<InspectedBody<B>>>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, R, B, ResB> Future for ResponseFuture<S, R, B, ResB>
where
    S: Service<Request<InspectedBody<B>>, Response = Response<ResB>>,
    R: Reject,
    B: Body,
{
    type Output = Result<Response<ResponseBody<ResB>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            let next = match state.as_mut().project() {
                StateProj::Forwarded { future } => {
                    return future.poll(cx).map_ok(|response| response.map(ResponseBody::inner));
                }
                StateProj::Refused { response } => {
                    return response
                        .take()
                        .map_or(Poll::Pending, |response| Poll::Ready(Ok(*response)));
                }
                StateProj::Reading { body, read, asked } => {
                    let Some(waiting) = asked.as_ref() else {
                        return Poll::Pending;
                    };
                    let outcome = ready!(collect(body, read, waiting.judge.max_body, cx));
                    let Some(asked) = asked.take() else {
                        return Poll::Pending;
                    };
                    match outcome {
                        Ok(()) => asked.forward(std::mem::take(read)),
                        Err(denial) => asked.refuse(denial),
                    }
                }
            };
            state.set(next);
        }
    }
}

/// Reads a body to its end. Trailers say nothing about what is asked for, and stay behind.
fn collect<B: Body>(
    mut body: Pin<&mut B>,
    read: &mut Collected,
    max: usize,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Denial>> {
    while !body.is_end_stream() {
        match ready!(body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data()
                    && let Err(denial) = read.push(data, max)
                {
                    return Poll::Ready(Err(denial));
                }
            }
            // It broke off: nobody may wait for an answer any more.
            Some(Err(_)) => return Poll::Ready(Err(Denial::InvalidBody)),
            None => break,
        }
    }
    Poll::Ready(Ok(()))
}

impl<S, R: Reject> Asked<S, R> {
    fn refuse<B, F, ResB>(&self, denial: Denial) -> State<S, R, B, F, ResB> {
        State::Refused {
            response: Some(Box::new(refuse(&self.reject, denial, &self.head.uri))),
        }
    }

    fn forward<B, ResB>(mut self, read: Collected) -> State<S, R, B, S::Future, ResB>
    where
        S: Service<Request<InspectedBody<B>>>,
    {
        let body = read.into_bytes();
        let rule = self.head.extensions.get::<CurrentUser>().and_then(CurrentUser::rule);
        let told = Told::by(rule.map(|rule| &**rule));
        match self.judge.judge(self.kind.clone(), &self.head.uri, told, &body) {
            Ok(inspected) => {
                // Of the body as it came; what is sent says its own length.
                self.head.headers.remove(header::CONTENT_LENGTH);
                self.head.extensions.insert(inspected.clone());
                let request = Request::from_parts(self.head, InspectedBody::read(body, inspected));
                State::Forwarded {
                    future: self.service.call(request),
                }
            }
            Err(denial) => self.refuse(denial),
        }
    }
}
