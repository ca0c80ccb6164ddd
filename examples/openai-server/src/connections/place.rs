//! The place that a connection takes among all there may be.

use std::{any::Any, fmt, sync::Arc};

use tokio::sync::watch;

/// In the extensions of a request: whoever goes on with its connection after the answer, as a socket does, keeps this, and
/// so the connection counts until then, and is waited for when the server stops.
#[derive(Clone)]
pub struct Place {
    _held: Arc<dyn Any + Send + Sync>,
    stopped: watch::Receiver<bool>,
}

impl Place {
    /// Keeps what is let go of when the connection is over.
    pub(super) fn new(held: impl Any + Send + Sync, stopped: watch::Receiver<bool>) -> Self {
        Self {
            _held: Arc::new(held),
            stopped,
        }
    }

    /// Ends when the server stops: what goes on then has until the end of the grace.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopped = self.stopped.clone();
        async move {
            // A sender that is gone will never say so.
            if stopped.wait_for(|stopped| *stopped).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}
