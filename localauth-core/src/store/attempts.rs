//! Attempts that are limited, for all nodes together.

use async_trait::async_trait;

use crate::attempt::{Attempt, AttemptLimit};
use crate::clock::Timestamp;
use crate::error::StoreError;

/// Attempts that are limited.
#[async_trait]
pub trait AttemptStore: Send + Sync {
    /// Counts an attempt in `bucket`, or says when the next one is possible, by [`AttemptLimit::decide`]. Of many at
    /// once, no more than the limit are allowed.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn attempt(&self, bucket: &str, limit: AttemptLimit, now: Timestamp) -> Result<Attempt, StoreError>;

    /// Forgets buckets in which nothing happened since `before`. Returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn sweep_attempts(&self, before: Timestamp) -> Result<u64, StoreError>;
}
