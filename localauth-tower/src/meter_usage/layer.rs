use localauth_core::Auth;
use tower_layer::Layer;

use super::recheck::Recheck;
use super::service::MeterUsageService;

/// Records what each answer of a model used: by whom, with which key, of which model, how many tokens.
///
/// Answers pass as they are, frame by frame as they come, trailers included; nothing is held back, copied or changed,
/// but where [a stream has to be](#what-is-changed).
/// The token counts are read from JSON (`application/json`), event streams (`text/event-stream`) and streams of a document
/// a line (`application/x-ndjson`) while these go by, in a few kilobytes of memory a request. They are looked for where
/// OpenAI's chat completions, completions, embeddings, responses, images and transcripts have them, Anthropic's messages,
/// and Ollama's own answers, and nowhere else: text that a model writes cannot pass for a count. So that they can be read,
/// the inner service is asked not to compress (`accept-encoding: identity`).
///
/// # Which requests
///
/// Those that carry a [`CurrentUser`](crate::CurrentUser), so this layer belongs inside [`RequireAuth`], and that ask for
/// something: `GET`, `HEAD`, `OPTIONS`, `TRACE` and `DELETE` do not. Inside a [`RoutePolicy`], only requests to routes that
/// need a feature. Everything else passes unseen.
///
/// # What is recorded, and when
///
/// One event a request, however it ends, and before the last byte of the answer is handed on: whoever has an answer to its
/// end is in the report, also when the process is killed right then. The last byte is
///
/// | the answer | is over |
/// |---|---|
/// | JSON | at the end of the document |
/// | an event stream | with `[DONE]`, `message_stop`, `response.completed`, `response.failed` or `response.incomplete` |
/// | a document a line | with `"done": true` |
/// | in one piece, of a known length | at its last byte |
/// | any | at its end, at its trailers, at an error, or when the client goes |
///
/// What comes after that passes uncounted. The event tells the model and the path that the inner service saw, and:
///
/// | the answer | tokens read | tokens written | estimated |
/// |---|---|---|---|
/// | tells its usage | as told | as told | no |
/// | tells it, and more text comes after the last word of it | as told | as told, and the text since | yes |
/// | tells only what it wrote | by the request's length | as told | yes |
/// | tells none, and is one of tokens | by the request's length | by the text | yes |
/// | tells none, and is none of tokens: images, speech, files | 0 | 0 | no |
/// | is compressed (`content-encoding`), JSON or events | by the request's length | 0 | yes |
/// | broke off (client gone, or an error) after telling its usage | as told | as told, and the text since | yes, if there was text since |
/// | broke off before telling it | by the request's length | by the text so far | yes |
/// | was cut | as told, or by the request's length | as told, and the text since, as far as it was sent | yes, unless told |
/// | had no head yet when the client went | by the request's length | 0 | yes |
/// | has another status than 2xx, or is an error of the service | nothing is recorded | | |
///
/// By the request's length: its bytes (`content-length`, or what the body says of itself) divided by four, where it is
/// JSON; other content is not measured in tokens by its length. By the text: each piece of a stream is a token, as servers
/// send them one by one, or, where it has more than 32 bytes, a token every four bytes; so is the text of an answer in one
/// document.
///
/// Of several usages told, the last one counts, and one that is zero throughout is none. Of several models named, the
/// first. Tokens from a cache are among those read, also where Anthropic tells them beside these.
///
/// # What is changed
///
/// - A stream ends early when its client's credential does: within two seconds, with an error in the words of its family
///   (OpenAI, Anthropic, Ollama), and the inner body is dropped, so that the model stops. This needs tokio's timer; without
///   a runtime it is noticed at the next frame.
/// - Usage that was asked from the model server on behalf of a client who did not ask for it is taken out again.
/// - A limit may end a stream where its budget does, as if the answer had come to the length that was asked for.
///
/// Only where one of the last two is to be looked for, or the credential is in doubt, is an event that goes over several
/// frames kept back until it is whole, up to 64 KB of it. As any stream may end early, none promises its length.
///
/// ```
/// use http::{Request, Response, header::AUTHORIZATION};
/// use http_body_util::BodyExt as _;
/// use localauth_core::{Auth, MemoryStore, NewAccount, NewKey, Password, Period, UsageFilter};
/// use localauth_tower::{MeterUsage, RequireAuth};
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::builder(MemoryStore::new()).build()?;
/// let ada = auth.add_user(NewAccount::local("ada@example.org", Password::new("correct-horse-battery"))).await?;
/// let key = auth.create_key(ada.id, NewKey::named("laptop")).await?;
///
/// let service = ServiceBuilder::new()
///     .layer(RequireAuth::new(&auth))
///     .layer(MeterUsage::new(&auth))
///     .service(service_fn(async |_: Request<String>| {
///         let answer = r#"{"model":"llama","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10}}"#;
///         Response::builder().header("content-type", "application/json").body(answer.to_owned())
///     }));
///
/// // Counted:
/// let request = || Request::post("/v1/chat/completions").header(AUTHORIZATION, format!("Bearer {}", key.plain.expose()));
/// let response = service.clone().oneshot(request().body(String::new())?).await?;
/// response.into_body().collect().await?;
///
/// // Refused, and so not counted:
/// let response = service.oneshot(Request::post("/v1/chat/completions").body(String::new())?).await?;
/// assert_eq!(response.status(), 401);
///
/// let report = auth.usage_report(Period::Day, UsageFilter::of_user(ada.id)).await?;
/// assert_eq!(&*report.rows[0].model, "llama");
/// assert_eq!(report.totals.requests, 1);
/// assert_eq!((report.totals.prompt_tokens, report.totals.completion_tokens), (19, 10));
/// # Ok(())
/// # }
/// ```
///
/// [`RequireAuth`]: crate::RequireAuth
/// [`RoutePolicy`]: crate::RoutePolicy
#[derive(Debug, Clone)]
#[must_use]
pub struct MeterUsage {
    auth: Auth,
    recheck: Recheck,
}

impl MeterUsage {
    /// Records through `auth`.
    pub fn new(auth: &Auth) -> Self {
        Self {
            auth: auth.clone(),
            recheck: Recheck::of(auth),
        }
    }

    /// Asks another about identities that are no longer current.
    #[cfg(test)]
    pub(super) fn with_recheck(mut self, recheck: Recheck) -> Self {
        self.recheck = recheck;
        self
    }
}

impl<S> Layer<S> for MeterUsage {
    type Service = MeterUsageService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MeterUsageService::new(inner, self.auth.clone(), self.recheck.clone())
    }
}
