//! Usage.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::usage::{UsageEvent, UsageQuery, UsageRow, UsageSourceRow};

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
}
