//! Writing and reading the audit log.

use std::sync::atomic::Ordering;

use tokio::time::timeout;

use super::Auth;
use crate::audit::{AuditAction, AuditEvent, AuditOutcome, AuditQuery, Caller};
use crate::error::StoreError;
use crate::id::AuditId;

/// The longest target and detail, in characters.
const MAX_TEXT: usize = 512;

impl Auth {
    /// The lines of the audit log that `query` asks for, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn audit_events(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        self.0.stores.audit.audit(query).await
    }

    /// Notes a failed sign-in that the use cases do not see, such as one that a provider refused.
    pub async fn audit_failed_sign_in(&self, caller: &Caller, target: &str, detail: &str) {
        self.audit_failed(caller, AuditAction::SignIn, target, detail).await;
    }

    pub(super) async fn audit_done(&self, caller: &Caller, action: AuditAction, target: &str, detail: &str) {
        self.audit(caller, action, target, AuditOutcome::Success, detail).await;
    }

    pub(super) async fn audit_failed(&self, caller: &Caller, action: AuditAction, target: &str, detail: &str) {
        self.audit(caller, action, target, AuditOutcome::Failure, detail).await;
    }

    /// What was done stays done when it cannot be written down; it is then in the log of the process only.
    async fn audit(&self, caller: &Caller, action: AuditAction, target: &str, outcome: AuditOutcome, detail: &str) {
        let inner = &self.0;
        inner.counters.audited(action, outcome);
        let at = self.now();
        let identity = caller.identity();
        let actor = caller.actor();
        let impersonator = identity.and_then(|identity| identity.impersonator().cloned());
        let bounded = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect() };
        let (target, detail) = (bounded(target), bounded(detail));
        tracing::info!(
            target: "localauth::audit",
            action = action.as_str(),
            outcome = outcome.as_str(),
            actor = actor.as_ref().map(|a| tracing::field::display(a.id)),
            impersonator = impersonator.as_ref().map(|a| tracing::field::display(a.id)),
            object = target,
            address = caller.address_text(),
            detail,
        );
        let count = inner.request_ids.fetch_add(1, Ordering::Relaxed);
        let id = AuditId::from_parts(at, inner.process, count);
        let event = AuditEvent {
            id,
            at,
            actor,
            impersonator,
            action,
            target,
            address: caller.address_text(),
            user_agent: caller.user_agent(),
            outcome,
            detail,
        };
        match timeout(inner.store_timeout, inner.stores.audit.append_audit(&[event])).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "a line of the audit log could not be written"),
            Err(_) => tracing::error!("a line of the audit log could not be written in time"),
        }
    }
}
