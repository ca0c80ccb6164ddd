//! What became of connections.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

/// Counts connections, for metrics.
#[derive(Debug, Default)]
pub struct Counts {
    open: AtomicI64,
    accepted: AtomicU64,
    ended: [AtomicU64; Ended::ALL.len()],
}

/// Why a connection was ended by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There were too many.
    Full,
    /// The TLS handshake failed, or was none.
    Handshake,
    /// No request came in time.
    Silent,
    /// No further request came in time.
    Idle,
}

impl Ended {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Full, Self::Handshake, Self::Silent, Self::Idle];

    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Handshake => "handshake",
            Self::Silent => "silent",
            Self::Idle => "idle",
        }
    }
}

impl Counts {
    /// How many are open.
    pub fn open(&self) -> i64 {
        self.open.load(Ordering::Relaxed)
    }

    /// How many there have been.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How many the server has ended for this reason.
    pub fn ended(&self, why: Ended) -> u64 {
        self.ended[why as usize].load(Ordering::Relaxed)
    }

    pub(super) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// One more is open, until what is given back is dropped.
    pub(super) fn opened(self: &Arc<Self>) -> Opened {
        self.open.fetch_add(1, Ordering::Relaxed);
        Opened(Arc::clone(self))
    }

    pub(super) fn end(&self, why: Ended) {
        self.ended[why as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Opened(Arc<Counts>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
