//! What is posted: it waits in memory until it is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use localauth_core::limit::{Amounts, Claim};
use localauth_core::{RequestId, StoreError, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::batch::Batch;
use super::node::Node;
use crate::sql_store::SqlStore;

/// One call of `post`.
pub(super) struct Posting {
    pub(super) hold: RequestId,
    pub(super) claims: Arc<[Claim]>,
    pub(super) release: Amounts,
    pub(super) used: Amounts,
    pub(super) last: bool,
    pub(super) now: Timestamp,
}

pub(super) enum Message {
    Post(Posting),
    /// Answered when all before it is written.
    Flush(oneshot::Sender<()>),
    /// The same, and nothing after it is taken.
    Close(oneshot::Sender<()>),
}

/// The queue of what is posted.
#[derive(Clone)]
pub(super) struct Postings {
    queue: mpsc::UnboundedSender<Message>,
    waiting: Arc<AtomicU64>,
}

impl Postings {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (queue, messages) = mpsc::unbounded_channel();
        (
            Self {
                queue,
                waiting: Arc::default(),
            },
            messages,
        )
    }

    pub(super) fn post(&self, posting: Posting) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if self.queue.send(Message::Post(posting)).is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            tracing::error!("something was posted to a ledger that is closed: it is not counted");
        }
    }

    /// How many wait.
    pub(super) const fn waiting(&self) -> &Arc<AtomicU64> {
        &self.waiting
    }

    /// Waits until all that was posted is written.
    pub(super) async fn wait(&self, message: impl FnOnce(oneshot::Sender<()>) -> Message) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        let sent = self.queue.send(message(done));
        if sent.is_err() || answer.await.is_err() {
            return Err(StoreError::unavailable("the ledger is closed"));
        }
        Ok(())
    }
}

/// The most postings written at once.
const MOST: usize = 512;

/// How long to wait before trying again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Writes what is posted, in order, until nobody can post any more and all is written.
pub(super) async fn write(
    store: SqlStore,
    node: Arc<Node>,
    waiting: Arc<AtomicU64>,
    mut messages: mpsc::UnboundedReceiver<Message>,
) {
    let mut number = 0;
    let mut received = Vec::new();
    let mut closed = Vec::new();
    while messages.recv_many(&mut received, MOST).await > 0 {
        let (mut postings, mut flushed) = (Vec::new(), Vec::new());
        for message in received.drain(..) {
            match message {
                Message::Post(posting) => postings.push(posting),
                Message::Flush(answer) => flushed.push(answer),
                Message::Close(answer) => {
                    // What is in the queue already is still taken from it.
                    messages.close();
                    closed.push(answer);
                }
            }
        }
        if !postings.is_empty() {
            number += 1;
            write_surely(&store, &node, Arc::new(Batch::of(&postings)), number).await;
            waiting.fetch_sub(postings.len() as u64, Ordering::Relaxed);
        }
        answer(flushed);
    }
    answer(closed);
}

/// Whoever does not wait any more does not need it.
fn answer(waiting: Vec<oneshot::Sender<()>>) {
    for one in waiting {
        one.send(()).ok();
    }
}

/// Tries until it is done. The batch keeps its number, so that it counts once even if an answer is lost.
async fn write_surely(store: &SqlStore, node: &Arc<Node>, batch: Arc<Batch>, number: i64) {
    let mut pause = FIRST_PAUSE;
    loop {
        let (again, marks) = (Arc::clone(&batch), Arc::clone(node));
        let written = store
            .change(async move |transaction| again.write(transaction, &marks, number).await)
            .await;
        let Err(error) = written else {
            node.note_applied(number);
            return;
        };
        let error = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(
            error,
            "what was used could not be written to the ledger: it is tried again"
        );
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
