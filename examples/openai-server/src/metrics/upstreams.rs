//! The servers that this one stands in front of.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use http::StatusCode;
use localauth_core::Tally;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::histogram::Histogram;

/// Counts requests to the upstreams that were configured, by their place in the configuration.
///
/// ```
/// use std::time::Duration;
///
/// use http::StatusCode;
/// use openai_server::metrics::{UpstreamMetrics, UpstreamOutcome};
///
/// let metrics = UpstreamMetrics::new(["http://127.0.0.1:11434".to_owned()]);
/// metrics.observe(0, UpstreamOutcome::Answered(StatusCode::OK), Duration::from_millis(3));
/// metrics.observe(0, UpstreamOutcome::ConnectFailed, Duration::from_millis(1));
/// metrics.set_healthy(0, false);
/// // There is no second one, and none appears:
/// metrics.observe(1, UpstreamOutcome::TimedOut, Duration::from_secs(1));
/// ```
#[derive(Debug)]
pub struct UpstreamMetrics(Box<[Upstream]>);

#[derive(Debug)]
struct Upstream {
    name: String,
    outcomes: Tally,
    latency: Histogram,
    is_healthy: AtomicBool,
}

/// What a request to an upstream came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpstreamOutcome {
    /// It answered.
    Answered(StatusCode),
    /// No connection came about.
    ConnectFailed,
    /// It did not answer in time, or paused for too long.
    TimedOut,
    /// It answered nonsense, or broke off in its answer.
    BrokeOff,
    /// The client went away.
    Cancelled,
}

const OUTCOMES: [&str; 9] = [
    "1xx",
    "2xx",
    "3xx",
    "4xx",
    "5xx",
    "connect_failed",
    "timed_out",
    "broke_off",
    "cancelled",
];

impl UpstreamOutcome {
    fn index(self) -> usize {
        match self {
            Self::Answered(status) => usize::from(status.as_u16() / 100).clamp(1, 5) - 1,
            Self::ConnectFailed => 5,
            Self::TimedOut => 6,
            Self::BrokeOff => 7,
            Self::Cancelled => 8,
        }
    }
}

impl UpstreamMetrics {
    /// For the upstreams of these names, which become labels: no password, no query.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(
            names
                .into_iter()
                .map(|name| Upstream {
                    name,
                    outcomes: Tally::new(OUTCOMES.len()),
                    latency: Histogram::default(),
                    is_healthy: AtomicBool::new(true),
                })
                .collect(),
        )
    }

    /// A request to the upstream in this place came to that, so long after it was sent. For an answer: when its head came.
    /// One that answers and then breaks off is told twice.
    pub fn observe(&self, upstream: usize, outcome: UpstreamOutcome, after: Duration) {
        if let Some(upstream) = self.0.get(upstream) {
            upstream.outcomes.add(outcome.index(), 1);
            if matches!(outcome, UpstreamOutcome::Answered(_)) {
                upstream.latency.observe(after);
            }
        }
    }

    /// Whether the upstream in this place is asked at present.
    pub fn set_healthy(&self, upstream: usize, is_healthy: bool) {
        if let Some(upstream) = self.0.get(upstream) {
            upstream.is_healthy.store(is_healthy, Ordering::Relaxed);
        }
    }
}

impl Collector for UpstreamMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut requests = encoder.encode_descriptor(
            "localauth_upstream_requests",
            "Requests to upstreams, by what they came to",
            None,
            MetricType::Counter,
        )?;
        for upstream in &self.0 {
            for (n, outcome) in OUTCOMES.iter().enumerate() {
                requests
                    .encode_family(&[("upstream", upstream.name.as_str()), ("outcome", outcome)])?
                    .encode_counter::<NoLabelSet, _, u64>(&upstream.outcomes.sum(n), None)?;
            }
        }
        let mut latency = encoder.encode_descriptor(
            "localauth_upstream_latency_seconds",
            "From a request to an upstream to the head of its answer",
            None,
            MetricType::Histogram,
        )?;
        for upstream in &self.0 {
            upstream
                .latency
                .encode_labelled(&mut latency, &[("upstream", upstream.name.as_str())])?;
        }
        let mut healthy = encoder.encode_descriptor(
            "localauth_upstream_healthy",
            "1 while the upstream is asked",
            None,
            MetricType::Gauge,
        )?;
        for upstream in &self.0 {
            healthy
                .encode_family(&[("upstream", upstream.name.as_str())])?
                .encode_gauge(&i64::from(upstream.is_healthy.load(Ordering::Relaxed)))?;
        }
        Ok(())
    }
}
