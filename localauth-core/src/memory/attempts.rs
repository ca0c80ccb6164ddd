//! [`AttemptStore`] in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::attempt::{Attempt, AttemptLimit};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::store::AttemptStore;

#[async_trait]
impl AttemptStore for MemoryStore {
    async fn attempt(&self, bucket: &str, limit: AttemptLimit, now: Timestamp) -> Result<Attempt, StoreError> {
        let mut tables = self.open()?;
        let earlier = tables.attempts.entry(bucket.to_owned()).or_default();
        Ok(limit.decide(earlier, now))
    }

    async fn sweep_attempts(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tables = self.open()?;
        let all = tables.attempts.len();
        tables
            .attempts
            .retain(|_, times| times.last().is_some_and(|last| *last >= before));
        Ok((all - tables.attempts.len()) as u64)
    }
}
