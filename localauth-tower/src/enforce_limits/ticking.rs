//! Holding the time of an answer that is awaited, where time costs.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use localauth_core::{Allowance, Decision};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep};

/// How often what is held is brought up to date. Less than what is held ahead.
const TICK: Duration = Duration::from_millis(500);

/// Holds more time as it goes by, so that others are refused as soon as the budget is used up.
///
/// An answer in one piece is not ended by it: what it has cost cannot be undone, and there would be nothing to show for it.
pub(super) struct Ticking {
    allowance: Allowance,
    timer: Pin<Box<Sleep>>,
    asking: Option<Pin<Box<dyn Future<Output = bool> + Send>>>,
}

impl Ticking {
    /// `None` where time costs nothing, or there is no timer.
    pub(super) fn new(allowance: &Allowance) -> Option<Self> {
        let can = allowance.limits_time() && Handle::try_current().is_ok();
        can.then(|| Self {
            allowance: allowance.clone(),
            timer: Box::pin(sleep(TICK)),
            asking: None,
        })
    }

    /// To be called whenever the answer still is not there.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        loop {
            if let Some(asking) = &mut self.asking {
                if asking.as_mut().poll(cx).is_pending() {
                    return;
                }
                self.asking = None;
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return;
            }
            self.timer.as_mut().reset(Instant::now() + TICK);
            if let Decision::Pending(asking) = self.allowance.extend_time() {
                self.asking = Some(asking);
            }
        }
    }
}
