//! The spool: where usage waits until the store has it.

use std::io;

use crate::usage::UsageEvent;

/// Where usage waits until the store has it: a queue with its own memory of what was not yet acknowledged.
///
/// [`Auth`](crate::Auth) appends from inside `poll`, many threads at once, and reads from one background task. Nothing is
/// `async`: an append is one small write, and whatever takes longer is called from a thread that may block.
///
/// An event may be read again after a crash although the store has it: the store counts each request id once
/// ([`UsageSink::record_usage`](super::UsageSink::record_usage)), so what was acknowledged need not be remembered on disk.
pub trait UsageSpool: Send + Sync {
    /// Appends an event. Once this is `Ok`, the event is read again after the process was killed, if the spool
    /// [outlives it](Self::outlives_process).
    ///
    /// Called from inside `poll`: it takes microseconds, and waits neither for [`sync`](Self::sync) nor for a reader.
    ///
    /// # Errors
    ///
    /// [`SpoolError`]; the event is then not in the spool.
    fn append(&self, event: &UsageEvent) -> Result<(), SpoolError>;

    /// The oldest events that are not acknowledged, at most `most`, in the order they were appended. Takes nothing away:
    /// the same again until [`acknowledge`](Self::acknowledge).
    ///
    /// # Errors
    ///
    /// [`SpoolError`] when it cannot be read; trying again later may help.
    fn read(&self, most: usize) -> Result<SpoolBatch, SpoolError>;

    /// The store has everything before `end`: it is not read again, and makes room.
    ///
    /// # Errors
    ///
    /// [`SpoolError`] when the room could not be made. What was acknowledged is not read again by this process all the
    /// same.
    fn acknowledge(&self, end: SpoolPosition) -> Result<(), SpoolError>;

    /// Makes what was appended before this call outlive a power cut as well. Slow; [`append`](Self::append) goes on
    /// meanwhile. Nothing to do when there is nothing new.
    ///
    /// # Errors
    ///
    /// [`SpoolError`] when the disk does not take it.
    fn sync(&self) -> Result<(), SpoolError>;

    /// How much waits.
    fn depth(&self) -> SpoolDepth;

    /// Whether what waits is still there after the process has ended, in whatever way.
    fn outlives_process(&self) -> bool;
}

/// Why a spool did not do what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// It has as much as it may have.
    #[error("the usage spool is full")]
    Full,
    /// The system failed it.
    #[error("the usage spool cannot be written or read: {0}")]
    Io(#[from] io::Error),
}

/// A place between two events of a spool, good as long as the spool is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpoolPosition {
    /// How many bytes are before it.
    pub bytes: u64,
    /// How many events are before it.
    pub events: u64,
}

/// What [`UsageSpool::read`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpoolBatch {
    /// The events, oldest first. Empty when nothing waits.
    pub events: Vec<UsageEvent>,
    /// The place after the last of them: what to acknowledge.
    pub end: SpoolPosition,
}

/// How much waits in a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SpoolDepth {
    /// Events that are not acknowledged.
    pub events: u64,
    /// The bytes they take.
    pub bytes: u64,
    /// Records that were found broken, and are lost, since the spool was opened.
    pub broken: u64,
}
