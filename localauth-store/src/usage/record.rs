//! [`UsageSink`].

use async_trait::async_trait;
use localauth_core::{StoreError, Timestamp, UsageEvent, UsageSink};

use super::batch;
use super::row::Event;
use crate::error::Failure;
use crate::sql_store::SqlStore;

/// How often to look for numbers that were forgotten meanwhile.
const TRIES: usize = 3;

#[async_trait]
impl UsageSink for SqlStore {
    async fn record_usage(&self, events: &[UsageEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let rows = self.ask(self.rows(events)).await?;
        let database = self.usage();
        self.carry_through(async move { database.write(&rows).await }).await
    }

    async fn sweep_usage(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.sweep(before).await
    }
}

impl SqlStore {
    /// The events with numbers for texts and ids.
    async fn rows(&self, events: &[UsageEvent]) -> Result<Vec<Event>, Failure> {
        for _ in 0..TRIES {
            if let Some(rows) = batch::distinct(events, &self.usage_memory().numbers.finder()) {
                return Ok(rows);
            }
            self.number(events).await?;
        }
        Err(Failure::Broken("a text or id of usage has no number"))
    }
}
