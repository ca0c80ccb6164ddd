//! The place that a connection takes among all there may be.

use std::{any::Any, fmt, sync::Arc};

/// In the extensions of a request: whoever goes on with its connection after the answer, as a socket does, keeps this, and
/// so the connection counts until then.
#[derive(Clone)]
pub struct Place(Arc<dyn Any + Send + Sync>);

impl Place {
    /// Keeps what is let go of when the connection is over.
    pub(super) fn new(held: impl Any + Send + Sync) -> Self {
        Self(Arc::new(held))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("keepers", &Arc::strong_count(&self.0))
            .finish()
    }
}
