//! What a limit has to say while an answer is written.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use localauth_core::RequestId;

use super::reading::Measured;

/// What was reserved for a request, and may be used up while it is answered.
///
/// One of these belongs to one request, and is called in this order: [`poll_grant`](Self::poll_grant) and
/// [`commit`](Self::commit) any number of times and in any order, [`settle`](Self::settle) once and last. Dropped without
/// having been settled, there was no answer that counts (an error, another status than 2xx), and everything reserved goes
/// back.
pub(crate) trait Budget: Send + 'static {
    /// Whether the client may be sent text up to `written` tokens, counted from the answer's beginning.
    ///
    /// Asked before each event of a stream that carries text, and asked again for the same number when it was pending. Not
    /// asked after [`Grant::Cut`], for answers in one piece, and for an event of more than 64 KB, which is in the next
    /// number. The number may fall: it is estimated until the model server tells.
    fn poll_grant(&mut self, cx: &mut Context<'_>, written: u64) -> Poll<Grant>;

    /// The name that the request is known by to the budget, for it to be recorded under.
    fn request_id(&self) -> Option<RequestId> {
        None
    }

    /// Whether a stream may go on for as long as it has. Asked whenever it is polled, and once a second at least; pending
    /// is a yes for now.
    fn poll_time(&mut self, _cx: &mut Context<'_>) -> Poll<Grant> {
        Poll::Ready(Grant::Pass)
    }

    /// The answer counts from here on: its first byte is about to go out.
    fn commit(&mut self);

    /// What a request that came to this costs in millionths, where the budget knows. Called once, before the request is
    /// recorded and settled.
    fn price(&mut self, _measured: &Measured) -> Option<u64> {
        None
    }

    /// The request is over, and came to this. Called after it was recorded and before the last byte goes out, from a
    /// destructor when the client left: it must neither wait nor panic.
    fn settle(&mut self, measured: &Measured);
}

/// Whether an event may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    /// It may.
    Pass,
    /// It may not, and nothing after it: the answer ends here.
    Cut,
}

/// A budget on its way to the layer, in the extensions of a request. Whoever takes it has it.
#[derive(Clone)]
pub(crate) struct BudgetSlot(Arc<Mutex<Option<Box<dyn Budget>>>>);

impl fmt::Debug for BudgetSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BudgetSlot")
    }
}

impl BudgetSlot {
    pub(crate) fn new(budget: impl Budget) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(budget)))))
    }

    /// Takes it out.
    pub(super) fn take(&self) -> Option<Account> {
        let budget = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Account {
            budget: Mutex::new(budget),
            committed: false,
        })
    }
}

/// How many tokens the prompt of a request has, counted beforehand: in the extensions of the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PromptTokens(pub(crate) u64);

/// A request's budget, where it is used.
pub(super) struct Account {
    // Nobody waits for this lock: it makes the body `Sync` where the budget is not.
    budget: Mutex<Box<dyn Budget>>,
    committed: bool,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account")
    }
}

impl Account {
    fn get(&mut self) -> &mut dyn Budget {
        self.budget.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut()
    }

    pub(super) fn poll_grant(&mut self, cx: &mut Context<'_>, written: u64) -> Poll<Grant> {
        self.get().poll_grant(cx, written)
    }

    pub(super) fn request_id(&mut self) -> Option<RequestId> {
        self.get().request_id()
    }

    pub(super) fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<Grant> {
        self.get().poll_time(cx)
    }

    /// Only the first time counts.
    pub(super) fn commit(&mut self) {
        if !std::mem::replace(&mut self.committed, true) {
            self.get().commit();
        }
    }

    pub(super) fn price(&mut self, measured: &Measured) -> Option<u64> {
        self.get().price(measured)
    }

    pub(super) fn settle(mut self, measured: &Measured) {
        self.get().settle(measured);
    }
}
