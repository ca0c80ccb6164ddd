//! What is held for a request, as [`MeterUsage`](crate::MeterUsage) uses it up.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use localauth_core::{Allowance, Decision, RequestId};

use crate::meter_usage::{Budget, Grant, Settled};

/// The least and the most that a stream asks for at a time.
const LEAST_STEP: u64 = 4;
const MOST_STEP: u64 = 256;

/// The allowance of one request.
pub(super) struct LimitBudget {
    allowance: Allowance,
    /// Whether tokens are counted out as they are written.
    is_metered_out: bool,
    granted: u64,
    asked: Option<Pin<Box<dyn Future<Output = u64> + Send>>>,
    asked_for_time: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
}

impl LimitBudget {
    pub(super) fn new(allowance: Allowance, is_metered_out: bool) -> Self {
        Self {
            granted: allowance.granted_completion(),
            allowance,
            is_metered_out,
            asked: None,
            asked_for_time: None,
        }
    }
}

impl Budget for LimitBudget {
    fn poll_grant(&mut self, cx: &mut Context<'_>, written: u64) -> Poll<Grant> {
        while self.is_metered_out && written > self.granted {
            let before = self.granted;
            self.granted = if let Some(asked) = &mut self.asked {
                let granted = ready!(asked.as_mut().poll(cx));
                self.asked = None;
                granted
            } else {
                // The longer the stream, the larger the steps: few questions, and little held in vain.
                let step = (self.granted / 4).clamp(LEAST_STEP, MOST_STEP);
                match self.allowance.extend(step.max(written - self.granted)) {
                    Decision::Ready(granted) => granted,
                    Decision::Pending(asked) => {
                        self.asked = Some(asked);
                        continue;
                    }
                }
            };
            if self.granted == before {
                return Poll::Ready(Grant::Cut);
            }
        }
        Poll::Ready(Grant::Pass)
    }

    fn request_id(&self) -> Option<RequestId> {
        Some(self.allowance.request_id())
    }

    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<Grant> {
        if !self.allowance.limits_time() {
            return Poll::Ready(Grant::Pass);
        }
        if self.asked_for_time.is_none() {
            match self.allowance.extend_time() {
                Decision::Ready(true) => return Poll::Ready(Grant::Pass),
                Decision::Ready(false) => return Poll::Ready(Grant::Cut),
                Decision::Pending(asked) => self.asked_for_time = Some(asked),
            }
        }
        let Some(asked) = &mut self.asked_for_time else {
            return Poll::Ready(Grant::Pass);
        };
        let may_go_on = ready!(asked.as_mut().poll(cx));
        self.asked_for_time = None;
        Poll::Ready(if may_go_on { Grant::Pass } else { Grant::Cut })
    }

    fn commit(&mut self) {
        self.allowance.commit();
    }

    fn price(&mut self, settled: &Settled) -> Option<u64> {
        let Settled {
            prompt_tokens,
            cached_tokens,
            completion_tokens,
            ..
        } = *settled;
        Some(self.allowance.settle(prompt_tokens, cached_tokens, completion_tokens))
    }

    fn settle(&mut self, settled: &Settled) {
        self.price(settled);
    }
}
