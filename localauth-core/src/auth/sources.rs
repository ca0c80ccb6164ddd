//! Usage by where it came from: keys, sessions, shared keys.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::reports::BucketNames;
use super::{Auth, UsageFilter};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{KeyId, UserId};
use crate::usage::{Bucket, Period, UsageSource, UsageSourceRow, UsageTotals};

/// The most keys that are told apart in [`UsageSources::by_key`].
const MAX_KEYS: usize = 200;

/// A bucket of time, a kind of credential, a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceBucket {
    /// The bucket's name, as in the wire contract.
    pub bucket: Arc<str>,
    /// The kind of credential.
    pub source: UsageSource,
    /// The key and its name.
    pub key: Option<(KeyId, Arc<str>)>,
    /// Whose usage it is; `None` when that user was deleted.
    pub user_id: Option<UserId>,
    /// Their name.
    pub user_name: Arc<str>,
    /// The sums.
    pub totals: UsageTotals,
}

/// Everything that came with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// The key.
    pub key_id: KeyId,
    /// Its name.
    pub key_name: Arc<str>,
    /// Whose it is; `None` when that user was deleted.
    pub user_id: Option<UserId>,
    /// Their name.
    pub user_name: Arc<str>,
    /// The sums.
    pub totals: UsageTotals,
    /// When it was last used in the period.
    pub last_used: Timestamp,
}

/// Everything of one user that came with one kind of credential.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserSourceUsage {
    /// Whose it is; `None` when that user was deleted.
    pub user_id: Option<UserId>,
    /// Their name.
    pub user_name: Arc<str>,
    /// The kind of credential.
    pub source: UsageSource,
    /// The sums.
    pub totals: UsageTotals,
}

/// A report by source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageSources {
    /// By time, source and key, oldest first.
    pub buckets: Vec<SourceBucket>,
    /// By source.
    pub by_source: BTreeMap<UsageSource, UsageTotals>,
    /// By key, those with the most tokens first; at most 200.
    pub by_key: Vec<KeyUsage>,
    /// By user and source.
    pub by_user_source: Vec<UserSourceUsage>,
    /// Everything together.
    pub grand_total: UsageTotals,
    /// Whether there were more keys.
    pub truncated: bool,
}

impl Auth {
    /// What was used in `period`, by source. Includes everything answered before the call. With `shared`, the shared
    /// keys too.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn usage_sources(
        &self,
        period: Period,
        filter: UsageFilter,
        shared: bool,
    ) -> Result<UsageSources, StoreError> {
        self.flush().await?;
        let bucket = period.bucket();
        let mut found = self
            .0
            .stores
            .usage_reader
            .usage_by_source(self.usage_query(period, filter))
            .await?;
        found.retain(|row| shared || row.source != UsageSource::Legacy);
        let here = self.those_here(found.iter().map(|row| row.user_id)).await?;
        Ok(add_up(found, bucket, &here))
    }
}

/// The report that the rows make, which come oldest first, then by user, source and key.
fn add_up(found: Vec<UsageSourceRow>, bucket: Bucket, here: &BTreeSet<UserId>) -> UsageSources {
    let mut report = UsageSources {
        buckets: Vec::with_capacity(found.len()),
        ..UsageSources::default()
    };
    let mut names = BucketNames::new(bucket);
    // Only months are made of several rows, not next to each other.
    let mut months: BTreeMap<(Arc<str>, UserId, UsageSource, Option<KeyId>), usize> = BTreeMap::new();
    let mut keys: HashMap<KeyId, KeyUsage> = HashMap::new();
    let mut users: HashMap<(UserId, UsageSource), UserSourceUsage> = HashMap::new();
    for row in found {
        let user_id = Some(row.user_id).filter(|id| here.contains(id));
        report.grand_total += row.totals;
        *report.by_source.entry(row.source).or_default() += row.totals;
        users
            .entry((row.user_id, row.source))
            .or_insert_with(|| UserSourceUsage {
                user_id,
                user_name: Arc::clone(&row.user_name),
                source: row.source,
                totals: UsageTotals::default(),
            })
            .totals += row.totals;
        if let Some((key_id, key_name)) = &row.key {
            let by_key = keys.entry(*key_id).or_insert_with(|| KeyUsage {
                key_id: *key_id,
                key_name: Arc::clone(key_name),
                user_id,
                user_name: Arc::clone(&row.user_name),
                totals: UsageTotals::default(),
                last_used: row.last_at,
            });
            by_key.totals += row.totals;
            by_key.last_used = row.last_at.max(by_key.last_used);
        }
        let name = names.name(row.at);
        if bucket == Bucket::Month {
            let key_id = row.key.as_ref().map(|(id, _)| *id);
            let index = *months
                .entry((Arc::clone(&name), row.user_id, row.source, key_id))
                .or_insert(report.buckets.len());
            if let Some(known) = report.buckets.get_mut(index) {
                known.totals += row.totals;
                continue;
            }
        }
        report.buckets.push(SourceBucket {
            bucket: name,
            source: row.source,
            key: row.key,
            user_id,
            user_name: row.user_name,
            totals: row.totals,
        });
    }
    if bucket == Bucket::Month {
        let mut unordered: Vec<_> = report.buckets.into_iter().map(Some).collect();
        report.buckets = months.into_values().filter_map(|n| unordered[n].take()).collect();
    }
    let mut users: Vec<_> = users.into_iter().collect();
    users.sort_unstable_by_key(|(place, _)| *place);
    report.by_user_source = users.into_iter().map(|(_, usage)| usage).collect();
    report.by_key = keys.into_values().collect();
    report
        .by_key
        .sort_unstable_by_key(|key| (Reverse((key.totals.total_tokens(), key.totals.requests)), key.key_id));
    report.truncated = report.by_key.len() > MAX_KEYS;
    report.by_key.truncate(MAX_KEYS);
    report
}
