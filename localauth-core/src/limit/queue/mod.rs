//! A fair queue: who may work next, when not all can at once.

mod entering;
mod order;
mod place;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::time::Instant;

pub use entering::Entering;
pub use place::{NoPlace, NoPlaceReason, Place};

use self::order::{Order, Ticket};
use crate::id::UserId;

/// How many may wait unless said.
const MOST_WAITING: usize = 100;
/// How long they wait unless said.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a refused one is told to wait, at least and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// A bounded queue in front of something that only so many can use at once, shared fairly among users.
///
/// Places go to users in turn, by weight: two users with weights 1 and 3 get 1 and 3 of 4 places, however many requests
/// each of them has waiting; a user's own requests go in the order they came. So the single request of one user is not
/// held up by the thousand of another, and who was away has saved nothing up. When the queue is full, a request of
/// somebody with few takes the place of the latest one of whoever has most.
///
/// A request enters with [`enter`](Self::enter), and holds its [`Place`] until that is dropped. To give up waiting, drop
/// the future: it leaves no trace.
///
/// ```
/// use std::sync::Arc;
/// use localauth_core::{NoPlaceReason, FairQueue, UserId};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let queue = Arc::new(FairQueue::new(1).waiting(1));
/// let (ada, bob) = (user(1), user(2));
///
/// // There is a place:
/// let place = queue.enter(ada, 1).await?;
/// assert_eq!(place.position(), 0);
///
/// // There is none, but the queue has room:
/// let next = queue.enter(bob, 1);
/// assert_eq!(next.position(), 1);
///
/// // It has none:
/// let refused = queue.enter(ada, 1).await.unwrap_err();
/// assert_eq!(refused.reason, NoPlaceReason::QueueFull);
///
/// drop(place);
/// assert_eq!(next.await?.position(), 1);
/// assert_eq!((queue.in_use(), queue.waiting_now()), (0, 0));
/// # Ok(())
/// # }
/// # fn user(n: u128) -> UserId { UserId::from_uuid(uuid::Uuid::from_u128(n)) }
/// ```
///
/// A request that finds a place costs a lock and a look-up in a map; one that waits, a few steps more by the logarithm of
/// how many wait. Nothing polls, and no task runs in the background.
pub struct FairQueue {
    places: usize,
    most: usize,
    most_each: usize,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    in_use: usize,
    /// Not empty only while all places are in use.
    order: Order<Option<Waker>>,
    /// What has been decided about those who have not looked yet.
    decided: HashMap<Ticket, Outcome>,
    /// How long a place is held, of late.
    held: Duration,
}

enum Outcome {
    /// A place is theirs, and counted as in use.
    Granted,
    /// Another took their place in the queue.
    PushedOut,
}

impl FairQueue {
    /// With so many places, at least one.
    pub fn new(places: usize) -> Self {
        Self {
            places: places.max(1),
            most: MOST_WAITING,
            most_each: usize::MAX,
            patience: PATIENCE,
            state: Mutex::default(),
        }
    }

    /// With at most so many who wait, 100 unless said.
    #[must_use]
    pub const fn waiting(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// With at most so many who wait of one user.
    #[must_use]
    pub const fn waiting_each(mut self, most: usize) -> Self {
        self.most_each = most;
        self
    }

    /// With so much patience, 30 seconds unless said.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How many places there are.
    pub const fn places(&self) -> usize {
        self.places
    }

    /// How many places are in use.
    pub fn in_use(&self) -> usize {
        self.lock().in_use
    }

    /// How many wait.
    pub fn waiting_now(&self) -> usize {
        self.lock().order.waiting()
    }

    /// Asks for a place for a request of `user`, whose share is by `weight` (at least 1). It is in the queue from now on,
    /// polled or not.
    ///
    /// # Panics
    ///
    /// The future, when it has to wait, and is polled outside of a tokio runtime with time.
    pub fn enter(self: &Arc<Self>, user: UserId, weight: u16) -> Entering {
        let mut state = self.lock();
        if state.in_use < self.places {
            state.in_use += 1;
            state.order.pass(user, weight);
            drop(state);
            return Entering::decided_at_once(Ok(Place::new(Arc::clone(self), 0, Duration::ZERO)));
        }
        let position = state.order.position(user);
        let pushed_out = match self.make_room(&mut state, user) {
            Ok(pushed_out) => pushed_out,
            Err(QueueIsFull) => {
                return Entering::decided_at_once(Err(NoPlace {
                    reason: NoPlaceReason::QueueFull,
                    position,
                    waited: Duration::ZERO,
                    retry_after: self.retry_after(&state),
                }));
            }
        };
        let ticket = state.order.join(user, weight, None);
        drop(state);
        if let Some(waker) = pushed_out {
            waker.wake();
        }
        Entering::waiting(Arc::clone(self), user, ticket, position)
    }

    /// Makes room for one more of `user`, if that can be; returns whom to wake.
    fn make_room(&self, state: &mut State, user: UserId) -> Result<Option<Waker>, QueueIsFull> {
        let own = state.order.waiting_of(user);
        if own >= self.most_each {
            return Err(QueueIsFull);
        }
        if state.order.waiting() < self.most {
            return Ok(None);
        }
        // Nobody fills the queue for others: whoever has most gives way, as long as they have more even then.
        match state.order.longest() {
            Some((most, other)) if most > own + 1 => {
                let (ticket, waker) = state.order.leave_last(other).ok_or(QueueIsFull)?;
                state.decided.insert(ticket, Outcome::PushedOut);
                Ok(waker)
            }
            _ => Err(QueueIsFull),
        }
    }

    /// Looks what was decided about a request, and has `waker` called when something is.
    fn look(&self, user: UserId, ticket: Ticket, waker: &Waker) -> Option<Outcome> {
        let mut state = self.lock();
        let outcome = state.decided.remove(&ticket);
        if outcome.is_none()
            && let Some(slot) = state.order.caller(user, ticket)
            && slot.as_ref().is_none_or(|known| !known.will_wake(waker))
        {
            *slot = Some(waker.clone());
        }
        outcome
    }

    /// Takes a request out that gives up, unless something was decided meanwhile.
    fn give_up(&self, user: UserId, ticket: Ticket) -> Option<Outcome> {
        let mut state = self.lock();
        let outcome = state.decided.remove(&ticket);
        if outcome.is_none() {
            state.order.leave(user, ticket);
        }
        outcome
    }

    /// A place is free: the next one's, if somebody waits.
    fn release(&self, held: Option<Duration>) {
        let mut state = self.lock();
        if let Some(held) = held {
            state.held = match state.held {
                Duration::ZERO => held,
                before => before.saturating_mul(7).saturating_add(held) / 8,
            };
        }
        let waker = if let Some((ticket, waker)) = state.order.next() {
            state.decided.insert(ticket, Outcome::Granted);
            waker
        } else {
            state.in_use -= 1;
            if state.in_use == 0 {
                state.order.reset();
            }
            None
        };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// After how long those who wait now will have had their turn, roughly.
    fn retry_after(&self, state: &State) -> Duration {
        let turns = u32::try_from(state.order.waiting().div_ceil(self.places)).unwrap_or(u32::MAX);
        state.held.saturating_mul(turns).clamp(RETRY.0, RETRY.1)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now() -> Instant {
        Instant::now()
    }
}

struct QueueIsFull;

impl fmt::Debug for FairQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("FairQueue")
            .field("places", &self.places)
            .field("in_use", &state.in_use)
            .field("waiting", &state.order.waiting())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
