//! How accounts, limits and usage get along.

use std::{fmt, sync::Arc};

use localauth_core::{AuditAction, AuditOutcome, Auth};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::Requests;

/// Asks an [`Auth`].
pub(super) struct House {
    auth: Auth,
    requests: Arc<Requests>,
}

impl fmt::Debug for House {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("House")
    }
}

impl House {
    pub(super) const fn new(auth: Auth, requests: Arc<Requests>) -> Self {
        Self { auth, requests }
    }
}

impl Collector for House {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let vitals = self.auth.vitals();
        let hits = self.requests.authenticated().saturating_sub(vitals.lookups_found);
        for (name, help, value) in [
            (
                "localauth_credential_cache_hits",
                "Requests whose credential was good and remembered",
                hits,
            ),
            (
                "localauth_credential_cache_misses",
                "Credentials that the store was asked about",
                vitals.lookups,
            ),
            (
                "localauth_limit_reservations",
                "Requests that limits bind and let through",
                vitals.reserved,
            ),
            (
                "localauth_limit_refusals",
                "Requests that a limit refused",
                vitals.limited,
            ),
            (
                "localauth_limit_unknown",
                "Requests whose limits could not be told",
                vitals.limits_unknown,
            ),
            (
                "localauth_attempts_limited",
                "Attempts to sign in and the like that came too soon after others",
                vitals.attempts_limited,
            ),
            (
                "localauth_changes_followed_epoch",
                "The newest change of accounts that this node follows",
                vitals.epoch,
            ),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        self.encode_audit(&mut encoder)?;
        self.encode_usage(&mut encoder)?;
        if let Some(followed) = vitals.followed {
            encoder
                .encode_descriptor(
                    "localauth_changes_lag_seconds",
                    "How long ago the store was last seen to have no newer change: the longest time for which one of another \
                     node may be unknown here",
                    None,
                    MetricType::Gauge,
                )?
                .encode_gauge(&followed.as_secs_f64())?;
        }
        encoder
            .encode_descriptor(
                "localauth_store_failing",
                "1 while the store does not answer",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&i64::from(vitals.store_failing))
    }
}

impl House {
    fn encode_audit(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut audited = encoder.encode_descriptor(
            "localauth_audit_events",
            "Lines of the audit log that this node wrote; session.sign_in: attempts to sign in",
            None,
            MetricType::Counter,
        )?;
        for action in AuditAction::ALL {
            for outcome in [AuditOutcome::Success, AuditOutcome::Failure] {
                audited
                    .encode_family(&[("action", action.as_str()), ("outcome", outcome.as_str())])?
                    .encode_counter::<NoLabelSet, _, u64>(&self.auth.audited(*action, outcome), None)?;
            }
        }
        Ok(())
    }

    fn encode_usage(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let queue = self.auth.usage_queue();
        for (name, help, value) in [
            (
                "localauth_usage_queue_events",
                "Usage that is not in the store yet",
                queue.waiting,
            ),
            (
                "localauth_usage_spool_bytes",
                "The bytes that such usage takes",
                queue.bytes,
            ),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))?;
        }
        for (name, help, value) in [
            (
                "localauth_usage_unrecorded",
                "Usage that was lost. Must read 0",
                queue.unrecorded,
            ),
            (
                "localauth_usage_spool_broken",
                "Records of the spool that were found broken. Must read 0",
                queue.broken,
            ),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }
}
