//! What is written behind the request: usage, and when keys were last used. In batches, never on the request path.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use crate::clock::Timestamp;
use crate::error::{StoreError, StoreErrorKind};
use crate::id::SessionId;
use crate::key::KeyUse;
use crate::store::Stores;
use crate::usage::UsageEvent;

/// Events that wait at most: about 20 MB.
const QUEUE: usize = 65_536;
/// Events in one transaction at most.
const BATCH: usize = 1_000;
/// How long the first event of a batch waits for others.
const LINGER: Duration = Duration::from_millis(100);
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_millis(250);

pub(super) enum Work {
    Usage(Box<UsageEvent>),
    Key(Box<KeyUse>),
    Session(SessionId, Timestamp),
    Flush(oneshot::Sender<()>),
}

/// The sending half.
pub(super) struct Writer {
    queue: mpsc::Sender<Work>,
    unrecorded: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn new() -> (Self, mpsc::Receiver<Work>) {
        let (queue, work) = mpsc::channel(QUEUE);
        (
            Self {
                queue,
                unrecorded: Arc::default(),
            },
            work,
        )
    }

    pub(super) fn record(&self, event: UsageEvent) {
        let request_id = event.request_id;
        if self.queue.try_send(Work::Usage(Box::new(event))).is_err() {
            let lost = self.unrecorded.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::error!(%request_id, lost, "the usage queue is full: this request is not in the report");
        }
    }

    pub(super) fn unrecorded(&self) -> u64 {
        self.unrecorded.load(Ordering::Relaxed)
    }

    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.unrecorded)
    }

    /// Notes that a key was used. Dropped when the queue is full: the next use says the same.
    pub(super) fn touch_key(&self, used: KeyUse) {
        drop(self.queue.try_send(Work::Key(Box::new(used))));
    }

    /// Notes that a session was used.
    pub(super) fn touch_session(&self, session: SessionId, at: Timestamp) {
        drop(self.queue.try_send(Work::Session(session, at)));
    }

    pub(super) async fn flush(&self, limit: Duration) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        let all = async {
            self.queue.send(Work::Flush(done)).await.ok()?;
            written.await.ok()
        };
        match timeout(limit, all).await {
            Ok(Some(())) => Ok(()),
            Ok(None) => Err(StoreError::unavailable("the usage writer has stopped")),
            Err(_) => Err(StoreError::unavailable(
                "the store did not take the queued usage in time",
            )),
        }
    }
}

#[derive(Default)]
struct Batch {
    usage: Vec<UsageEvent>,
    keys: Vec<KeyUse>,
    sessions: Vec<(SessionId, Timestamp)>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Batch {
    fn add(&mut self, work: Work) {
        match work {
            Work::Usage(event) => self.usage.push(*event),
            Work::Key(used) => self.keys.push(*used),
            Work::Session(session, at) => self.sessions.push((session, at)),
            Work::Flush(done) => self.waiting.push(done),
        }
    }

    fn is_due(&self) -> bool {
        !self.waiting.is_empty() || self.usage.len() + self.keys.len() + self.sessions.len() >= BATCH
    }

    /// Writes everything, trying again until the store takes it: what is queued is not lost by an outage.
    async fn write(mut self, stores: &Stores, unrecorded: &AtomicU64) {
        let mut told = false;
        while let Err(error) = self.try_write(stores).await {
            if error.kind() == StoreErrorKind::Inconsistent {
                self.write_one_by_one(stores, unrecorded).await;
                continue;
            }
            if !told {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(events = self.usage.len(), cause, "usage waits to be written: {error}");
                told = true;
            }
            tokio::time::sleep(RETRY).await;
        }
        for done in self.waiting {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
    }

    /// One event that the store will never take must not hold up the others: it is lost, and counted.
    async fn write_one_by_one(&mut self, stores: &Stores, unrecorded: &AtomicU64) {
        let mut later = Vec::new();
        for event in std::mem::take(&mut self.usage) {
            match stores.usage_sink.record_usage(std::slice::from_ref(&event)).await {
                Ok(()) => {}
                Err(error) if error.kind() == StoreErrorKind::Inconsistent => {
                    unrecorded.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(request_id = %event.request_id, "the store refuses this request's usage: {error}");
                }
                Err(_) => later.push(event),
            }
        }
        self.usage = later;
        // When something was last used is for people to read: not worth holding anything up.
        for used in std::mem::take(&mut self.keys) {
            drop(stores.keys.touch_keys(&[used]).await);
        }
        for used in std::mem::take(&mut self.sessions) {
            drop(stores.sessions.touch_sessions(&[used]).await);
        }
    }

    async fn try_write(&self, stores: &Stores) -> Result<(), StoreError> {
        if !self.usage.is_empty() {
            stores.usage_sink.record_usage(&self.usage).await?;
        }
        if !self.keys.is_empty() {
            stores.keys.touch_keys(&self.keys).await?;
        }
        if !self.sessions.is_empty() {
            stores.sessions.touch_sessions(&self.sessions).await?;
        }
        Ok(())
    }
}

/// The one worker. Ends, with everything written, when the last sender is gone.
pub(super) async fn run(mut work: mpsc::Receiver<Work>, stores: Stores, unrecorded: Arc<AtomicU64>) {
    while let Some(first) = work.recv().await {
        let mut batch = Batch::default();
        batch.add(first);
        let due = Instant::now() + LINGER;
        while !batch.is_due() {
            tokio::select! {
                next = work.recv() => match next {
                    Some(next) => batch.add(next),
                    None => break,
                },
                () = sleep_until(due) => break,
            }
        }
        batch.write(&stores, &unrecorded).await;
    }
}
