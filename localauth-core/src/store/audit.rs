//! The audit log.

use async_trait::async_trait;

use crate::audit::{AuditEvent, AuditQuery};
use crate::clock::Timestamp;
use crate::error::StoreError;

/// The audit log: append only.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Appends lines.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn append_audit(&self, events: &[AuditEvent]) -> Result<(), StoreError>;

    /// The lines that `query` asks for, newest first (by [`AuditEvent::id`]).
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError>;

    /// Deletes the lines from before `before`. Returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn sweep_audit(&self, before: Timestamp) -> Result<u64, StoreError>;
}
