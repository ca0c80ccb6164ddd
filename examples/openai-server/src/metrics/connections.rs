//! Connections.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};

use crate::connections::{Counts, Ended};

/// Asks for the counts of connections.
#[derive(Debug)]
pub(super) struct Connections(pub(super) Arc<Counts>);

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        encoder
            .encode_descriptor(
                "localauth_connections_open",
                "Connections that are open",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&self.0.open())?;
        encoder
            .encode_descriptor(
                "localauth_connections",
                "Connections there have been",
                None,
                MetricType::Counter,
            )?
            .encode_counter::<NoLabelSet, _, u64>(&self.0.accepted(), None)?;
        let mut ended = encoder.encode_descriptor(
            "localauth_connections_ended",
            "Connections that the server ended, by reason",
            None,
            MetricType::Counter,
        )?;
        for why in Ended::ALL {
            ended
                .encode_family(&[("reason", why.as_str())])?
                .encode_counter::<NoLabelSet, _, u64>(&self.0.ended(why), None)?;
        }
        Ok(())
    }
}
