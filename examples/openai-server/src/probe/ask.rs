//! The client: one that tells nothing of us, follows nothing, and waits for nobody long.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Client, Response, Url, header::CONTENT_TYPE, redirect::Policy};
use serde_json::Value;

use super::question::Question;

/// How long an engine may take for the head of an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most that is read of an answer: vLLM publishes its routes in less than one.
const MOST_BYTES: usize = 16_000_000;

/// Asks one engine.
pub(super) struct Engineer {
    client: Client,
    origin: Url,
}

impl Engineer {
    /// # Errors
    ///
    /// When no client can be had.
    pub(super) fn new(origin: Url) -> anyhow::Result<Self> {
        let client = Client::builder()
            .redirect(Policy::none())
            // The engine itself is asked, not somebody on the way.
            .no_proxy()
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE)
            .user_agent("localauth-probe")
            .build()
            .context("no HTTP client")?;
        Ok(Self { client, origin })
    }

    pub(super) const fn origin(&self) -> &Url {
        &self.origin
    }

    /// # Errors
    ///
    /// When there is no answer, or none in time.
    pub(super) async fn ask(&self, question: &Question) -> reqwest::Result<Response> {
        let mut request = self.client.request(question.method.clone(), self.at(&question.path));
        if let Some((content_type, body)) = question.body {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        request.send().await
    }

    /// # Errors
    ///
    /// When there is no answer, or none in time.
    pub(super) async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.client.get(self.at(path)).send().await
    }

    /// The JSON that is answered there, if it is.
    pub(super) async fn read(&self, path: &str) -> Option<Value> {
        json(self.get(path).await.ok()?).await
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.origin.clone();
        url.set_path(path);
        url
    }
}

/// The JSON of a good answer.
pub(super) async fn json(mut response: Response) -> Option<Value> {
    if !response.status().is_success() {
        return None;
    }
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if text.len() + chunk.len() > MOST_BYTES {
            return None;
        }
        text.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&text).ok()
}
