use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use localauth_core::Decision;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::body::{Held, ResponseBody};
use super::headers;
use super::service::{Answer, Bound, By, denied, refused};
use super::ticking::Ticking;
use crate::lasting::Lasting;
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
        Forwarded { #[pin] future: F, held: Option<Held>, ticking: Option<Ticking> },
        Waiting { waiting: Option<Box<Waiting<S, R, B>>> },
        Refused { response: Option<Box<Response<ResponseBody<ResB>>>> },
    }
}

/// How long a prompt turned out to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counted {
    Tokens(u64),
    Unknown,
    /// Nobody looked: a limit was used up.
    UsedUp,
}

/// A prompt that is being counted.
pub(super) type Counting = Pin<Box<dyn Future<Output = Counted> + Send>>;

/// What a request waits for.
pub(super) enum Step {
    /// How many tokens its prompt has.
    Counting(Counting),
    /// What the limits say when one of them was used up a moment ago.
    Refusing(Pin<Box<dyn Future<Output = Answer> + Send>>),
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
    pub(super) fn forwarded(future: S::Future, held: Option<Held>) -> Self {
        Self {
            state: State::forwarded(future, held),
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

impl<S, R, B, F, ResB> State<S, R, B, F, ResB> {
    fn forwarded(future: F, held: Option<Held>) -> Self {
        let ticking = held.as_ref().and_then(|held| Ticking::new(&held.allowance));
        Self::Forwarded { future, held, ticking }
    }
}

impl<S, R, B> Waiting<S, R, B> {
    /// Asks the limits, when the prompt was counted at so much; their answer, if it is at hand.
    fn decide(&mut self, counted: Option<u64>) -> Option<Answer> {
        let prompt = counted.unwrap_or_else(|| self.bound.most_prompt_tokens());
        match self.bound.reserve(&self.by, prompt) {
            Decision::Ready(answer) => Some(answer),
            Decision::Pending(deciding) => {
                self.step = Step::Deciding(deciding, counted);
                None
            }
        }
    }

    /// The limits' answer, and what the prompt was counted at.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Answer, Option<u64>)> {
        loop {
            match &mut self.step {
                Step::Counting(counting) => {
                    let counted = match ready!(counting.as_mut().poll(cx)) {
                        Counted::Tokens(tokens) => Some(tokens),
                        Counted::Unknown => None,
                        Counted::UsedUp => {
                            self.step = Step::Refusing(match self.bound.reserve(&self.by, 1) {
                                Decision::Ready(answer) => Box::pin(std::future::ready(answer)),
                                Decision::Pending(deciding) => deciding,
                            });
                            continue;
                        }
                    };
                    if let Some(answer) = self.decide(counted) {
                        return Poll::Ready((answer, counted));
                    }
                }
                Step::Refusing(deciding) => match ready!(deciding.as_mut().poll(cx)) {
                    Err(refusal) => return Poll::Ready((Err(refusal), None)),
                    // There is room again: its prompt is not known yet.
                    Ok(allowance) => {
                        if let Some(allowance) = allowance {
                            allowance.release();
                        }
                        if let Some(answer) = self.decide(None) {
                            return Poll::Ready((answer, None));
                        }
                    }
                },
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
                StateProj::Forwarded { future, held, ticking } => {
                    let Poll::Ready(result) = future.poll(cx) else {
                        if let Some(ticking) = ticking {
                            ticking.poll(cx);
                        }
                        return Poll::Pending;
                    };
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
                            match held.transpose() {
                                Ok(held) => State::forwarded(service.call(request), held),
                                Err(denial) => State::Refused {
                                    response: Some(denied(&by.reject, denial, request.uri())),
                                },
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
            match response.extensions().get::<Lasting>() {
                Some(lasting) if status == StatusCode::SWITCHING_PROTOCOLS => {
                    lasting.keep(held);
                    None
                }
                _ => Some(held),
            }
        } else {
            held.allowance.release();
            None
        }
    });
    response.map(|body| ResponseBody::new(body, held))
}
