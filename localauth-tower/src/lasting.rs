//! What is held for a request whose connection becomes another one.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// How often it is asked whether there is budget left, where time costs.
const TICK: Duration = Duration::from_secs(1);

/// Keeps what the layers hold for a request for longer than its answer, which for a connection that becomes a `WebSocket`
/// is over at once.
///
/// Whoever goes on with the connection puts one into the extensions of the answer with status 101 and keeps a copy. Until
/// the last copy is dropped the request goes on: it has its place among those at once
/// ([`EnforceLimits`](crate::EnforceLimits)), and [`MeterUsage`](crate::MeterUsage) records it, once, at the end.
///
/// ```
/// use http::{Response, StatusCode};
/// use localauth_tower::Lasting;
///
/// let lasting = Lasting::new();
/// let mut answer = Response::new(());
/// *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
/// answer.extensions_mut().insert(lasting.clone());
/// // The task that has the connection drops `lasting` when it is over.
/// # drop(lasting);
/// ```
#[derive(Clone, Default)]
pub struct Lasting(Arc<Mutex<Vec<Box<dyn Held>>>>);

impl fmt::Debug for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lasting").finish_non_exhaustive()
    }
}

/// What is held. It is let go of, and settled, when it is dropped.
pub(crate) trait Held: Send {
    /// Whether it may go on for as long as it has. Pending is a yes for now.
    fn poll_time(&mut self, _cx: &mut Context<'_>) -> Poll<bool> {
        Poll::Ready(true)
    }
}

impl Lasting {
    /// Nothing is held yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends when a budget is used up for which time counts; without one, never. Needs a tokio runtime.
    pub async fn used_up(&self) {
        loop {
            tokio::time::sleep(TICK).await;
            let may_go_on = poll_fn(|cx| {
                let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let is_over = held.iter_mut().any(|held| held.poll_time(cx) == Poll::Ready(false));
                Poll::Ready(!is_over)
            });
            if !may_go_on.await {
                return;
            }
        }
    }

    /// Lets go of this at the end, after what was kept before.
    pub(crate) fn keep(&self, held: impl Held + 'static) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Box::new(held));
    }
}
