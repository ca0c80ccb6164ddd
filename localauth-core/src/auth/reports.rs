//! Usage reports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Auth;
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{KeyId, UserId};
use crate::usage::{Bucket, Period, UsageQuery, UsageTotals};

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
///
/// A month of everybody is some ten thousand rows of the same few buckets and users, whose names the rows share.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageReportRow {
    /// The bucket's name, as in the wire contract.
    pub bucket: Arc<str>,
    /// The model.
    pub model: Arc<str>,
    /// Whose usage it is; `None` when that user was deleted.
    pub user_id: Option<UserId>,
    /// The same, also when they were deleted: tells apart those of one name, and leads nowhere.
    pub owner_id: UserId,
    /// Their name.
    pub user_name: Arc<str>,
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

/// The names of buckets, each made once: rows come by time.
pub(super) struct BucketNames {
    bucket: Bucket,
    last: Option<(Timestamp, Arc<str>)>,
}

impl BucketNames {
    pub(super) const fn new(bucket: Bucket) -> Self {
        Self { bucket, last: None }
    }

    pub(super) fn name(&mut self, at: Timestamp) -> Arc<str> {
        if let Some((last, name)) = &self.last
            && *last == at
        {
            return Arc::clone(name);
        }
        let name: Arc<str> = self.bucket.name(at).into();
        self.last = Some((at, Arc::clone(&name)));
        name
    }
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
        let mut names = BucketNames::new(bucket);
        // Rows come oldest first, then by user and model: only months are made of several of them, not next to each
        // other.
        let mut rows: Vec<UsageReportRow> = Vec::with_capacity(found.len());
        let mut months: BTreeMap<(Arc<str>, UserId, Arc<str>), usize> = BTreeMap::new();
        let mut user: Option<(UserId, Option<UserId>)> = None;
        for row in found {
            totals += row.totals;
            let name = names.name(row.at);
            if bucket == Bucket::Month {
                let place = (Arc::clone(&name), row.user_id, Arc::clone(&row.model));
                let index = *months.entry(place).or_insert(rows.len());
                if let Some(known) = rows.get_mut(index) {
                    // The latest name stays.
                    known.user_name = row.user_name;
                    known.totals += row.totals;
                    continue;
                }
            }
            let user_id = match user {
                Some((id, shown)) if id == row.user_id => shown,
                _ => Some(row.user_id).filter(|id| here.contains(id)),
            };
            user = Some((row.user_id, user_id));
            rows.push(UsageReportRow {
                bucket: name,
                model: row.model,
                user_id,
                owner_id: row.user_id,
                user_name: row.user_name,
                totals: row.totals,
            });
        }
        if bucket == Bucket::Month {
            let mut unordered: Vec<_> = rows.into_iter().map(Some).collect();
            rows = months.into_values().filter_map(|n| unordered[n].take()).collect();
        }
        Ok(UsageReport { rows, totals })
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
        // Many rows of one user follow each other.
        let mut ids: Vec<UserId> = ids.collect();
        ids.dedup();
        let names = self.names_of(&ids.into_iter().collect()).await?;
        Ok(names.into_keys().collect())
    }
}
