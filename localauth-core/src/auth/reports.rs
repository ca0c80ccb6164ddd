//! Usage reports.

use std::collections::BTreeMap;

use super::Auth;
use crate::error::StoreError;
use crate::id::UserId;
use crate::usage::{Period, UsageQuery, UsageTotals};

/// One row of a report: a bucket of time, a model, a user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageReportRow {
    /// The bucket's name, as in the wire contract.
    pub bucket: String,
    /// The model.
    pub model: String,
    /// Whose usage it is.
    pub user_id: UserId,
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
    /// What was used in `period`, by one user or by all. Includes everything answered before the call.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn usage_report(&self, period: Period, user_id: Option<UserId>) -> Result<UsageReport, StoreError> {
        self.flush().await?;
        let bucket = period.bucket();
        let query = UsageQuery {
            since: period.start(self.now()),
            user_id,
            grain: bucket.grain(),
        };
        let found = self.0.stores.usage_reader.usage(query).await?;
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
                    user_id: row.user_id,
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
}
