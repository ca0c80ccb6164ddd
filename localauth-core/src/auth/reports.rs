//! Usage reports.

use std::collections::{BTreeMap, BTreeSet};

use super::Auth;
use crate::error::StoreError;
use crate::id::{KeyId, UserId};
use crate::usage::{Period, UsageQuery, UsageTotals};

/// Whose usage is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// One user's, or everybody's.
    pub user_id: Option<UserId>,
    /// One key's.
    pub key_id: Option<KeyId>,
}

impl UsageFilter {
    /// One user's.
    pub const fn of_user(user_id: UserId) -> Self {
        Self {
            user_id: Some(user_id),
            key_id: None,
        }
    }
}

/// One row of a report: a bucket of time, a model, a user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageReportRow {
    /// The bucket's name, as in the wire contract.
    pub bucket: String,
    /// The model.
    pub model: String,
    /// Whose usage it is; `None` when that user was deleted.
    pub user_id: Option<UserId>,
    /// Their name.
    pub user_name: String,
    /// The sums.
    pub totals: UsageTotals,
}

/// A report over one period.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageReport {
    /// The rows, oldest first.
    pub rows: Vec<UsageReportRow>,
    /// Everything together.
    pub totals: UsageTotals,
}

impl Auth {
    /// What was used in `period`. Includes everything answered before the call.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn usage_report(&self, period: Period, filter: UsageFilter) -> Result<UsageReport, StoreError> {
        self.flush().await?;
        let bucket = period.bucket();
        let found = self
            .0
            .stores
            .usage_reader
            .usage(self.usage_query(period, filter))
            .await?;
        let here = self.those_here(found.iter().map(|row| row.user_id)).await?;
        let mut totals = UsageTotals::default();
        let mut rows: BTreeMap<(String, UserId, String), UsageReportRow> = BTreeMap::new();
        for row in found {
            totals += row.totals;
            let name = bucket.name(row.at);
            let entry = rows
                .entry((name.clone(), row.user_id, row.model.clone()))
                .or_insert_with(|| UsageReportRow {
                    bucket: name,
                    model: row.model,
                    user_id: Some(row.user_id).filter(|id| here.contains(id)),
                    user_name: String::new(),
                    totals: UsageTotals::default(),
                });
            // Rows come oldest first: the latest name stays.
            entry.user_name = row.user_name;
            entry.totals += row.totals;
        }
        Ok(UsageReport {
            rows: rows.into_values().collect(),
            totals,
        })
    }

    pub(super) fn usage_query(&self, period: Period, filter: UsageFilter) -> UsageQuery {
        UsageQuery {
            since: period.start(self.now()),
            user_id: filter.user_id,
            key_id: filter.key_id,
            grain: period.bucket().grain(),
        }
    }

    /// Those of the users that were not deleted.
    pub(super) async fn those_here(&self, ids: impl Iterator<Item = UserId>) -> Result<BTreeSet<UserId>, StoreError> {
        let names = self.names_of(&ids.collect()).await?;
        Ok(names.into_keys().collect())
    }
}
