//! A service that answers as it is told, metered.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use localauth_core::{Auth, MemoryStore, PasswordCost, Period, UsageFilter};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::super::budget::{Budget, BudgetSlot, Grant};
use super::super::reading::Measured;
use super::super::recheck::Recheck;
use super::super::{MeterUsage, ResponseBody};
use crate::CurrentUser;

pub(super) const KEY: &str = "shared-key";
pub(super) const COUNTED: &str =
    r#"{"model":"m","choices":[{"text":"Hi"}],"usage":{"prompt_tokens":2,"completion_tokens":3}}"#;

pub(super) type Answer = Result<Response<Frames>, &'static str>;

/// A body that gives these frames.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    steps: VecDeque<Result<Step, &'static str>>,
    /// Whether it says so when there is none left.
    pub(super) knows_its_end: bool,
    /// Gone when the body is.
    alive: Arc<()>,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Wait,
    Never,
    Panic,
}

impl Frames {
    pub(super) fn new(steps: impl IntoIterator<Item = Result<Step, &'static str>>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            knows_its_end: false,
            alive: Arc::new(()),
        }
    }

    pub(super) fn of<T: Into<Bytes>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::new(texts.into_iter().map(|text| Ok(Step::Data(text.into()))))
    }

    /// The same, and then nothing for ever.
    pub(super) fn unending<T: Into<Bytes>>(texts: impl IntoIterator<Item = T>) -> Self {
        let steps = texts.into_iter().map(|text| Ok(Step::Data(text.into())));
        Self::new(steps.chain([Ok(Step::Never)]))
    }

    /// Whether the body is still there, and is the only one.
    pub(super) fn life(&self) -> Weak<()> {
        Arc::downgrade(&self.alive)
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(match self.steps.pop_front() {
            None => None,
            Some(Err(error)) => Some(Err(error)),
            Some(Ok(Step::Data(data))) => Some(Ok(Frame::data(data))),
            Some(Ok(Step::Trailers(trailers))) => Some(Ok(Frame::trailers(trailers))),
            Some(Ok(Step::Wait)) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Ok(Step::Panic)) => panic!("on purpose"),
            Some(Ok(Step::Never)) => {
                self.steps.push_front(Ok(Step::Never));
                return Poll::Pending;
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(4_711)
    }
}

/// What is in the report: requests, tokens read, tokens written, requests estimated, and the models.
pub(super) type Recorded = (u64, u64, u64, u64, Vec<String>);

pub(super) const NOTHING: Recorded = (0, 0, 0, 0, Vec::new());

pub(super) fn one(model: &str, prompt: u64, completion: u64, estimated: bool) -> Recorded {
    (1, prompt, completion, u64::from(estimated), vec![model.to_owned()])
}

pub(super) struct Metered {
    pub(super) auth: Auth,
    pub(super) user: CurrentUser,
    pub(super) recheck: Option<Recheck>,
}

impl Metered {
    pub(super) async fn new() -> Self {
        let auth = Auth::builder(MemoryStore::new())
            .password_cost(PasswordCost::INSECURE)
            .shared_key(KEY)
            .build()
            .unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {KEY}").parse().unwrap())]);
        let user = CurrentUser::new(auth.authenticate(&headers).await.unwrap(), None);
        let recheck = None;
        Self { auth, user, recheck }
    }

    /// The same request, with something that another layer said about it.
    pub(super) fn request_with<T: Clone + Send + Sync + 'static>(&self, extension: T) -> Request<Full<Bytes>> {
        let mut request = self.request();
        request.extensions_mut().insert(extension);
        request
    }

    /// A request of 40 bytes, so taken for 10 tokens.
    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::post("/v1/chat/completions")
            .body(Full::from("x".repeat(40)))
            .unwrap();
        request.extensions_mut().insert(self.user.clone());
        request
    }

    /// What becomes of `request` when the handler answers so.
    pub(super) async fn respond<B: Body>(
        &self,
        request: Request<B>,
        answer: Answer,
    ) -> Result<Response<ResponseBody<Frames>>, &'static str> {
        let handler = service_fn(move |_: Request<B>| std::future::ready(answer.clone()));
        let mut layer = MeterUsage::new(&self.auth);
        if let Some(recheck) = &self.recheck {
            layer = layer.with_recheck(recheck.clone());
        }
        layer.layer(handler).oneshot(request).await
    }

    /// The body of that.
    pub(super) async fn ask<B: Body>(
        &self,
        request: Request<B>,
        answer: Answer,
    ) -> Result<Pin<Box<ResponseBody<Frames>>>, &'static str> {
        Ok(Box::pin(self.respond(request, answer).await?.into_body()))
    }

    pub(super) async fn recorded(&self) -> Recorded {
        let report = self
            .auth
            .usage_report(Period::All, UsageFilter::default())
            .await
            .unwrap();
        let sums = report.totals;
        let models = report.rows.into_iter().map(|row| row.model.to_string()).collect();
        (
            sums.requests,
            sums.prompt_tokens,
            sums.completion_tokens,
            sums.estimated_requests,
            models,
        )
    }
}

pub(super) fn answer(content_type: &str, body: Frames) -> Response<Frames> {
    Response::builder()
        .header(CONTENT_TYPE, content_type)
        .body(body)
        .unwrap()
}

pub(super) fn stream() -> Vec<&'static str> {
    vec![
        "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
        "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n",
        "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"cont",
        "ent\":\"two\"}}]}\n\n",
        "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"three\"}}],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3}}\n\n",
        "data: [DONE]\n\n",
    ]
}

/// A budget of so many tokens, and what became of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Purse(Arc<Mutex<Spent>>);

#[derive(Debug, Clone, Default)]
pub(super) struct Spent {
    pub(super) limit: u64,
    /// Whether each question is pending once.
    pub(super) is_slow: bool,
    pub(super) asked: Vec<u64>,
    pub(super) committed: u32,
    pub(super) settled: Vec<Measured>,
    pub(super) is_gone: bool,
}

impl Purse {
    pub(super) fn of(limit: u64) -> Self {
        let purse = Self::default();
        purse.0.lock().unwrap().limit = limit;
        purse
    }

    pub(super) fn slow(self) -> Self {
        self.0.lock().unwrap().is_slow = true;
        self
    }

    pub(super) fn spent(&self) -> Spent {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn slot(&self) -> BudgetSlot {
        BudgetSlot::new(Held(self.clone()))
    }
}

/// The purse, as one request has it.
struct Held(Purse);

impl Budget for Held {
    fn poll_grant(&mut self, cx: &mut Context<'_>, written: u64) -> Poll<Grant> {
        let mut spent = self.0.0.lock().unwrap();
        if spent.is_slow && spent.asked.last() != Some(&written) {
            spent.asked.push(written);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        spent.asked.push(written);
        Poll::Ready(if written > spent.limit { Grant::Cut } else { Grant::Pass })
    }

    fn commit(&mut self) {
        self.0.0.lock().unwrap().committed += 1;
    }

    fn settle(&mut self, measured: &Measured) {
        self.0.0.lock().unwrap().settled.push(measured.clone());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().is_gone = true;
    }
}
