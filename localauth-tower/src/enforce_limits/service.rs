use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use localauth_core::{Allowance, Auth, Decision, LimitRefusal};
use tower_service::Service;

use super::ask::Tokens;
use super::body::{Held, ResponseBody};
use super::budget::LimitBudget;
use super::count::CountPrompt;
use super::future::{ResponseFuture, Step};
use super::headers;
use crate::CurrentUser;
use crate::current_user::who_asks_a_model;
use crate::inspect::Inspected;
use crate::meter_usage::{BudgetSlot, PromptTokens};
use crate::reject::{Reject, refuse};

/// The service of [`EnforceLimits`](super::EnforceLimits).
#[derive(Clone)]
pub struct EnforceLimitsService<S, R> {
    inner: S,
    by: By<R>,
}

/// What the limits go by.
#[derive(Clone)]
pub(super) struct By<R> {
    pub(super) auth: Auth,
    pub(super) default_completion: u64,
    pub(super) count: Option<Arc<dyn CountPrompt>>,
    pub(super) reject: R,
}

impl<S: std::fmt::Debug, R> std::fmt::Debug for EnforceLimitsService<S, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnforceLimitsService")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S, R> EnforceLimitsService<S, R> {
    pub(super) const fn new(inner: S, by: By<R>) -> Self {
        Self { inner, by }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }
}

/// What is known of a request that limits may bind.
pub(super) struct Bound {
    user: CurrentUser,
    asked: Option<Inspected>,
    tokens: Tokens,
}

/// The limits' answer about one request.
pub(super) type Answer = Result<Option<Allowance>, LimitRefusal>;

impl Bound {
    fn model(&self) -> &str {
        self.asked.as_ref().and_then(Inspected::model).unwrap_or_default()
    }

    /// Asks for what the request needs, when its prompt has so many tokens.
    pub(super) fn reserve<R>(&self, by: &By<R>, prompt_tokens: u64) -> Decision<Answer> {
        let ask = self
            .tokens
            .ask(prompt_tokens, self.asked.as_ref(), by.default_completion);
        by.auth.reserve(self.user.identity(), self.model(), ask)
    }

    /// What the prompt is taken for when nobody counts it: no token is shorter than a byte.
    pub(super) fn most_prompt_tokens(&self) -> u64 {
        self.asked.as_ref().map_or(0, Inspected::body_bytes)
    }

    /// Notes in the request what is held for it.
    pub(super) fn equip<B>(&self, request: &mut Request<B>, allowance: &Allowance, prompt: Option<u64>) -> Held {
        let is_streamed = self.tokens == Tokens::Streamed;
        let granted = allowance.granted_completion();
        if let (Tokens::Whole, Some(asked)) = (self.tokens, &self.asked)
            && asked.writes_tokens()
        {
            let each = granted / u64::from(asked.n()).max(1);
            if let Err(error) = asked.limit_completion_tokens(each) {
                tracing::warn!(%error, "the answer's length cannot be limited");
            }
        }
        if let Some(prompt) = prompt {
            request.extensions_mut().insert(PromptTokens(prompt));
        }
        let budget = LimitBudget::new(allowance.clone(), is_streamed && allowance.limits_tokens());
        request.extensions_mut().insert(BudgetSlot::new(budget));
        Held {
            allowance: allowance.clone(),
            prompt_tokens: prompt.unwrap_or(0),
        }
    }
}

/// Answers a request that a limit refuses.
pub(super) fn refused<R: Reject, B>(
    reject: &R,
    refusal: &LimitRefusal,
    uri: &http::Uri,
) -> Box<Response<ResponseBody<B>>> {
    let mut response = refuse(reject, refusal.denial, uri);
    headers::write(&refusal.limits, response.headers_mut());
    if let Some(after) = refusal.retry_after {
        headers::write_retry_after(after, response.headers_mut());
    }
    Box::new(response.map(|body| ResponseBody::new(body, None)))
}

impl<S, R, B, ResB> Service<Request<B>> for EnforceLimitsService<S, R>
where
    S: Service<Request<B>, Response = Response<ResB>> + Clone,
    R: Reject + Clone,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, R, B, ResB>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Nobody is bound by no limit: on public routes. Whatever else asks a model for work was refused before.
        let bound = who_asks_a_model(&request).filter(|user| !user.identity().claims().is_empty());
        let Some(user) = bound.cloned() else {
            return ResponseFuture::forwarded(self.inner.call(request), None);
        };
        let asked = request.extensions().get::<Inspected>().cloned();
        let model = asked.as_ref().and_then(Inspected::model).unwrap_or_default();
        let bound = Bound {
            tokens: Tokens::of(user.identity(), model, asked.as_ref()),
            user,
            asked,
        };
        let counting = match (&self.by.count, &bound.asked) {
            (Some(count), Some(asked)) if bound.tokens != Tokens::Unlimited => {
                Some(count.count(request.uri().path(), asked))
            }
            _ => None,
        };
        if let Some(counting) = counting {
            return self.wait(Step::Counting(counting), request, bound);
        }
        match bound.reserve(&self.by, bound.most_prompt_tokens()) {
            Decision::Ready(Ok(allowance)) => {
                let held = allowance.map(|allowance| bound.equip(&mut request, &allowance, None));
                ResponseFuture::forwarded(self.inner.call(request), held)
            }
            Decision::Ready(Err(refusal)) => ResponseFuture::refused(refused(&self.by.reject, &refusal, request.uri())),
            Decision::Pending(deciding) => self.wait(Step::Deciding(deciding, None), request, bound),
        }
    }
}

impl<S: Clone, R: Clone> EnforceLimitsService<S, R> {
    fn wait<B, ResB>(&mut self, step: Step, request: Request<B>, bound: Bound) -> ResponseFuture<S, R, B, ResB>
    where
        S: Service<Request<B>>,
    {
        // The service that `poll_ready` was asked about goes with the request; a clone need not be ready.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        ResponseFuture::waiting(step, request, ready, bound, self.by.clone())
    }
}
