//! [`UsageSpool`] in memory.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::{SpoolBatch, SpoolDepth, SpoolError, SpoolPosition, UsageSpool};
use crate::usage::UsageEvent;

/// Events that wait at most: about 20 MB.
const DEFAULT_CAPACITY: usize = 65_536;

/// A bounded spool in memory: it outlives an outage of the store, but not the process.
///
/// ```
/// use localauth_core::memory::MemorySpool;
/// use localauth_core::{SpoolError, UsageSpool};
/// # use localauth_core::{RequestId, Timestamp, UsageEvent, UsageSource, UserId};
/// # let event = UsageEvent {
/// #     request_id: "018bcfe5-6800-7000-8000-000000000001".parse()?, at: Timestamp::from_millis(0), user_id: UserId::SHARED,
/// #     user_name: String::new(), key: None, source: UsageSource::Web, model: String::new(), endpoint: String::new(),
/// #     prompt_tokens: 1, cached_tokens: 0, completion_tokens: 1, cost_micros: 0, estimated: false,
/// # };
///
/// let spool = MemorySpool::with_capacity(1);
/// spool.append(&event)?;
/// assert!(matches!(spool.append(&event), Err(SpoolError::Full)));
///
/// let batch = spool.read(10)?;
/// assert_eq!(batch.events, [event]);
/// spool.acknowledge(batch.end)?;
/// assert!(spool.read(10)?.events.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemorySpool {
    waiting: Mutex<Waiting>,
    capacity: usize,
}

#[derive(Default)]
struct Waiting {
    /// Shared, so that a reader copies them without holding the lock.
    events: VecDeque<Arc<UsageEvent>>,
    /// Before the first of them.
    head: SpoolPosition,
    bytes: u64,
}

impl MemorySpool {
    /// A spool of 65,536 events at most.
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// A spool of `events` at most.
    pub fn with_capacity(events: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            capacity: events,
        }
    }

    fn open(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemorySpool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemorySpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySpool")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// About what an event takes.
fn size(event: &UsageEvent) -> u64 {
    let key_name = event.key.as_ref().map_or(0, |(_, name)| name.len());
    let text = event.user_name.len() + event.model.len() + event.endpoint.len() + key_name;
    u64::try_from(size_of::<UsageEvent>() + text).unwrap_or(u64::MAX)
}

fn after(position: SpoolPosition, event: &UsageEvent) -> SpoolPosition {
    SpoolPosition {
        bytes: position.bytes + size(event),
        events: position.events + 1,
    }
}

impl UsageSpool for MemorySpool {
    fn append(&self, event: &UsageEvent) -> Result<(), SpoolError> {
        let event = Arc::new(event.clone());
        let mut waiting = self.open();
        if waiting.events.len() >= self.capacity {
            return Err(SpoolError::Full);
        }
        waiting.bytes += size(&event);
        waiting.events.push_back(event);
        Ok(())
    }

    fn read(&self, most: usize) -> Result<SpoolBatch, SpoolError> {
        let waiting = self.open();
        let events: Vec<_> = waiting.events.iter().take(most).cloned().collect();
        let head = waiting.head;
        drop(waiting);
        Ok(SpoolBatch {
            end: events.iter().fold(head, |end, event| after(end, event)),
            events: events.iter().map(|event| UsageEvent::clone(event)).collect(),
        })
    }

    fn acknowledge(&self, end: SpoolPosition) -> Result<(), SpoolError> {
        let mut waiting = self.open();
        while waiting.head < end {
            let Some(event) = waiting.events.pop_front() else { break };
            waiting.head = after(waiting.head, &event);
            waiting.bytes -= size(&event);
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), SpoolError> {
        Ok(())
    }

    fn depth(&self) -> SpoolDepth {
        let waiting = self.open();
        SpoolDepth {
            events: waiting.events.len() as u64,
            bytes: waiting.bytes,
            broken: 0,
        }
    }

    fn outlives_process(&self) -> bool {
        false
    }
}
