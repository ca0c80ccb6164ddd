//! How a route is asked whether it is open, so that asking does no harm. Pure.
//!
//! Looking is looking. A model is asked for work in a body that no reader can read, so that there is nothing to do. What
//! changes something is never asked to: its path is, by a method that it does not have, which an engine answers by `405`
//! where the path is there and by `401` where it wants a key first.

use localauth_core::policy::{
    ModelIn,
    packs::{Engine, Route},
};
use reqwest::{Method, StatusCode};
use serde::Serialize;

/// Stands for whatever a pattern leaves open. Nothing has that name.
const NOBODY: &str = "localauth-probe";

/// Not JSON, to anybody.
const UNREADABLE: (&str, &str) = ("application/json", "localauth-probe");

/// A form with nothing in it.
const EMPTY_FORM: (&str, &str) = (
    "multipart/form-data; boundary=localauth-probe",
    "--localauth-probe--\r\n",
);

/// A request that does no harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) method: Method,
    pub(super) path: String,
    /// A body, and its type.
    pub(super) body: Option<(&'static str, &'static str)>,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// The request itself.
    Itself,
    /// The request, for something that is not there, or of a kind that is not.
    NotThere,
    /// Another method at its path.
    Beside,
}

/// What an engine answers to who has no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// It answers.
    Open,
    /// It wants a key, or forbids it.
    Refused,
    /// There is no such route.
    Absent,
    /// It is known, and switched off.
    Off,
    /// That cannot be told without using it.
    Untold,
}

impl Question {
    pub(super) fn about(route: &Route) -> Self {
        let is_look = matches!(*route.method(), Method::GET | Method::HEAD);
        let is_for_something = route.pattern().contains('{') || route.asks().model() == ModelIn::Query;
        let (method, body, how) = match route.asks().model() {
            _ if is_look && is_for_something => (route.method().clone(), None, How::NotThere),
            _ if is_look => (route.method().clone(), None, How::Itself),
            ModelIn::Form if route.asks().is_work() => (Method::POST, Some(EMPTY_FORM), How::Itself),
            _ if route.asks().is_work() => (Method::POST, Some(UNREADABLE), How::Itself),
            _ => (Method::PATCH, None, How::Beside),
        };
        let segments = route
            .pattern()
            .split('/')
            .map(|segment| if segment.starts_with('{') { NOBODY } else { segment });
        Self {
            method,
            path: segments.collect::<Vec<_>>().join("/"),
            body,
            how,
        }
    }

    /// What an answer of this status means.
    pub(super) fn judge(&self, engine: Engine, status: StatusCode) -> Answer {
        // llama.cpp's server, and who knows which other one, says the same of a path that is not there and of a method.
        let tells_methods_apart = matches!(engine, Engine::Ollama | Engine::Vllm);
        match (status, self.how) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => Answer::Refused,
            (StatusCode::METHOD_NOT_ALLOWED, How::Beside) => Answer::Open,
            (StatusCode::NOT_FOUND, How::NotThere) => Answer::Untold,
            (StatusCode::NOT_FOUND, How::Beside) if !tells_methods_apart => Answer::Untold,
            (StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_FOUND, _) => Answer::Absent,
            (StatusCode::NOT_IMPLEMENTED, _) => Answer::Off,
            // Whatever has a `PATCH`, it is not what was asked about.
            (_, How::Beside) => Answer::Untold,
            _ => Answer::Open,
        }
    }
}
