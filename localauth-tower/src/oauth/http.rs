//! How providers are asked: one client for all, which follows nothing and waits for nobody.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};

use super::OAuthConfigError;

/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// GitHub answers 403 to whoever does not say who they are.
const USER_AGENT: &str = concat!("localauth/", env!("CARGO_PKG_VERSION"));

/// How long a provider may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) connect: Duration,
    pub(super) total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(10),
        }
    }
}

/// The client.
#[derive(Debug, Clone)]
pub(super) struct Http(reqwest::Client);

/// A provider was not heard, or not to the end.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    // The cause is told with it: what reads this does not walk up the sources.
    #[error("{}", told(.0))]
    Reqwest(reqwest::Error),
    #[error("the answer is larger than 1 MiB")]
    TooLarge,
    #[error("the answer is a redirect ({0}), which is not followed")]
    Redirect(http::StatusCode),
    #[error(transparent)]
    Http(#[from] http::Error),
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        Self::Reqwest(error.without_url())
    }
}

/// An error and what it comes from.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

impl Http {
    pub(super) fn new(timeouts: Timeouts) -> Result<Self, OAuthConfigError> {
        reqwest::Client::builder()
            // Codes and tokens go where the configuration and the metadata say, and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.total)
            .user_agent(USER_AGENT)
            .build()
            .map(Self)
            .map_err(|error| OAuthConfigError::Client(told(&error)))
    }

    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut response = self.0.execute(request.try_into()?).await?;
        if response.status().is_redirection() {
            return Err(HttpError::Redirect(response.status()));
        }
        if response.content_length().is_some_and(|length| length > MAX_BODY as u64) {
            return Err(HttpError::TooLarge);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = http::Response::builder().status(response.status()).body(body)?;
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// The same, and each answer goes through `look` before anybody else sees it.
pub(super) struct Watched<'h, F> {
    pub(super) http: &'h Http,
    pub(super) look: F,
}

impl<'c, F: Fn(&mut HttpResponse) + Sync> AsyncHttpClient<'c> for Watched<'_, F> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let mut response = self.http.send(request).await?;
            (self.look)(&mut response);
            Ok(response)
        })
    }
}
