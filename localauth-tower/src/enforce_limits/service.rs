use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response};
use localauth_core::{Allowance, Auth, Decision, Denial, LimitRefusal};
use tower_service::Service;

use super::ask::Tokens;
use super::body::{Held, ResponseBody};
use super::budget::LimitBudget;
use super::count::CountPrompt;
use super::future::{Counted, Counting, ResponseFuture, Step};
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
    /// Whether it is a form in parts: sound or a picture, whose bytes are no tokens.
    is_upload: bool,
    /// What the model server adds to the prompt.
    stored_bytes: u64,
}

/// Prompts in longer requests are not counted but taken for their bytes: a tokenizer would be busy with one for longer
/// than others like to wait.
const MOST_COUNTED_BYTES: u64 = 256 * 1024;

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
        match &self.asked {
            Some(asked) if !self.is_upload => asked.body_bytes().saturating_add(self.stored_bytes),
            _ => 0,
        }
    }

    /// Counts the prompt, unless its length says too much or a limit is used up anyway.
    fn count<R>(&self, by: &By<R>, path: &str) -> Option<Counting> {
        let (count, asked) = (by.count.clone()?, self.asked.clone()?);
        if self.tokens == Tokens::Unlimited || self.is_upload || asked.body_bytes() > MOST_COUNTED_BYTES {
            return None;
        }
        let (auth, identity, path) = (by.auth.clone(), Arc::clone(self.user.identity()), path.to_owned());
        Some(Box::pin(async move {
            // Whoever has nothing left does not keep the model's tokenizer from others.
            let model = asked.model().unwrap_or_default();
            match auth.used_up(&identity, model).await {
                Ok(None) => count
                    .count(&path, &asked)
                    .await
                    .map_or(Counted::Unknown, Counted::Tokens),
                Ok(Some(_)) => Counted::UsedUp,
                Err(_) => Counted::Unknown,
            }
        }))
    }

    /// Notes in the request what is held for it.
    ///
    /// # Errors
    ///
    /// [`Denial::UnsupportedMediaType`] when the answer cannot be kept to what is held.
    pub(super) fn equip<B>(
        &self,
        request: &mut Request<B>,
        allowance: &Allowance,
        prompt: Option<u64>,
    ) -> Result<Held, Denial> {
        let is_streamed = self.tokens == Tokens::Streamed;
        let granted = allowance.granted_completion();
        if let (Tokens::Whole, Some(asked)) = (self.tokens, &self.asked)
            && asked.writes_tokens()
        {
            let each = granted / u64::from(asked.n()).max(1);
            if let Err(error) = asked.limit_completion_tokens(each) {
                tracing::debug!(%error, "the answer's length cannot be limited");
                allowance.release();
                return Err(Denial::UnsupportedMediaType);
            }
        }
        if let Some(prompt) = prompt {
            request.extensions_mut().insert(PromptTokens(prompt));
        }
        let budget = LimitBudget::new(allowance.clone(), is_streamed && allowance.limits_tokens());
        request.extensions_mut().insert(BudgetSlot::new(budget));
        Ok(Held {
            allowance: allowance.clone(),
            prompt_tokens: prompt.unwrap_or(0),
        })
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

/// Answers a request that cannot be kept to its limits.
pub(super) fn denied<R: Reject, B>(reject: &R, denial: Denial, uri: &http::Uri) -> Box<Response<ResponseBody<B>>> {
    Box::new(refuse(reject, denial, uri).map(|body| ResponseBody::new(body, None)))
}

/// Whether the body is a form in parts.
fn is_upload(headers: &HeaderMap) -> bool {
    let essence = headers.get(CONTENT_TYPE).and_then(|kind| kind.as_bytes().get(..10));
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case(b"multipart/"))
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
        let tokens = Tokens::of(user.identity(), model, asked.as_ref());
        let stored_bytes = match (&self.by.count, &asked) {
            (Some(count), Some(asked)) if tokens != Tokens::Unlimited => {
                count.stored_bytes(request.uri().path(), asked)
            }
            _ => 0,
        };
        let bound = Bound {
            tokens,
            stored_bytes,
            user,
            asked,
            is_upload: is_upload(request.headers()),
        };
        if let Some(counting) = bound.count(&self.by, request.uri().path()) {
            return self.wait(Step::Counting(counting), request, bound);
        }
        match bound.reserve(&self.by, bound.most_prompt_tokens()) {
            Decision::Ready(Ok(allowance)) => {
                let held = allowance.map(|allowance| bound.equip(&mut request, &allowance, None));
                match held.transpose() {
                    Ok(held) => ResponseFuture::forwarded(self.inner.call(request), held),
                    Err(denial) => ResponseFuture::refused(denied(&self.by.reject, denial, request.uri())),
                }
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
