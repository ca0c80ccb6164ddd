//! What was found, for people and for programs.

use std::fmt;

use localauth_core::policy::packs::Route;
use serde::Serialize;

use super::{openapi::Unknown, question::Answer};
use crate::columns::columns;

/// All that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) url: String,
    pub(super) engine: String,
    /// What the engine says of its release.
    pub(super) version: Option<String>,
    /// The release that its pack was written for.
    pub(super) release: &'static str,
    pub(super) routes: Vec<Probed>,
    /// Routes that the engine publishes and the pack does not know.
    pub(super) unknown: Vec<Unknown>,
}

/// One route of the pack.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Probed {
    pub(super) path: &'static str,
    pub(super) method: String,
    pub(super) answer: Answer,
    /// Who may pass behind the guard.
    pub(super) guarded: String,
}

impl Probed {
    pub(super) fn new(route: &Route, answer: Answer) -> Self {
        Self {
            path: route.pattern(),
            method: route.method().to_string(),
            answer,
            guarded: route.door().to_string().replace('`', ""),
        }
    }
}

impl Report {
    fn count(&self, answer: Answer) -> usize {
        self.routes.iter().filter(|route| route.answer == answer).count()
    }

    fn open(&self) -> Vec<&Probed> {
        let is_open = |route: &&Probed| route.answer == Answer::Open;
        let mut open: Vec<&Probed> = self.routes.iter().filter(is_open).collect();
        open.sort_by_key(|route| (route.path, route.method.clone()));
        open
    }

    /// What to do about it.
    fn advice(&self) -> String {
        let url = self.url.trim_end_matches('/');
        if self.count(Answer::Open) == 0 {
            return "nothing here is open to who has no key; keep it so, and update the pack with the engine"
                .to_owned();
        }
        let bind = match self.engine.as_str() {
            "ollama" => "OLLAMA_HOST=127.0.0.1",
            _ => "--host 127.0.0.1",
        };
        format!(
            "whoever reaches this address may use all of that: bind the engine to loopback ({bind}) and put the guard in \
             front (LOCALAUTH_UPSTREAM={url} openai-server)"
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, release, .. } = self;
        let url = self.url.trim_end_matches('/');
        // What it says of itself is shown, and nothing more than shown.
        let version = self.version.as_deref().unwrap_or("of a release that it does not tell");
        let version = version.escape_debug();
        writeln!(f, "{engine} {version} at {url}, by the routes of {release}\n")?;
        let open = self.open();
        if !open.is_empty() {
            let rows: Vec<[String; 3]> = open
                .iter()
                .map(|route| [route.method.clone(), route.path.to_owned(), route.guarded.clone()])
                .collect();
            writeln!(f, "open to who has no key:\n")?;
            writeln!(f, "{}", columns(["METHOD", "PATH", "BEHIND THE GUARD FOR"], &rows))?;
        }
        for (answer, what) in [
            (Answer::Refused, "want a key"),
            (Answer::Off, "are switched off"),
            (Answer::Absent, "are not there"),
            (Answer::Untold, "cannot be told open from shut without using them"),
        ] {
            match self.count(answer) {
                0 => {}
                count => writeln!(f, "{count} more {what}")?,
            }
        }
        if !self.unknown.is_empty() {
            writeln!(
                f,
                "\npublished by the engine and unknown to the pack, so shut behind the guard:\n"
            )?;
            for route in &self.unknown {
                writeln!(f, "{} {}", route.method, route.path.escape_debug())?;
            }
        }
        writeln!(f, "\n{}", self.advice())
    }
}
