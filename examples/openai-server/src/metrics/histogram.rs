//! How long things take.

use std::{fmt, time::Duration};

use localauth_core::Tally;
use prometheus_client::encoding::{EncodeLabelSet, MetricEncoder, NoLabelSet};

/// The upper bounds of the buckets, in microseconds: from a refusal at once to an answer that takes minutes.
const BOUNDS: [u64; 16] = [
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    10_000_000,
    30_000_000,
    120_000_000,
    600_000_000,
];
/// Where what is longer is counted.
const LONGER: usize = BOUNDS.len();
/// Where the sum of all is.
const SUM: usize = LONGER + 1;

/// Durations, counted by their length.
#[derive(Debug)]
pub(super) struct Histogram(Tally);

impl Default for Histogram {
    fn default() -> Self {
        Self(Tally::new(SUM + 1))
    }
}

impl Histogram {
    pub(super) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(LONGER);
        self.0.add(bucket, 1);
        self.0.add(SUM, micros);
    }

    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let buckets: Vec<(f64, u64)> = BOUNDS
            .iter()
            .map(|bound| seconds(*bound))
            .chain([f64::INFINITY])
            .enumerate()
            .map(|(n, bound)| (bound, self.0.sum(n)))
            .collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(seconds(self.0.sum(SUM)), count, &buckets, None)
    }

    /// The same as one of a family.
    pub(super) fn encode_labelled<S: EncodeLabelSet>(
        &self,
        encoder: &mut MetricEncoder<'_>,
        labels: &S,
    ) -> Result<(), fmt::Error> {
        self.encode(encoder.encode_family(labels)?)
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of many years fit")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
