use std::sync::Arc;

use localauth_core::Auth;
use tower_layer::Layer;

use super::count::CountPrompt;
use super::service::{By, EnforceLimitsService};
use crate::reject::ContractErrors;

/// Holds each request against the limits of its user, tier, key and of everybody: all of them, or none.
///
/// Belongs inside [`RequireAuth`] and [`Inspect`], and around [`MeterUsage`], which tells what was really used. Binds the
/// requests that [`MeterUsage`] counts, and nobody whom no limit binds: for them it costs nothing.
///
/// - **Requests** count when an answer with status 2xx begins; any other answer gives back what was held.
/// - **Tokens** are held before the model works: those of the prompt (as [`CountPrompt`] says, or one for each byte of the
///   request), and those to be written. A stream is held for a few and asks for more as it goes on; when there are none
///   left it is ended in order, with `finish_reason: "length"`. Any other answer is held for as many as the client allows
///   (`max_tokens`), or for [`default_completion`](Self::default_completion), or for as many as are left, and the request
///   is changed so that the model writes no more.
/// - **A place** among the requests under way is held until the answer is over.
///
/// What was held and not used is given back when the answer is over. Every answer says how the limits stand, in OpenAI's
/// `x-ratelimit-*` headers; a refusal is 429 with `Retry-After`. A limit that only warns lets everything pass, and answers
/// with `x-ratelimit-warning`.
///
/// ```
/// use http::{Request, Response, header::AUTHORIZATION};
/// use localauth_core::{Auth, Caller, LimitRule, MemoryStore, NewAccount, NewKey, Password};
/// use localauth_tower::{EnforceLimits, RequireAuth};
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let auth = Auth::builder(MemoryStore::new()).build()?;
/// let ada = auth.add_user(NewAccount::local("ada@example.org", Password::new("correct-horse-battery"))).await?;
/// let key = auth.create_key(ada.id, NewKey::named("laptop")).await?;
/// auth.set_user_limit(&Caller::operator(), ada.id, LimitRule::per("1h".parse()?).requests(1)).await?;
///
/// let service = ServiceBuilder::new()
///     .layer(RequireAuth::new(&auth))
///     .layer(EnforceLimits::new(&auth))
///     .service(service_fn(async |_: Request<String>| {
///         Ok::<_, std::convert::Infallible>(Response::new(http_body_util::Full::<bytes::Bytes>::from("Hello")))
///     }));
/// let request = || Request::post("/v1/chat/completions").header(AUTHORIZATION, format!("Bearer {}", key.plain.expose()));
///
/// // Accepted:
/// let response = service.clone().oneshot(request().body(String::new())?).await?;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["x-ratelimit-remaining-requests"], "0");
///
/// // Refused:
/// let response = service.oneshot(request().body(String::new())?).await?;
/// assert_eq!(response.status(), 429);
/// assert!(response.headers().contains_key("retry-after"));
/// # Ok(())
/// # }
/// ```
///
/// [`RequireAuth`]: crate::RequireAuth
/// [`Inspect`]: crate::Inspect
/// [`MeterUsage`]: crate::MeterUsage
#[derive(Clone)]
#[must_use]
pub struct EnforceLimits<R = ContractErrors> {
    by: By<R>,
}

impl<R> std::fmt::Debug for EnforceLimits<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnforceLimits").finish_non_exhaustive()
    }
}

impl EnforceLimits {
    /// By the limits that `auth` knows.
    pub fn new(auth: &Auth) -> Self {
        Self {
            by: By {
                auth: auth.clone(),
                default_completion: 4_096,
                count: None,
                reject: ContractErrors::default(),
            },
        }
    }
}

impl<R> EnforceLimits<R> {
    /// How many tokens an answer that is not streamed is held for when the client does not say. 4,096 by default.
    pub fn default_completion(mut self, tokens: u64) -> Self {
        self.by.default_completion = tokens.max(1);
        self
    }

    /// Counts prompts with `count`.
    pub fn count_prompts(mut self, count: impl CountPrompt) -> Self {
        self.by.count = Some(Arc::new(count));
        self
    }

    /// Answers refusals with `reject`.
    pub fn with_reject<R2>(self, reject: R2) -> EnforceLimits<R2> {
        EnforceLimits {
            by: By {
                auth: self.by.auth,
                default_completion: self.by.default_completion,
                count: self.by.count,
                reject,
            },
        }
    }
}

impl<S, R: Clone> Layer<S> for EnforceLimits<R> {
    type Service = EnforceLimitsService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        EnforceLimitsService::new(inner, self.by.clone())
    }
}
