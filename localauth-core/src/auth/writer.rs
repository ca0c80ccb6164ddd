//! What is written behind the request: usage, and when keys were last used. In batches, never on the request path.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::queue::Queue;
use crate::clock::Timestamp;
use crate::error::{StoreError, StoreErrorKind};
use crate::id::SessionId;
use crate::key::KeyUse;
use crate::limit::Ledger;
use crate::store::{SpoolBatch, SpoolError, SpoolPosition, Stores, UsageSpool};
use crate::usage::UsageEvent;

/// Uses of keys and sessions that wait at most.
const TOUCHES: usize = 65_536;
/// Uses of keys and sessions in one go at most.
const TOUCH_BATCH: usize = 1_000;
/// Events in one transaction at most, and in memory.
const BACKLOG: usize = 10_000;
/// Events in one transaction at most when the store failed on more: it may have been too much for it.
const CAREFUL: usize = 1_000;
/// How long the first event of a batch waits for others.
const LINGER: Duration = Duration::from_millis(100);
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_millis(250);

pub(super) enum Work {
    Key(Box<KeyUse>),
    Session(SessionId, Timestamp),
    Flush(oneshot::Sender<()>),
}

/// The sending half.
pub(super) struct Writer {
    work: mpsc::Sender<Work>,
    pub(super) queue: Arc<Queue>,
}

impl Writer {
    /// The sending half, and what [`run`] gets.
    pub(super) fn new(spool: Arc<dyn UsageSpool>) -> (Self, mpsc::Receiver<Work>) {
        let (sender, work) = mpsc::channel(TOUCHES);
        let queue = Arc::new(Queue::new(spool));
        (Self { work: sender, queue }, work)
    }

    /// Notes that a key was used. Dropped when too much waits: the next use says the same.
    pub(super) fn touch_key(&self, used: KeyUse) {
        drop(self.work.try_send(Work::Key(Box::new(used))));
    }

    /// Notes that a session was used.
    pub(super) fn touch_session(&self, session: SessionId, at: Timestamp) {
        drop(self.work.try_send(Work::Session(session, at)));
    }

    pub(super) async fn flush(&self, limit: Duration) -> Result<(), StoreError> {
        let (done, written) = oneshot::channel();
        let all = async {
            self.work.send(Work::Flush(done)).await.ok()?;
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

    /// Writes what waits, or makes sure that it is there for the next process. Does not wait for a store that is known
    /// to be away unless something would be lost.
    pub(super) async fn shutdown(&self, limit: Duration, store_is_away: bool) -> Result<(), StoreError> {
        let Queue { spool, fallback, .. } = &*self.queue;
        let kept = || spool.outlives_process() && fallback.depth().events == 0;
        let error = if store_is_away && kept() {
            StoreError::unavailable("the store did not answer lately")
        } else {
            match self.flush(limit).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            }
        };
        if !kept() {
            return Err(error);
        }
        sync(spool).await.ok();
        let events = spool.depth().events;
        tracing::warn!(
            events,
            "usage that the store did not take is kept in the spool, and written at the next start: {error}"
        );
        Ok(())
    }
}

/// The worker ends before everything is written: what is left is in a spool that outlives the process.
struct Ended;

/// Calls what may block from a thread that may.
async fn blocking<T: Send + 'static>(
    spool: &Arc<dyn UsageSpool>,
    call: impl FnOnce(&(dyn UsageSpool + 'static)) -> T + Send + 'static,
) -> Result<T, Ended> {
    if !spool.outlives_process() {
        // In memory nothing blocks.
        return Ok(call(&**spool));
    }
    let spool = Arc::clone(spool);
    // Otherwise the runtime is shutting down.
    spawn_blocking(move || call(&*spool)).await.map_err(|_| Ended)
}

async fn sync(spool: &Arc<dyn UsageSpool>) -> Result<(), Ended> {
    if let Err(error) = blocking(spool, UsageSpool::sync).await? {
        tracing::error!("usage that waits would not outlive a power cut: {error}");
    }
    Ok(())
}

/// What is to be done besides writing usage.
#[derive(Default)]
struct Todo {
    keys: Vec<KeyUse>,
    sessions: Vec<(SessionId, Timestamp)>,
    flushes: Vec<oneshot::Sender<()>>,
}

impl Todo {
    fn add(&mut self, work: Work) {
        match work {
            Work::Key(used) => self.keys.push(*used),
            Work::Session(session, at) => self.sessions.push((session, at)),
            Work::Flush(done) => self.flushes.push(done),
        }
    }

    fn is_due(&self) -> bool {
        !self.flushes.is_empty() || self.is_full()
    }

    fn is_full(&self) -> bool {
        self.keys.len() + self.sessions.len() >= TOUCH_BATCH
    }
}

/// The one worker. Ends, with everything written or kept by the spool, when the last sender is gone.
pub(super) async fn run(work: mpsc::Receiver<Work>, queue: Arc<Queue>, stores: Stores, ledger: Arc<dyn Ledger>) {
    let left = queue.spool.depth().events;
    if left > 0 {
        tracing::info!(
            events = left,
            "usage that an earlier process left in the spool is written now"
        );
    }
    let mut worker = Worker {
        work,
        queue,
        stores,
        ledger,
        inherited: left,
    };
    if worker.work_on(left > 0).await.is_err() {
        let events = worker.queue.spool.depth().events;
        tracing::warn!(
            events,
            "usage that the store did not take is kept in the spool, and written at the next start"
        );
    }
}

struct Worker {
    work: mpsc::Receiver<Work>,
    queue: Arc<Queue>,
    stores: Stores,
    ledger: Arc<dyn Ledger>,
    /// Events that an earlier process left and that were not looked at yet.
    inherited: u64,
}

impl Worker {
    async fn work_on(&mut self, mut more: bool) -> Result<(), Ended> {
        loop {
            let mut todo = Todo::default();
            let is_open = if more {
                self.take(&mut todo)
            } else {
                self.wait(&mut todo).await
            };
            // A flush is for what was there when it came; whoever is last waits for everything.
            let at_least = |spool: &dyn UsageSpool| match (is_open, todo.flushes.is_empty()) {
                (false, _) => u64::MAX,
                (true, false) => spool.depth().events,
                (true, true) => 0,
            };
            let queue = Arc::clone(&self.queue);
            queue.look();
            let (first, second) = (at_least(&*queue.spool), at_least(&*queue.fallback));
            more = self.drain(&queue.spool, first).await?;
            more |= self.drain(&queue.fallback, second).await?;
            self.touch(&mut todo).await;
            for done in todo.flushes {
                // Whoever waited may have given up.
                let _ = done.send(());
            }
            if !is_open {
                return Ok(());
            }
        }
    }

    /// What has come in meanwhile, without waiting. Says whether more may come.
    fn take(&mut self, todo: &mut Todo) -> bool {
        while !todo.is_full() {
            match self.work.try_recv() {
                Ok(work) => todo.add(work),
                Err(error) => return error == mpsc::error::TryRecvError::Empty,
            }
        }
        true
    }

    /// Waits until there is something to do, and a little longer for more of it. Says whether more may come.
    async fn wait(&mut self, todo: &mut Todo) -> bool {
        tokio::select! {
            next = self.work.recv() => match next {
                Some(work) => todo.add(work),
                None => return false,
            },
            () = self.queue.wake.notified() => {}
        }
        let due = Instant::now() + LINGER;
        while !todo.is_due() && !self.queue.is_batch() {
            tokio::select! {
                next = self.work.recv() => match next {
                    Some(work) => todo.add(work),
                    None => return false,
                },
                () = self.queue.wake.notified() => {}
                () = sleep_until(due) => break,
            }
        }
        true
    }

    /// Writes a batch of what waits in `spool`, and further ones until `at_least` events are written or none is left.
    /// Says whether there may be more.
    async fn drain(&mut self, spool: &Arc<dyn UsageSpool>, at_least: u64) -> Result<bool, Ended> {
        let mut written = 0;
        loop {
            let batch = self.read(spool).await?;
            let count = batch.events.len();
            if self.inherited > 0 {
                self.recover(spool, &batch.events).await?;
            }
            if count > 0 {
                // What is not in the spool any more cannot be recovered: by then the ledger has it, too.
                let (synced, stored, flushed) =
                    tokio::join!(sync(spool), self.store(spool, batch.events), self.ledger.flush().wait());
                synced?;
                stored?;
                if let Err(error) = flushed {
                    tracing::debug!(%error, "the ledger has ended before the usage that it counted was written");
                }
            }
            acknowledge(spool, batch.end).await?;
            written += count as u64;
            if count == 0 || written >= at_least {
                return Ok(count == BACKLOG);
            }
        }
    }

    /// Has what an earlier process left counted by the ledger, before a limit could begin with the reports.
    async fn recover(&mut self, spool: &Arc<dyn UsageSpool>, events: &[UsageEvent]) -> Result<(), Ended> {
        let count = usize::try_from(self.inherited).unwrap_or(usize::MAX).min(events.len());
        let inherited = events.get(..count).unwrap_or_default();
        while let Err(error) = self.ledger.recover(inherited).wait().await {
            tracing::error!("what an earlier process answered waits to be counted: {error}");
            self.pause(spool).await?;
        }
        self.inherited -= count as u64;
        Ok(())
    }

    async fn read(&self, spool: &Arc<dyn UsageSpool>) -> Result<SpoolBatch, Ended> {
        let mut told = false;
        loop {
            match blocking(spool, |spool| spool.read(BACKLOG)).await? {
                Ok(batch) => return Ok(batch),
                Err(error) => {
                    if !told {
                        tracing::error!("usage waits to be written: {error}");
                        told = true;
                    }
                    self.pause(spool).await?;
                }
            }
        }
    }

    /// Writes events, trying again until the store takes them: what waits is not lost by an outage.
    ///
    /// An event that the store will never take must not hold up the others: it is found by halves, lost, and counted.
    async fn store(&self, spool: &Arc<dyn UsageSpool>, events: Vec<UsageEvent>) -> Result<(), Ended> {
        let mut rest = events.as_slice();
        let mut most = BACKLOG;
        let mut told = false;
        while let Some((portion, later)) = rest
            .split_at_checked(rest.len().min(most))
            .filter(|(p, _)| !p.is_empty())
        {
            match (self.stores.usage_sink.record_usage(portion).await, portion) {
                (Ok(()), _) => {
                    rest = later;
                    most = (most * 2).min(BACKLOG);
                }
                (Err(error), [event]) if error.kind() == StoreErrorKind::Inconsistent => {
                    let lost = self.queue.lost_one();
                    let request_id = event.request_id;
                    tracing::error!(%request_id, lost, "the store refuses this request's usage: {error}");
                    rest = later;
                }
                (Err(error), _) if error.kind() == StoreErrorKind::Inconsistent => most = portion.len() / 2,
                (Err(error), _) => {
                    if !told {
                        let cause = std::error::Error::source(&error).map(ToString::to_string);
                        let waiting = spool.depth().events;
                        tracing::error!(waiting, cause, "usage waits to be written: {error}");
                        told = true;
                    }
                    most = most.min(CAREFUL);
                    self.pause(spool).await?;
                    // What has come in meanwhile.
                    sync(spool).await?;
                }
            }
        }
        Ok(())
    }

    /// Waits before another try. There is none when nobody is left to wait for and the spool keeps what it has.
    async fn pause(&self, spool: &Arc<dyn UsageSpool>) -> Result<(), Ended> {
        if self.work.is_closed() && spool.outlives_process() {
            return Err(Ended);
        }
        sleep(RETRY).await;
        Ok(())
    }

    /// Notes when keys and sessions were used. That is for people to read: what the store refuses is not tried again.
    async fn touch(&self, todo: &mut Todo) {
        let (keys, sessions) = (std::mem::take(&mut todo.keys), std::mem::take(&mut todo.sessions));
        loop {
            let touched = async {
                if !keys.is_empty() {
                    self.stores.keys.touch_keys(&keys).await?;
                }
                if !sessions.is_empty() {
                    self.stores.sessions.touch_sessions(&sessions).await?;
                }
                Ok::<(), StoreError>(())
            };
            match touched.await {
                Ok(()) => return,
                Err(error) if error.kind() == StoreErrorKind::Inconsistent => break,
                // Nobody is left to read them.
                Err(_) if self.work.is_closed() => return,
                Err(_) => sleep(RETRY).await,
            }
        }
        for used in keys {
            drop(self.stores.keys.touch_keys(&[used]).await);
        }
        for used in sessions {
            drop(self.stores.sessions.touch_sessions(&[used]).await);
        }
    }
}

async fn acknowledge(spool: &Arc<dyn UsageSpool>, end: SpoolPosition) -> Result<(), Ended> {
    let acknowledged: Result<(), SpoolError> = blocking(spool, move |spool| spool.acknowledge(end)).await?;
    if let Err(error) = acknowledged {
        // It is written, and will not count twice.
        tracing::warn!("usage that was written still takes room in the spool: {error}");
    }
    Ok(())
}
