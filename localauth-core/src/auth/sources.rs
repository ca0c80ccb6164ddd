//! Usage by where it came from: keys, sessions, shared keys.

use std::collections::BTreeMap;

use super::{Auth, UsageFilter};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{KeyId, UserId};
use crate::usage::{Period, UsageSource, UsageSourceRow, UsageTotals};

/// The most keys that are told apart in [`UsageSources::by_key`].
const MAX_KEYS: usize = 200;

/// A bucket of time, a kind of credential, a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceBucket {
    /// The bucket's name, as in the wire contract.
    pub bucket: String,
    /// The kind of credential.
    pub source: UsageSource,
    /// The key and its name.
    pub key: Option<(KeyId, String)>,
    /// Whose usage it is; `None` when that user was deleted.
    pub user_id: Option<UserId>,
    /// Their name.
    pub user_name: String,
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
    pub key_name: String,
    /// Whose it is; `None` when that user was deleted.
    pub user_id: Option<UserId>,
    /// Their name.
    pub user_name: String,
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
    pub user_name: String,
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
        let shown = |id: UserId| Some(id).filter(|id| here.contains(id));
        let mut report = UsageSources::default();
        let mut buckets: BTreeMap<_, SourceBucket> = BTreeMap::new();
        let mut keys: BTreeMap<KeyId, KeyUsage> = BTreeMap::new();
        let mut users: BTreeMap<(UserId, UsageSource), UserSourceUsage> = BTreeMap::new();
        for row in found {
            let UsageSourceRow {
                at,
                user_id,
                user_name,
                source,
                key,
                totals,
                last_at,
            } = row;
            let user = shown(user_id);
            report.grand_total += totals;
            *report.by_source.entry(source).or_default() += totals;
            let name = bucket.name(at);
            let key_id = key.as_ref().map(|(id, _)| *id);
            buckets
                .entry((name.clone(), user_id, source, key_id))
                .or_insert_with(|| SourceBucket {
                    bucket: name,
                    source,
                    key: key.clone(),
                    user_id: user,
                    user_name: user_name.clone(),
                    totals: UsageTotals::default(),
                })
                .totals += totals;
            let by_user = users.entry((user_id, source)).or_insert_with(|| UserSourceUsage {
                user_id: user,
                user_name: user_name.clone(),
                source,
                totals: UsageTotals::default(),
            });
            by_user.totals += totals;
            if let Some((key_id, key_name)) = key {
                let by_key = keys.entry(key_id).or_insert_with(|| KeyUsage {
                    key_id,
                    key_name,
                    user_id: user,
                    user_name,
                    totals: UsageTotals::default(),
                    last_used: last_at,
                });
                by_key.totals += totals;
                by_key.last_used = last_at.max(by_key.last_used);
            }
        }
        report.buckets = buckets.into_values().collect();
        report.by_user_source = users.into_values().collect();
        report.by_key = keys.into_values().collect();
        report
            .by_key
            .sort_by_key(|key| std::cmp::Reverse((key.totals.total_tokens(), key.totals.requests)));
        report.truncated = report.by_key.len() > MAX_KEYS;
        report.by_key.truncate(MAX_KEYS);
        Ok(report)
    }
}
