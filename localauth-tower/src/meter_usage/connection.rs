//! A request whose connection goes on as another one.

use std::task::{Context, Poll};

use super::guard::Guard;
use crate::lasting::Held;

/// A request that counts since its connection was handed over, and is recorded when that is over.
pub(super) struct Connection(Guard);

impl Connection {
    pub(super) fn new(mut guard: Guard) -> Self {
        guard.commit();
        Self(guard)
    }
}

impl Held for Connection {
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.0.poll_time(cx)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.settle(true);
    }
}
