//! A service that answers as it is told, metered.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use localauth_core::{Auth, MemoryStore, PasswordCost, Period, UsageFilter};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::super::MeterUsage;
use crate::CurrentUser;

pub(super) const KEY: &str = "shared-key";
pub(super) const COUNTED: &str =
    r#"{"model":"m","choices":[{"text":"Hi"}],"usage":{"prompt_tokens":2,"completion_tokens":3}}"#;

pub(super) type Answer = Result<Response<Frames>, &'static str>;

/// A body that gives these frames.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    frames: VecDeque<Result<Step, &'static str>>,
    /// Whether it says so when there is none left.
    pub(super) knows_its_end: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Data(&'static str),
    Trailers(HeaderMap),
    Wait,
}

impl Frames {
    pub(super) fn new(frames: impl IntoIterator<Item = Result<Step, &'static str>>) -> Self {
        Self {
            frames: frames.into_iter().collect(),
            knows_its_end: false,
        }
    }

    pub(super) fn of(texts: impl IntoIterator<Item = &'static str>) -> Self {
        Self::new(texts.into_iter().map(|text| Ok(Step::Data(text))))
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(match self.frames.pop_front() {
            None => None,
            Some(Err(error)) => Some(Err(error)),
            Some(Ok(Step::Data(text))) => Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))),
            Some(Ok(Step::Trailers(trailers))) => Some(Ok(Frame::trailers(trailers))),
            Some(Ok(Step::Wait)) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.frames.is_empty()
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
        Self { auth, user }
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
    pub(super) async fn ask<B: Body>(
        &self,
        request: Request<B>,
        answer: Answer,
    ) -> Result<impl Body<Data = Bytes, Error = &'static str>, &'static str> {
        let handler = service_fn(move |_: Request<B>| std::future::ready(answer.clone()));
        let response = MeterUsage::new(&self.auth).layer(handler).oneshot(request).await?;
        Ok(Box::pin(response.into_body()))
    }

    pub(super) async fn recorded(&self) -> Recorded {
        let report = self
            .auth
            .usage_report(Period::All, UsageFilter::default())
            .await
            .unwrap();
        let sums = report.totals;
        let models = report.rows.into_iter().map(|row| row.model).collect();
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
