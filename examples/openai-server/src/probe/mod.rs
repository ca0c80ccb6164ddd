//! `probe`: what an engine answers to whoever reaches it, asked without a key and without doing harm.

mod ask;
mod detect;
mod openapi;
mod question;
mod report;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;
use localauth_core::policy::packs::{Engine, pack};
use reqwest::Url;

use self::{
    ask::Engineer,
    question::{Answer, Question},
    report::{Probed, Report},
};
use crate::columns::say;

/// What is to be asked.
#[derive(Args, Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Where the engine listens, like `http://127.0.0.1:11434`.
    pub url: String,
    /// Which engine it is: `openai`, `ollama`, `vllm` or `llama.cpp`. [default: what it says it is]
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<Engine>,
    /// For programs.
    #[arg(long)]
    pub json: bool,
}

/// Set when an engine has routes that its pack does not know.
const UNKNOWN_ROUTES: u8 = 2;

/// Asks, and tells what was answered. The exit status is 2 where the engine has routes that its pack does not know.
///
/// # Errors
///
/// When the engine cannot be reached, or standard output is closed.
pub async fn probe(command: &Probe) -> anyhow::Result<ExitCode> {
    let report = examine(command).await?;
    let text = if command.json {
        format!("{}\n", serde_json::to_string_pretty(&report)?)
    } else {
        report.to_string()
    };
    say(&text)?;
    Ok(if report.unknown.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(UNKNOWN_ROUTES)
    })
}

/// Asks everything there is to ask.
async fn examine(command: &Probe) -> anyhow::Result<Report> {
    let engineer = Engineer::new(origin(&command.url)?)?;
    let found = detect::detect(&engineer).await?;
    let engine = command.engine.unwrap_or(found.engine);
    let mut routes = Vec::new();
    for route in pack(engine).routes() {
        let question = Question::about(route);
        let answer = match engineer.ask(&question).await {
            Ok(response) => question.judge(engine, response.status()),
            // It was there a moment ago.
            Err(_) => Answer::Untold,
        };
        routes.push(Probed::new(route, answer));
    }
    let published = engineer.read("/openapi.json").await;
    let unknown = published.map(|document| openapi::unknown(&document, engine));
    Ok(Report {
        url: engineer.origin().to_string(),
        engine: engine.to_string(),
        version: found.version.filter(|_| engine == found.engine),
        release: pack(engine).release(),
        routes,
        unknown: unknown.unwrap_or_default(),
    })
}

/// The origin that is meant: a path would be one that nobody forwards, and a password has no place in a command.
fn origin(url: &str) -> anyhow::Result<Url> {
    const WANTED: &str = "expected the origin of an engine, like `http://127.0.0.1:11434`";
    let url: Url = url.parse().context(WANTED)?;
    ensure!(matches!(url.scheme(), "http" | "https") && url.has_host(), WANTED);
    ensure!(
        url.path() == "/" && url.query().is_none() && url.fragment().is_none(),
        WANTED
    );
    ensure!(url.username().is_empty() && url.password().is_none(), WANTED);
    Ok(url)
}
