//! [`SqlLedger`].

mod amounts;
mod batch;
mod counters;
mod node;
mod posting;
mod recover;
mod reserve;
mod sweep;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use localauth_core::limit::{Amounts, Ask, Claim, Counter, Ledger, Reply, Reserved, Standing};
use localauth_core::{Clock, RequestId, StoreError, Timestamp, UsageEvent};
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait as _;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ConnectionTrait as _, QueryTrait as _};
use tokio::sync::{mpsc, oneshot};

use self::amounts::column;
use self::node::{LEASE, Node};
use self::posting::{Message, Posting, Postings};
use self::reserve::{Asked, Request};
use crate::entity::{limit_counter, limit_slot};
use crate::portion::portions;
use crate::sql_store::SqlStore;

/// How many requests of an earlier process are looked after in one transaction.
const RECOVERED_AT_ONCE: usize = 500;

/// A [`Ledger`] in the database, for as many processes as share it. Clones are handles on the same ledger.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
/// use localauth_core::SystemClock;
/// use localauth_core::limit::Ledger as _;
/// use localauth_store::SqlLedger;
///
/// let store = localauth_store::connect("sqlite::memory:").await?;
/// let ledger = SqlLedger::start(&store, Arc::new(SystemClock)).await?;
/// // `Auth::builder(store).ledger(ledger.clone())`, and when the last request is over:
/// ledger.close().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What holds, beyond what every ledger promises:
///
/// - **What is reserved is written before it is granted**, and counts for all processes from then on. Those who ask at the
///   same moment are decided on together: five statements for all of them.
/// - **What is posted waits in memory** and is written in batches, in order, as soon as the database takes it; each batch
///   counts once, also when its answer is lost. What still waits when the process is killed is counted by the next one that has
///   its spool ([`recover`](Ledger::recover)), within [`RECOVERABLE`](Self::RECOVERABLE). [`flush`](Ledger::flush) waits for it.
/// - **A process that dies is let go of after [`LEASE`](Self::LEASE)** at the latest: so long after it was last heard of,
///   which is every five seconds. What it held does not count any more then.
/// - **A process that cannot reach the database for as long** is taken to be dead, too. What its requests use is counted
///   all the same when the database is back; until then others may be let in in their place.
/// - **An outage is an error**, and never "there is room".
///
/// What is assumed: the clocks of all processes agree to within five seconds. Times come from who asks; the database's own
/// clock is never read. Counts beyond 2^63 are counted as that many.
#[derive(Clone)]
pub struct SqlLedger {
    shared: Arc<Shared>,
}

struct Shared {
    store: SqlStore,
    node: Arc<Node>,
    requests: mpsc::UnboundedSender<Request>,
    postings: Postings,
    is_closed: AtomicBool,
}

impl SqlLedger {
    /// For how long what a process holds counts after it was last heard of.
    pub const LEASE: Duration = LEASE;

    /// For how long it is remembered what a process that died held, so that what it answered last can still be counted.
    pub const RECOVERABLE: Duration = sweep::KEEP_HOLDS;

    /// Begins to take part, as a process of its own, in the ledger of the database behind `store`. `clock` tells when this
    /// process is alive.
    ///
    /// Background tasks are started on the present runtime, and end when the last handle is dropped: what was posted until
    /// then is still written.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the database could not answer.
    pub async fn start(store: &SqlStore, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let node = Arc::new(Node::register(store, clock.now()).await?);
        let (postings, messages) = Postings::new();
        let (requests, asked) = mpsc::unbounded_channel();
        let waiting = Arc::clone(postings.waiting());
        tokio::spawn(posting::write(store.clone(), Arc::clone(&node), waiting, messages));
        tokio::spawn(reserve::answer(
            store.clone(),
            Arc::clone(&node),
            postings.clone(),
            asked,
        ));
        let shared = Arc::new(Shared {
            store: store.clone(),
            node,
            requests,
            postings,
            is_closed: AtomicBool::new(false),
        });
        tokio::spawn(node::beat(Arc::downgrade(&shared), clock));
        Ok(Self { shared })
    }

    /// How many calls of [`post`](Ledger::post) are not written yet.
    pub fn unwritten(&self) -> u64 {
        self.shared.postings.waiting().load(Ordering::Relaxed)
    }

    /// Waits until all that was posted is written, and takes leave: what this process still holds is let go at once.
    /// Nothing is counted that is posted later, and nothing granted.
    ///
    /// Waits for as long as the database is away; whoever does not want to wait so long drops it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it is closed already, or the database could not answer at last.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.shared.is_closed.store(true, Ordering::Release);
        self.shared.postings.wait(Message::Close).await?;
        sweep::leave(&self.shared.store, self.shared.node.id).await
    }
}

impl Ledger for SqlLedger {
    fn reserve(&self, hold: RequestId, claims: &Arc<[Claim]>, ask: &Ask, now: Timestamp) -> Reply<Reserved> {
        if self.shared.is_closed.load(Ordering::Acquire) {
            return Reply::Ready(Err(StoreError::unavailable("the ledger is closed")));
        }
        let (answer, answered) = oneshot::channel();
        let asked = Asked {
            hold,
            claims: Arc::clone(claims),
            ask: *ask,
            now,
        };
        let sent = self.shared.requests.send(Request { asked, answer });
        Reply::Pending(Box::pin(async move {
            let gone = || StoreError::unavailable("the ledger's task has ended");
            sent.map_err(|_| gone())?;
            let answer = answered.await.map_err(|_| gone())??;
            answer.take().ok_or_else(gone)
        }))
    }

    fn post(
        &self,
        hold: RequestId,
        claims: &Arc<[Claim]>,
        release: Amounts,
        used: Amounts,
        last: bool,
        now: Timestamp,
    ) {
        self.shared.postings.post(Posting {
            hold,
            claims: Arc::clone(claims),
            release,
            used,
            last,
            now,
        });
    }

    fn standings(&self, claims: &Arc<[Claim]>, now: Timestamp) -> Reply<Vec<Option<Standing>>> {
        let (shared, claims) = (Arc::clone(&self.shared), Arc::clone(claims));
        Reply::Pending(Box::pin(async move {
            let store = &shared.store;
            let standings = store.ask(async {
                let places = counters::places(&*claims)?;
                let found = counters::find(store.reader(), &places, None).await?;
                let mut read = counters::read(store.reader(), &found, shared.node.id, now).await?;
                claims
                    .iter()
                    .map(|claim| {
                        let id = found.get(&counters::place_of(&claim.counter)?);
                        let counter = id.and_then(|id| read.counters.get_mut(id));
                        Ok(counter.map(|counter| counter.standing(&claim.rule, now)))
                    })
                    .collect()
            });
            standings.await
        }))
    }

    fn seed(&self, claim: &Claim, history: Vec<(Timestamp, Amounts)>, now: Timestamp) -> Reply<()> {
        let (store, counter) = (self.shared.store.clone(), claim.counter);
        Reply::Pending(Box::pin(async move {
            let mut before = Counter::new(counter.window);
            for (at, amounts) in history {
                // A clock that was put back: what seems to be of the future counts from now on.
                before.count(amounts, at.min(now));
            }
            before.advance(now);
            let place = counters::place_of(&counter)?;
            store
                .change(async move |transaction| {
                    let mut insert = limit_counter::Entity::insert(limit_counter::to_row(place))
                        .on_conflict(OnConflict::new().do_nothing().to_owned())
                        .into_query();
                    insert.returning_col(limit_counter::Column::Id);
                    // Of many at once the first one makes it known, and with all that it has: the others wait for its
                    // commit.
                    let Some(row) = transaction.query_one(&insert).await? else {
                        return Ok(());
                    };
                    let rows = slot_rows(row.try_get_by_index(0)?, &before);
                    for portion in portions(&rows) {
                        limit_slot::Entity::insert_many(portion.to_vec())
                            .exec_without_returning(&transaction)
                            .await?;
                    }
                    transaction.commit().await?;
                    Ok(())
                })
                .await
        }))
    }

    fn recover(&self, events: &[UsageEvent]) -> Reply<()> {
        let (store, events) = (self.shared.store.clone(), events.to_vec());
        Reply::Pending(Box::pin(async move {
            for portion in events.chunks(RECOVERED_AT_ONCE) {
                let portion = portion.to_vec();
                store
                    .change(async move |transaction| {
                        recover::recover(&transaction, &portion).await?;
                        transaction.commit().await?;
                        Ok(())
                    })
                    .await?;
            }
            Ok(())
        }))
    }

    fn sweep(&self, now: Timestamp) -> Reply<()> {
        let shared = Arc::clone(&self.shared);
        Reply::Pending(Box::pin(async move {
            sweep::sweep(&shared.store, shared.node.id, now).await
        }))
    }

    fn flush(&self) -> Reply<()> {
        let postings = self.shared.postings.clone();
        Reply::Pending(Box::pin(async move { postings.wait(Message::Flush).await }))
    }
}

/// The rows of what was used before a counter was known.
fn slot_rows(counter_id: i64, before: &Counter) -> Vec<limit_slot::ActiveModel> {
    let row = |(slot, amounts): (localauth_core::limit::Slot, Amounts)| limit_slot::ActiveModel {
        counter_id: Set(counter_id),
        slot: Set(slot.0),
        requests: Set(column(amounts.requests)),
        prompt_tokens: Set(column(amounts.prompt_tokens)),
        completion_tokens: Set(column(amounts.completion_tokens)),
        cost_micros: Set(column(amounts.cost_micros)),
    };
    before.slots().map(row).collect()
}

impl fmt::Debug for SqlLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlLedger")
            .field("node", &self.shared.node.id)
            .finish_non_exhaustive()
    }
}
