//! What `/metrics` says, in the text form of `OpenMetrics` that Prometheus reads.
//!
//! What happens is counted in [`Tally`](localauth_core::Tally)s: a few nanoseconds, without lock or allocation, on any
//! number of cores. Everything else is asked for when somebody scrapes. The form is written by `prometheus-client`, the
//! library of the Prometheus project; its own counters with labels would take a lock for each request.
//!
//! Every label has a fixed set of values, known at start: routes as their patterns, reasons as their codes, upstreams as
//! they were configured. Nothing that a client can choose becomes a label, and nothing tells one user from another.

mod auth;
mod connections;
mod histogram;
mod process;
mod requests;
mod upstreams;

use std::{fmt, sync::Arc};

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use localauth_core::{Auth, policy::Rule};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tracing::error;

use crate::connections::Counts;

pub use self::{
    requests::{Outcome, Requests, Route},
    upstreams::{UpstreamMetrics, UpstreamOutcome},
};

/// What the form is called (`OpenMetrics` 1.0, section "Overall Structure").
const FORM: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is measured.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Arc<Requests>,
    registry: Arc<Registry>,
}

/// What there is to measure.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// Every rule that a request can meet.
    pub rules: &'a [Rule],
    /// Who asks, where somebody is asked who they are.
    pub auth: Option<&'a Auth>,
    /// Connections.
    pub connections: Arc<Counts>,
    /// The servers that this one stands in front of, if any.
    pub upstreams: Option<Arc<UpstreamMetrics>>,
}

impl Metrics {
    /// Begins to measure.
    pub fn new(sources: Sources<'_>) -> Self {
        let requests = Arc::new(Requests::new(sources.rules));
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&requests)));
        registry.register_collector(Box::new(connections::Connections(sources.connections)));
        registry.register_collector(Box::new(process::Process::begin()));
        if let Some(auth) = sources.auth {
            registry.register_collector(Box::new(auth::House::new(auth.clone(), Arc::clone(&requests))));
        }
        if let Some(upstreams) = sources.upstreams {
            registry.register_collector(Box::new(upstreams));
        }
        Self {
            requests,
            registry: Arc::new(registry),
        }
    }

    /// Where requests are counted.
    pub fn requests(&self) -> &Arc<Requests> {
        &self.requests
    }

    /// All of it, as text.
    ///
    /// # Errors
    ///
    /// When a number cannot be written, which is a mistake in this program.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 * 1024);
        encode(&mut text, &self.registry).map(|()| text)
    }

    /// The answer to whoever scrapes.
    pub fn answer(&self) -> Response {
        match self.text() {
            Ok(text) => ([(header::CONTENT_TYPE, FORM)], text).into_response(),
            Err(error) => {
                error!(%error, "the metrics cannot be written");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
