//! [`AuditLog`] in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::audit::{AuditActor, AuditEvent, AuditQuery};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::store::AuditLog;

#[async_trait]
impl AuditLog for MemoryStore {
    async fn append_audit(&self, events: &[AuditEvent]) -> Result<(), StoreError> {
        let mut tables = self.open()?;
        for event in events {
            tables.audit.entry(event.id).or_insert_with(|| event.clone());
        }
        Ok(())
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        let is = |actor: &Option<AuditActor>| actor.as_ref().map(|a| a.id) == query.actor;
        let wanted = |event: &&AuditEvent| {
            query.since.is_none_or(|since| event.at >= since)
                && (query.actor.is_none() || is(&event.actor) || is(&event.impersonator))
                && query.action.is_none_or(|action| action == event.action)
                && query.before.is_none_or(|before| event.id < before)
        };
        let tables = self.open()?;
        let found = tables.audit.values().rev().filter(wanted);
        Ok(found.take(query.limit.unwrap_or(usize::MAX)).cloned().collect())
    }

    async fn sweep_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tables = self.open()?;
        let all = tables.audit.len();
        tables.audit.retain(|_, event| event.at >= before);
        Ok((all - tables.audit.len()) as u64)
    }
}
