use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use localauth_core::Lookup;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::service::Door;
use crate::reject::{Reject, ResponseBody};

pin_project! {
    /// The response of [`RequireAuth`](super::RequireAuth). Only a credential that has to be looked up allocates.
    pub struct ResponseFuture<S, R, B, ResB>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, R, B, S::Future, ResB>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R, B, F, ResB> {
        Forwarded { #[pin] future: F },
        LookingUp { asked: Option<Box<Asked<S, R, B>>> },
        Refused { response: Option<Box<Response<ResponseBody<ResB>>>> },
    }
}

/// A request that waits for the store, with the service that is ready for it.
struct Asked<S, R, B> {
    lookup: Lookup,
    address: Option<IpAddr>,
    request: Request<B>,
    service: S,
    door: Door<R>,
}

impl<S, R, B, ResB> ResponseFuture<S, R, B, ResB>
where
    S: Service<Request<B>>,
{
    pub(super) const fn forwarded(future: S::Future) -> Self {
        Self {
            state: State::Forwarded { future },
        }
    }

    pub(super) const fn refused(response: Box<Response<ResponseBody<ResB>>>) -> Self {
        Self {
            state: State::Refused {
                response: Some(response),
            },
        }
    }

    pub(super) fn looking_up(
        lookup: Lookup,
        address: Option<IpAddr>,
        request: Request<B>,
        service: S,
        door: Door<R>,
    ) -> Self {
        Self {
            state: State::LookingUp {
                asked: Some(Box::new(Asked {
                    lookup,
                    address,
                    request,
                    service,
                    door,
                })),
            },
        }
    }
}

impl<S, R, B, ResB> std::fmt::Debug for ResponseFuture<S, R, B, ResB>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<S, R, B, ResB> Future for ResponseFuture<S, R, B, ResB>
where
    S: Service<Request<B>, Response = Response<ResB>>,
    R: Reject,
{
    type Output = Result<Response<ResponseBody<ResB>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            let next = match this.state.as_mut().project() {
                StateProj::Forwarded { future } => {
                    return future.poll(cx).map_ok(|response| response.map(ResponseBody::inner));
                }
                StateProj::Refused { response } => {
                    return response
                        .take()
                        .map_or(Poll::Pending, |response| Poll::Ready(Ok(*response)));
                }
                StateProj::LookingUp { asked } => {
                    let Some(waiting) = asked.as_mut() else {
                        return Poll::Pending;
                    };
                    let answer = ready!(Pin::new(&mut waiting.lookup).poll(cx));
                    let Some(mut done) = asked.take() else {
                        return Poll::Pending;
                    };
                    match done.door.enter(&mut done.request, answer, done.address) {
                        Ok(()) => {
                            let Asked {
                                mut service, request, ..
                            } = *done;
                            State::Forwarded {
                                future: service.call(request),
                            }
                        }
                        Err(response) => State::Refused {
                            response: Some(response),
                        },
                    }
                }
            };
            this.state.set(next);
        }
    }
}
