use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use localauth_core::{Entering, Place};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::ResponseBody as HeldBody;
use super::service::{tell, turn_away};
use crate::reject::{Reject, ResponseBody};

pin_project! {
    /// The response of [`FairShare`](super::FairShare). Dropped while it waits, it leaves the queue.
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
        Forwarded { #[pin] future: F, place: Option<Arc<Place>> },
        Waiting { asked: Option<Box<Asked<S, R, B>>> },
        Refused { response: Option<Box<Response<ResponseBody<HeldBody<ResB>>>>> },
    }
}

/// A request that waits for its turn, with the service that is ready for it.
struct Asked<S, R, B> {
    entering: Entering,
    request: Request<B>,
    service: S,
    reject: R,
}

impl<S, R, B, ResB> ResponseFuture<S, R, B, ResB>
where
    S: Service<Request<B>>,
{
    pub(super) const fn forwarded(future: S::Future, place: Option<Arc<Place>>) -> Self {
        Self {
            state: State::Forwarded { future, place },
        }
    }

    pub(super) fn refused(response: Response<ResponseBody<HeldBody<ResB>>>) -> Self {
        Self {
            state: State::Refused {
                response: Some(Box::new(response)),
            },
        }
    }

    pub(super) fn waiting(entering: Entering, request: Request<B>, service: S, reject: R) -> Self {
        Self {
            state: State::Waiting {
                asked: Some(Box::new(Asked {
                    entering,
                    request,
                    service,
                    reject,
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
    ResB: Body,
{
    type Output = Result<Response<ResponseBody<HeldBody<ResB>>>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            let next = match this.state.as_mut().project() {
                StateProj::Forwarded { future, place } => {
                    let result = ready!(future.poll(cx));
                    let place = place.take();
                    return Poll::Ready(result.map(|response| answer(response, place)));
                }
                StateProj::Refused { response } => {
                    return response
                        .take()
                        .map_or(Poll::Pending, |response| Poll::Ready(Ok(*response)));
                }
                StateProj::Waiting { asked } => {
                    let Some(waiting) = asked.as_mut() else {
                        return Poll::Pending;
                    };
                    let turn = ready!(Pin::new(&mut waiting.entering).poll(cx));
                    let Some(done) = asked.take() else {
                        return Poll::Pending;
                    };
                    let Asked {
                        mut request,
                        mut service,
                        reject,
                        ..
                    } = *done;
                    match turn {
                        Ok(place) => {
                            let place = Arc::new(place);
                            request.extensions_mut().insert(Arc::clone(&place));
                            State::Forwarded {
                                future: service.call(request),
                                place: Some(place),
                            }
                        }
                        Err(no_place) => State::Refused {
                            response: Some(Box::new(turn_away(&reject, &no_place, request.uri()))),
                        },
                    }
                }
            };
            this.state.set(next);
        }
    }
}

/// The answer, which holds the place from here on.
fn answer<B: Body>(mut response: Response<B>, place: Option<Arc<Place>>) -> Response<ResponseBody<HeldBody<B>>> {
    if let Some(place) = &place
        && place.position() > 0
    {
        tell(&mut response, place.position(), place.waited());
    }
    response.map(|body| ResponseBody::inner(HeldBody::new(body, place)))
}
