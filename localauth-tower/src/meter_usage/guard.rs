//! Settles a request exactly once.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body::Body;
use localauth_core::policy::{ModelIn, Rule};
use localauth_core::{Auth, Denial, RequestId, Timestamp, UsageEvent};

use super::budget::{Account, BudgetSlot, Grant, PromptTokens};
use super::dialect::Dialect;
use super::ending::{Ending, Used};
use super::events::EventTap;
use super::hide::{HideUsage, ShowUsage};
use super::reading::{Measured, Reading, prompt_estimate};
use super::recheck::{Recheck, Watch};
use super::stream::Stream;
use super::streaming::Streaming;
use crate::CurrentUser;
use crate::inspect::Inspected;

/// The longest path that is kept.
const MAX_ENDPOINT_BYTES: usize = 256;

/// A request that is to be metered.
#[derive(Debug)]
pub(super) struct Asked {
    auth: Auth,
    /// When the request came.
    began: Timestamp,
    user: CurrentUser,
    recheck: Recheck,
    endpoint: String,
    /// The model that was asked for and judged, when that is known.
    model: Option<String>,
    prompt_estimate: u64,
    account: Option<Account>,
    hides_usage: bool,
    shows_usage: bool,
}

impl Asked {
    /// `None` when nobody signed in.
    pub(super) fn new<B: Body>(auth: &Auth, recheck: &Recheck, request: &mut Request<B>) -> Option<Self> {
        let user = request.extensions().get::<CurrentUser>()?.clone();
        let account = request.extensions_mut().remove::<BudgetSlot>();
        let rule = user.rule();
        // Of few patterns there are few, whatever stands in a path.
        let path = rule.map_or_else(|| request.uri().path(), |rule| rule.pattern());
        let endpoint = path
            .get(..path.floor_char_boundary(MAX_ENDPOINT_BYTES))
            .unwrap_or(path)
            .into();
        let counted = request.extensions().get::<PromptTokens>();
        let prompt_estimate = counted.map_or_else(
            || prompt_estimate(request.headers(), body_bytes(request)),
            |PromptTokens(tokens)| *tokens,
        );
        let inspected = request.extensions().get::<Inspected>();
        let model = inspected.and_then(Inspected::model).map(str::to_owned);
        Some(Self {
            auth: auth.clone(),
            began: auth.now(),
            user,
            recheck: recheck.clone(),
            endpoint,
            model,
            prompt_estimate,
            account: account.and_then(|slot| slot.take()),
            hides_usage: request.extensions().get::<HideUsage>().is_some(),
            shows_usage: request.extensions().get::<ShowUsage>().is_some(),
        })
    }

    /// Whether the route is one whose answers tell what they took, by its rule. In a form where they do not, it is
    /// estimated: a client could else choose one.
    fn is_told_usage(&self) -> bool {
        let is_told = |rule: &Rule| rule.asks().dialect().is_some();
        self.prompt_estimate > 0 && self.user.rule().is_some_and(|rule| is_told(rule))
    }

    /// Whether this status hands a connection over to a client that asked for one, by the rule of the route.
    fn is_for_connection(&self, status: StatusCode) -> bool {
        let is_connection = |rule: &Rule| rule.asks().model() == ModelIn::Query;
        status == StatusCode::SWITCHING_PROTOCOLS && self.user.rule().is_some_and(|rule| is_connection(rule))
    }

    /// Watches over a stream that is the answer.
    fn streaming(&self, tap: EventTap) -> Streaming {
        let model = self.model.as_deref().map(Into::into);
        let recheck = self.recheck.for_request(self.user.rule().cloned(), model);
        let watch = Watch::new(self.user.identity().clone(), recheck);
        Streaming::new(Stream::new(tap, self.hides_usage), watch)
    }

    /// What it costs where no limit binds it.
    fn cost(&self, measured: &Measured) -> u64 {
        let model = self.model.as_deref().unwrap_or(&measured.model);
        let took = self.auth.now().since(self.began);
        let Measured {
            prompt_tokens,
            cached_tokens,
            completion_tokens,
            ..
        } = *measured;
        self.auth
            .cost(model, prompt_tokens, cached_tokens, completion_tokens, took)
    }

    fn event(self, request_id: RequestId, at: Timestamp, measured: &Measured, cost_micros: u64) -> UsageEvent {
        let key = self.user.via_key().map(|(id, name)| (id, name.to_owned()));
        UsageEvent {
            request_id,
            at,
            user_id: self.user.user_id(),
            user_name: self.user.name().to_owned(),
            key,
            source: self.user.usage_source(),
            // Limits and prices go by what was asked for: so does the report.
            model: self.model.unwrap_or_else(|| measured.model.clone()),
            endpoint: self.endpoint,
            prompt_tokens: measured.prompt_tokens,
            cached_tokens: measured.cached_tokens,
            cost_micros,
            completion_tokens: measured.completion_tokens,
            estimated: measured.estimated,
        }
    }
}

/// How long the request's body is, as far as can be told without reading it; else 0.
fn body_bytes<B: Body>(request: &Request<B>) -> u64 {
    let told = request.headers().get(CONTENT_LENGTH).and_then(number);
    told.unwrap_or_else(|| request.body().size_hint().lower())
}

fn number(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.parse().ok()
}

/// A request that is being answered: recorded when it is over, however it ends.
///
/// It lives in the response future and moves into the response body; what drops either, drops it.
#[derive(Debug)]
pub(super) struct Guard {
    asked: Option<Asked>,
    /// When the answer began.
    began: Option<Timestamp>,
    pub(super) reading: Reading,
    /// Bytes of the answer that are still to come, where it says.
    left: Option<u64>,
}

impl Guard {
    pub(super) const fn new(asked: Asked) -> Self {
        Self {
            asked: Some(asked),
            began: None,
            reading: Reading::NoAnswer,
            left: None,
        }
    }

    /// The head of the answer is there. Only good ones count.
    pub(super) fn answered(mut self, status: StatusCode, headers: &mut HeaderMap) -> Option<Self> {
        let is_good = |asked: &&Asked| status.is_success() || asked.is_for_connection(status);
        let Some(asked) = self.asked.as_ref().filter(is_good) else {
            self.cancel();
            return None;
        };
        self.began = Some(asked.auth.now());
        self.reading = Reading::of(headers, |tap| asked.streaming(tap));
        if asked.is_told_usage() {
            self.reading.seal();
        }
        if matches!(self.reading, Reading::Events(_)) {
            // It may end early, or something of it be kept back.
            headers.remove(CONTENT_LENGTH);
        } else {
            self.left = headers.get(CONTENT_LENGTH).and_then(number);
        }
        Some(self)
    }

    /// There is nothing to record.
    pub(super) fn cancel(&mut self) {
        self.asked = None;
    }

    /// Looks at a frame of an answer in one piece: whether it is the last.
    pub(super) fn read(&mut self, data: &[u8]) -> bool {
        self.commit();
        let is_complete = self.reading.read(data);
        self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
        is_complete || self.left == Some(0)
    }

    /// Something of the answer is about to go out.
    pub(super) fn commit(&mut self) {
        if let Some(account) = self.account() {
            account.commit();
        }
    }

    /// Whether what it is about may go on for as long as it has.
    pub(super) fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let account = self.account();
        account.map_or(Poll::Ready(true), |account| {
            account.poll_time(cx).map(|grant| grant == Grant::Pass)
        })
    }

    fn account(&mut self) -> Option<&mut Account> {
        self.asked.as_mut()?.account.as_mut()
    }

    /// A stream, and what it may use up.
    pub(super) fn streaming(&mut self) -> Option<(&mut Streaming, Option<&mut Account>)> {
        let Reading::Events(streaming) = &mut self.reading else {
            return None;
        };
        let account = self.asked.as_mut().and_then(|asked| asked.account.as_mut());
        Some((streaming, account))
    }

    /// What a stream ends with that has become as long as it may.
    pub(super) fn end_at_length(&self) -> Option<Bytes> {
        let asked = self.asked.as_ref()?;
        let measured = self.reading.measure(false, asked.prompt_estimate);
        let used = Used {
            prompt: measured.prompt_tokens,
            cached: measured.cached_tokens,
            written: measured.completion_tokens,
            is_asked: asked.shows_usage,
        };
        Some(self.ending()?.at_length(used))
    }

    /// What a stream ends with whose client may not have the rest.
    pub(super) fn end_refused(&self, denial: Denial) -> Option<Bytes> {
        Some(self.ending()?.refused(denial))
    }

    fn ending(&self) -> Option<Ending<'_>> {
        let (Some(asked), Reading::Events(streaming)) = (&self.asked, &self.reading) else {
            return None;
        };
        let stream = &streaming.stream;
        let told = stream.tap().told();
        let marks = stream.sent().marks;
        let next = stream.next().map_or(marks, |next| next.marks);
        let expected = || Dialect::at(&asked.endpoint, stream.tap().is_lines());
        Some(Ending {
            dialect: next.dialect.unwrap_or_else(expected),
            head: told.head(),
            model: told.model(),
            marks,
            seen: next.seen,
        })
    }

    /// The request is over: at the end of its answer, or not. Only the first time counts.
    pub(super) fn settle(&mut self, ended: bool) {
        let Some(mut asked) = self.asked.take() else { return };
        let measured = self.reading.measure(ended, asked.prompt_estimate);
        let name = asked.account.as_mut().and_then(Account::request_id);
        let request_id = name.unwrap_or_else(|| asked.auth.new_request_id());
        let at = self.began.unwrap_or_else(|| asked.auth.now());
        let auth = asked.auth.clone();
        let mut account = asked.account.take();
        let cost = account.as_mut().and_then(|account| account.price(&measured));
        let cost = cost.unwrap_or_else(|| asked.cost(&measured));
        auth.record_usage(asked.event(request_id, at, &measured, cost));
        if let Some(account) = account {
            account.settle(&measured);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A handler that panics answers as little as one that fails.
        if matches!(self.reading, Reading::NoAnswer) && std::thread::panicking() {
            self.cancel();
        }
        self.settle(false);
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use localauth_core::{MemoryStore, NewAccount, NewKey, Password, PasswordCost, UsageSource};

    use super::*;

    #[tokio::test]
    async fn an_event_names_user_key_and_path() {
        let auth = Auth::builder(MemoryStore::new())
            .password_cost(PasswordCost::INSECURE)
            .build()
            .unwrap();
        let ada = NewAccount::local("ada@example.org", Password::new("correct-horse-battery"));
        let ada = auth.add_user(ada).await.unwrap();
        let key = auth.create_key(ada.id, NewKey::named("laptop")).await.unwrap();
        let authorization = format!("Bearer {}", key.plain.expose()).parse().unwrap();
        let identity = auth
            .authenticate(&HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            .await
            .unwrap();

        let mut request = Request::post(format!("/v1/{}", "é".repeat(400)))
            .body(String::from("12345678"))
            .unwrap();
        let recheck = Recheck::of(&auth);
        assert!(Asked::new(&auth, &recheck, &mut request).is_none(), "nobody");
        request.extensions_mut().insert(CurrentUser::new(identity, None));
        let asked = Asked::new(&auth, &recheck, &mut request).unwrap();

        let measured = Reading::NoAnswer.measure(false, asked.prompt_estimate);
        let request_id = auth.new_request_id();
        let at = Timestamp::from_millis(7);
        let event = asked.event(request_id, at, &measured, 0);
        let endpoint = format!("/v1/{}", "é".repeat(126));
        assert_eq!(
            event,
            UsageEvent {
                request_id,
                at,
                user_id: ada.id,
                user_name: ada.name,
                key: Some((key.key.id, "laptop".to_owned())),
                source: UsageSource::ApiKey,
                model: String::new(),
                endpoint,
                prompt_tokens: 2,
                cached_tokens: 0,
                cost_micros: 0,
                completion_tokens: 0,
                estimated: true,
            }
        );
    }
}
