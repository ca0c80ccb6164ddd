//! Counts what requests to an upstream come to.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use tokio::time::Instant;

use super::server::NoAnswer;
use crate::metrics::{UpstreamMetrics, UpstreamOutcome};

/// Where what comes of one upstream is counted.
#[derive(Clone, Debug)]
pub(super) struct Measure {
    metrics: Arc<UpstreamMetrics>,
    place: usize,
}

impl Measure {
    /// For the upstream at this place in the configuration.
    pub(super) const fn new(metrics: Arc<UpstreamMetrics>, place: usize) -> Self {
        Self { metrics, place }
    }

    /// A request is sent. It was cancelled, unless what it came to is told.
    pub(super) fn begin(&self) -> Pending<'_> {
        Pending(Some((self, Instant::now())))
    }

    /// An answer that had begun broke off, or was silent for too long.
    pub(super) fn broke_off(&self, is_silence: bool) {
        let outcome = if is_silence {
            UpstreamOutcome::TimedOut
        } else {
            UpstreamOutcome::BrokeOff
        };
        self.metrics.observe(self.place, outcome, Duration::ZERO);
    }

    pub(super) fn set_healthy(&self, is_healthy: bool) {
        self.metrics.set_healthy(self.place, is_healthy);
    }
}

/// A request that is not answered yet.
pub(super) struct Pending<'a>(Option<(&'a Measure, Instant)>);

impl Pending<'_> {
    /// It came to this.
    pub(super) fn ended(mut self, result: Result<StatusCode, NoAnswer>) {
        self.count(match result {
            Ok(status) => UpstreamOutcome::Answered(status),
            Err(NoAnswer::NotConnected | NoAnswer::NotConnectedInTime | NoAnswer::NoFiles) => {
                UpstreamOutcome::ConnectFailed
            }
            Err(NoAnswer::TooSlow) => UpstreamOutcome::TimedOut,
            Err(NoAnswer::Broken) => UpstreamOutcome::BrokeOff,
            // The client's doing.
            Err(NoAnswer::BodyTooLarge | NoAnswer::BodyBroken) => UpstreamOutcome::Cancelled,
        });
    }

    fn count(&mut self, outcome: UpstreamOutcome) {
        if let Some((measure, began)) = self.0.take() {
            measure.metrics.observe(measure.place, outcome, began.elapsed());
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.count(UpstreamOutcome::Cancelled);
    }
}
