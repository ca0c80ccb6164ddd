use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use localauth_core::Decision;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::{Held, ResponseBody};
use super::headers;
use super::service::{Answer, Bound, By, refused};
use crate::reject::{self, Reject};

pin_project! {
    /// The response of [`EnforceLimits`](super::EnforceLimits). Only what has to be asked of a store allocates.
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
        Forwarded { #[pin] future: F, held: Option<Held> },
        Waiting { waiting: Option<Box<Waiting<S, R, B>>> },
        Refused { response: Option<Box<Response<ResponseBody<ResB>>>> },
    }
}

/// What a request waits for.
pub(super) enum Step {
    /// How many tokens its prompt has.
    Counting(Pin<Box<dyn Future<Output = Option<u64>> + Send>>),
    /// Whether the limits let it pass, and what its prompt was counted at.
    Deciding(Pin<Box<dyn Future<Output = Answer> + Send>>, Option<u64>),
}

/// A request that waits, with the service that is ready for it.
struct Waiting<S, R, B> {
    step: Step,
    request: Request<B>,
    service: S,
    bound: Bound,
    by: By<R>,
}

impl<S, R, B, ResB> ResponseFuture<S, R, B, ResB>
where
    S: Service<Request<B>>,
{
    pub(super) const fn forwarded(future: S::Future, held: Option<Held>) -> Self {
        Self {
            state: State::Forwarded { future, held },
        }
    }

    pub(super) const fn refused(response: Box<Response<ResponseBody<ResB>>>) -> Self {
        Self {
            state: State::Refused {
                response: Some(response),
            },
        }
    }

    pub(super) fn waiting(step: Step, request: Request<B>, service: S, bound: Bound, by: By<R>) -> Self {
        Self {
            state: State::Waiting {
                waiting: Some(Box::new(Waiting {
                    step,
                    request,
                    service,
                    bound,
                    by,
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

impl<S, R, B> Waiting<S, R, B> {
    /// The limits' answer, and what the prompt was counted at.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Answer, Option<u64>)> {
        loop {
            match &mut self.step {
                Step::Counting(counting) => {
                    let counted = ready!(counting.as_mut().poll(cx));
                    let prompt = counted.unwrap_or_else(|| self.bound.most_prompt_tokens());
                    match self.bound.reserve(&self.by, prompt) {
                        Decision::Ready(answer) => return Poll::Ready((answer, counted)),
                        Decision::Pending(deciding) => self.step = Step::Deciding(deciding, counted),
                    }
                }
                Step::Deciding(deciding, counted) => {
                    let answer = ready!(deciding.as_mut().poll(cx));
                    return Poll::Ready((answer, *counted));
                }
            }
        }
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
                StateProj::Forwarded { future, held } => {
                    let result = ready!(future.poll(cx));
                    let held = held.take();
                    if let (Err(_), Some(held)) = (&result, &held) {
                        held.allowance.release();
                    }
                    return Poll::Ready(result.map(|response| answered(response, held)));
                }
                StateProj::Refused { response } => {
                    return response
                        .take()
                        .map_or(Poll::Pending, |response| Poll::Ready(Ok(*response)));
                }
                StateProj::Waiting { waiting } => {
                    let Some(asked) = waiting.as_mut() else {
                        return Poll::Pending;
                    };
                    let (answer, counted) = ready!(asked.poll(cx));
                    let Some(done) = waiting.take() else {
                        return Poll::Pending;
                    };
                    let Waiting {
                        mut request,
                        mut service,
                        bound,
                        by,
                        ..
                    } = *done;
                    match answer {
                        Ok(allowance) => {
                            let held = allowance.map(|allowance| bound.equip(&mut request, &allowance, counted));
                            State::Forwarded {
                                future: service.call(request),
                                held,
                            }
                        }
                        Err(refusal) => State::Refused {
                            response: Some(refused(&by.reject, &refusal, request.uri())),
                        },
                    }
                }
            };
            this.state.set(next);
        }
    }
}

/// The answer's head is there: good ones count from now on, and tell how the limits stand.
fn answered<B>(response: Response<B>, held: Option<Held>) -> Response<ResponseBody<B>> {
    let status = response.status();
    let mut response = response.map(reject::ResponseBody::inner);
    let held = held.and_then(|held| {
        headers::write(held.allowance.limits(), response.headers_mut());
        // A connection that becomes another one is what was asked for too.
        if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
            held.allowance.commit();
            Some(held)
        } else {
            held.allowance.release();
            None
        }
    });
    response.map(|body| ResponseBody::new(body, held))
}
