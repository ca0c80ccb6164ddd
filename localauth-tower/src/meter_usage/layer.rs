use localauth_core::Auth;
use tower_layer::Layer;

use super::service::MeterUsageService;

/// Records what each answer of a model used: by whom, with which key, of which model, how many tokens.
///
/// Answers pass as they are, frame by frame as they come, trailers included; nothing is held back, copied or changed.
/// The token counts are read from JSON (`application/json`) and event streams (`text/event-stream`) while these go by,
/// in well under a kilobyte of memory a request. They are looked for where OpenAI's chat completions, completions,
/// embeddings and responses have them, and Anthropic's messages, and nowhere else: text that a model writes cannot pass
/// for a count.
///
/// # Which requests
///
/// Those that carry a [`CurrentUser`](crate::CurrentUser), so this layer belongs inside [`RequireAuth`], and that ask for
/// something: `GET`, `HEAD`, `OPTIONS`, `TRACE` and `DELETE` do not. Inside a [`RoutePolicy`], only requests to routes that
/// need a feature. Everything else passes unseen.
///
/// # What is recorded, and when
///
/// One event a request, when it is over, however it ends. It tells the model and the path that the inner service saw, and:
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
/// | had no head yet when the client went | by the request's length | 0 | yes |
/// | has another status than 2xx, or is an error of the service | nothing is recorded | | |
///
/// By the request's length: its bytes (`content-length`, or what the body says of itself) divided by four, where it is
/// JSON; other content is not measured in tokens by its length. By the text: each piece of a stream is a token, as servers
/// send them one by one, or, where it has more than 32 bytes, a token every four bytes; so is the text of an answer in one
/// document.
///
/// Of several usages told, the last one counts, and one that is zero throughout is none. Of several models named, the
/// first.
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
/// assert_eq!(report.rows[0].model, "llama");
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
}

impl MeterUsage {
    /// Records through `auth`.
    pub fn new(auth: &Auth) -> Self {
        Self { auth: auth.clone() }
    }
}

impl<S> Layer<S> for MeterUsage {
    type Service = MeterUsageService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MeterUsageService::new(inner, self.auth.clone())
    }
}
