//! Settles a request exactly once.

use http::{HeaderMap, Request, StatusCode};
use http_body::Body;
use localauth_core::{Auth, RequestId, Source, Timestamp, UsageEvent};

use super::reading::{Measured, Reading, prompt_estimate};
use crate::CurrentUser;

/// The longest path that is kept.
const MAX_ENDPOINT_BYTES: usize = 256;

/// A request that is to be metered.
#[derive(Debug)]
pub(super) struct Asked {
    auth: Auth,
    user: CurrentUser,
    endpoint: String,
    prompt_estimate: u64,
}

impl Asked {
    /// `None` when nobody signed in.
    pub(super) fn new<B: Body>(auth: &Auth, request: &Request<B>) -> Option<Self> {
        let user = request.extensions().get::<CurrentUser>()?.clone();
        let path = request.uri().path();
        let endpoint = path
            .get(..path.floor_char_boundary(MAX_ENDPOINT_BYTES))
            .unwrap_or(path)
            .into();
        let prompt_estimate = prompt_estimate(request.headers(), body_bytes(request));
        Some(Self {
            auth: auth.clone(),
            user,
            endpoint,
            prompt_estimate,
        })
    }

    fn event(self, request_id: RequestId, at: Timestamp, measured: Measured) -> UsageEvent {
        let key = match self.user.source() {
            Source::ApiKey { id, name, .. } => Some((*id, name.to_string())),
            _ => None,
        };
        UsageEvent {
            request_id,
            at,
            user_id: self.user.user_id(),
            user_name: self.user.name().to_owned(),
            key,
            source: self.user.usage_source(),
            model: measured.model,
            endpoint: self.endpoint,
            prompt_tokens: measured.prompt_tokens,
            completion_tokens: measured.completion_tokens,
            estimated: measured.estimated,
        }
    }
}

/// How long the request's body is, as far as can be told without reading it; else 0.
fn body_bytes<B: Body>(request: &Request<B>) -> u64 {
    let told = request.headers().get(http::header::CONTENT_LENGTH);
    let told = told
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok());
    told.unwrap_or_else(|| request.body().size_hint().lower())
}

/// A request that is being answered: recorded when it is over, however it ends.
///
/// It lives in the response future and moves into the response body; what drops either, drops it.
#[derive(Debug)]
pub(super) struct Guard {
    asked: Option<Asked>,
    /// When the answer began.
    began: Option<Timestamp>,
    reading: Reading,
}

impl Guard {
    pub(super) const fn new(asked: Asked) -> Self {
        Self {
            asked: Some(asked),
            began: None,
            reading: Reading::NoAnswer,
        }
    }

    /// The head of the answer is there. Only good ones count.
    pub(super) fn answered(mut self, status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        if !status.is_success() {
            self.cancel();
            return None;
        }
        self.began = self.asked.as_ref().map(|asked| asked.auth.now());
        self.reading = Reading::of(headers);
        Some(self)
    }

    /// There is nothing to record.
    pub(super) fn cancel(&mut self) {
        self.asked = None;
    }

    /// Looks at a frame of the answer as it passes.
    pub(super) fn read(&mut self, data: &impl bytes::Buf) {
        if self.asked.is_some() {
            self.reading.read(data);
        }
    }

    /// The request is over: at the end of its answer, or not. Only the first time counts.
    pub(super) fn settle(&mut self, ended: bool) {
        let Some(asked) = self.asked.take() else { return };
        let measured = self.reading.measure(ended, asked.prompt_estimate);
        let request_id = asked.auth.new_request_id();
        let at = self.began.unwrap_or_else(|| asked.auth.now());
        let auth = asked.auth.clone();
        auth.record_usage(asked.event(request_id, at, measured));
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
        assert!(Asked::new(&auth, &request).is_none(), "nobody");
        request.extensions_mut().insert(CurrentUser::new(identity, None));
        let asked = Asked::new(&auth, &request).unwrap();

        let measured = Reading::NoAnswer.measure(false, asked.prompt_estimate);
        let request_id = auth.new_request_id();
        let at = Timestamp::from_millis(7);
        let event = asked.event(request_id, at, measured);
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
                completion_tokens: 0,
                estimated: true,
            }
        );
    }
}
