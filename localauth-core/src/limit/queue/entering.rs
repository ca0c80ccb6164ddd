//! The future of a place.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::order::Ticket;
use super::{FairQueue, NoPlace, NoPlaceReason, Outcome, Place};
use crate::id::UserId;

/// Waits for a [`Place`]. Dropped, it leaves the queue.
#[must_use = "dropped, it leaves the queue"]
#[derive(Debug)]
pub struct Entering(Stage);

#[derive(Debug)]
enum Stage {
    Decided(Option<Result<Place, NoPlace>>),
    Waiting(Waiting),
}

#[derive(Debug)]
struct Waiting {
    queue: Arc<FairQueue>,
    user: UserId,
    ticket: Ticket,
    position: usize,
    since: Instant,
    /// From the first look on.
    patience: Option<Pin<Box<Sleep>>>,
}

impl Entering {
    pub(super) const fn decided_at_once(answer: Result<Place, NoPlace>) -> Self {
        Self(Stage::Decided(Some(answer)))
    }

    pub(super) fn waiting(queue: Arc<FairQueue>, user: UserId, ticket: Ticket, position: usize) -> Self {
        Self(Stage::Waiting(Waiting {
            queue,
            user,
            ticket,
            position,
            since: FairQueue::now(),
            patience: None,
        }))
    }

    /// Which in the queue it was at entry: 1 is next, 0 does not have to wait.
    pub fn position(&self) -> usize {
        match &self.0 {
            Stage::Decided(Some(Ok(place))) => place.position(),
            Stage::Decided(Some(Err(refusal))) => refusal.position,
            Stage::Decided(None) => 0,
            Stage::Waiting(waiting) => waiting.position,
        }
    }

    /// How long it has been waiting.
    pub fn waited(&self) -> Duration {
        match &self.0 {
            Stage::Decided(Some(Ok(place))) => place.waited(),
            Stage::Decided(Some(Err(refusal))) => refusal.waited,
            Stage::Decided(None) => Duration::ZERO,
            Stage::Waiting(waiting) => waiting.since.elapsed(),
        }
    }

    /// Takes the answer out if there was one at entry: for whoever need not be polled then.
    pub fn at_once(&mut self) -> Option<Result<Place, NoPlace>> {
        match &mut self.0 {
            Stage::Decided(answer) => answer.take(),
            Stage::Waiting(_) => None,
        }
    }
}

impl Future for Entering {
    type Output = Result<Place, NoPlace>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.0 {
            Stage::Decided(answer) => match answer.take() {
                Some(answer) => answer,
                // Polled again after the end: a future may then do as it likes, and waiting for ever harms nobody.
                None => return Poll::Pending,
            },
            Stage::Waiting(waiting) => match waiting.poll(cx) {
                Poll::Ready(answer) => answer,
                Poll::Pending => return Poll::Pending,
            },
        };
        self.0 = Stage::Decided(None);
        Poll::Ready(answer)
    }
}

impl Waiting {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Place, NoPlace>> {
        if let Some(outcome) = self.queue.look(self.user, self.ticket, cx.waker()) {
            return Poll::Ready(self.answer(&outcome));
        }
        let until = self.since + self.queue.patience;
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if patience.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(match self.queue.give_up(self.user, self.ticket) {
            Some(outcome) => self.answer(&outcome),
            None => Err(self.refusal(NoPlaceReason::TooLong)),
        })
    }

    fn answer(&self, outcome: &Outcome) -> Result<Place, NoPlace> {
        match outcome {
            Outcome::Granted => Ok(Place::new(Arc::clone(&self.queue), self.position, self.since.elapsed())),
            Outcome::PushedOut => Err(self.refusal(NoPlaceReason::QueueFull)),
        }
    }

    fn refusal(&self, reason: NoPlaceReason) -> NoPlace {
        NoPlace {
            reason,
            position: self.position,
            waited: self.since.elapsed(),
            retry_after: self.queue.retry_after(&self.queue.lock()),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // What was answered is known to the queue no more, and this finds nothing.
        if let Some(Outcome::Granted) = self.queue.give_up(self.user, self.ticket) {
            self.queue.release(None);
        }
    }
}
