//! Usage.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::usage::{UsageEvent, UsageHistory, UsageQuery, UsageRow, UsageSourceRow, UsageTotals};

/// Where usage is written.
#[async_trait]
pub trait UsageSink: Send + Sync {
    /// Writes a batch together with its roll-ups, all or nothing. An event whose request id is known counts no second
    /// time, within the batch as well.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer; nothing of the batch is then written, and it may be tried again.
    async fn record_usage(&self, events: &[UsageEvent]) -> Result<(), StoreError>;

    /// Forgets the single requests whose id begins with a time before `before`, and returns how many. What they used
    /// stays in the roll-ups. One that is written again counts again, so `before` is long ago.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer; some may be forgotten then.
    async fn sweep_usage(&self, before: Timestamp) -> Result<u64, StoreError>;
}

/// Where usage is read.
#[async_trait]
pub trait UsageReader: Send + Sync {
    /// The roll-ups that `query` asks for, oldest first, then by user and model.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageRow>, StoreError>;

    /// The same told apart by source and key and not by model: oldest first, then by user, source and key.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn usage_by_source(&self, query: UsageQuery) -> Result<Vec<UsageSourceRow>, StoreError>;

    /// What was used since a point in time, in any order: sums under the time of the latest request in each.
    ///
    /// What is younger than an hour is told apart by the second or finer; what is older by the hour or finer.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn usage_since(&self, history: &UsageHistory) -> Result<Vec<(Timestamp, UsageTotals)>, StoreError>;
}
