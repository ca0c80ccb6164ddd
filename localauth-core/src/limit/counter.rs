//! One counter: pure arithmetic over the parts of a window.

use std::collections::VecDeque;
use std::time::Duration;

use super::amounts::Amounts;
use super::ledger::{Ask, Standing};
use super::price::Price;
use super::rule::LimitRule;
use super::window::{Slot, Window};
use crate::clock::Timestamp;

/// What was used in each part of a window, and what is held. The one arithmetic that all ledgers share.
///
/// ```
/// use localauth_core::limit::{Amounts, Ask, Counter};
/// use localauth_core::{LimitRule, Price, Timestamp};
///
/// let rule = LimitRule::per("1m".parse()?).requests(1);
/// let mut counter = Counter::new(rule.window);
/// let now = Timestamp::from_millis(1_000_000);
/// assert!(counter.room(&rule, &Ask::REQUEST, now).is_ok());
/// counter.hold(Amounts { requests: 1, ..Amounts::ZERO });
/// let retry_after = counter.room(&rule, &Ask::REQUEST, now).unwrap_err();
/// assert_eq!(retry_after, None, "it ends when the request does, which is no matter of time");
/// # Ok::<(), localauth_core::InvalidWindow>(())
/// ```
#[derive(Debug, Clone)]
pub struct Counter {
    window: Window,
    slots: VecDeque<(Slot, Amounts)>,
    used: Amounts,
    held: Amounts,
}

impl Counter {
    /// With nothing used.
    pub const fn new(window: Window) -> Self {
        Self {
            window,
            slots: VecDeque::new(),
            used: Amounts::ZERO,
            held: Amounts::ZERO,
        }
    }

    /// Whether nothing is used or held at `now`.
    pub fn is_idle(&mut self, now: Timestamp) -> bool {
        self.advance(now);
        self.slots.is_empty() && self.held.is_zero()
    }

    /// Forgets what has left the window.
    pub fn advance(&mut self, now: Timestamp) {
        let first = self.window.first(now);
        let over = self.slots.iter().take_while(|(slot, _)| *slot < first).count();
        if over > 0 {
            self.slots.drain(..over);
            // Added up anew: a sum that stayed at the greatest number cannot be counted down.
            self.used = self
                .slots
                .iter()
                .fold(Amounts::ZERO, |sum, (_, amounts)| sum.plus(*amounts));
        }
    }

    /// Counts `amounts` as used at `at`.
    pub fn count(&mut self, amounts: Amounts, at: Timestamp) {
        self.count_in(self.window.slot(at), amounts);
    }

    /// Counts `amounts` as used in this part of the window, as [`slots`](Self::slots) tells of it.
    pub fn count_in(&mut self, slot: Slot, amounts: Amounts) {
        let amounts = Amounts { places: 0, ..amounts };
        if amounts.is_zero() {
            return;
        }
        self.used = self.used.plus(amounts);
        let index = self.slots.partition_point(|(earlier, _)| *earlier < slot);
        match self.slots.get_mut(index) {
            Some((same, sum)) if *same == slot => *sum = sum.plus(amounts),
            _ => self.slots.insert(index, (slot, amounts)),
        }
    }

    /// Holds `amounts`.
    pub const fn hold(&mut self, amounts: Amounts) {
        self.held = self.held.plus(amounts);
    }

    /// Lets go of `amounts`.
    pub const fn release(&mut self, amounts: Amounts) {
        self.held = self.held.minus(amounts);
    }

    /// How many tokens may be written for `ask` under `rule`, at most what it asks for.
    ///
    /// # Errors
    ///
    /// When there is no room: after how long there would be, if that is a matter of time alone.
    pub fn room(&mut self, rule: &LimitRule, ask: &Ask, now: Timestamp) -> Result<u64, Option<Duration>> {
        self.advance(now);
        if rule.soft {
            return Ok(ask.most_completion);
        }
        let room = room(rule, ask, self.used.plus(self.held));
        if let Some(room) = room {
            return Ok(room);
        }
        Err(self.free_at(rule, ask).map(|at| at.since(now)))
    }

    /// When `ask` would pass, if what is held stayed held.
    fn free_at(&self, rule: &LimitRule, ask: &Ask) -> Option<Timestamp> {
        // From the end, as a sum that stayed at the greatest number cannot be counted down.
        let mut left = self.held;
        let mut free_at = None;
        for (slot, amounts) in self.slots.iter().rev() {
            if room(rule, ask, left).is_none() {
                break;
            }
            free_at = Some(self.window.end(*slot));
            left = left.plus(*amounts);
        }
        free_at
    }

    /// How it stands.
    pub fn standing(&mut self, rule: &LimitRule, now: Timestamp) -> Standing {
        self.advance(now);
        let blocked_until = |ask: Ask| match room(rule, &ask, self.used.plus(self.held)) {
            Some(_) => None,
            // What is held ends with the requests under way: soon, but nobody knows when.
            None => Some(self.free_at(rule, &ask).unwrap_or(now)),
        };
        Standing {
            used: self.used,
            held: self.held,
            requests_at: blocked_until(Ask {
                least_completion: 0,
                most_completion: 0,
                ..Ask::REQUEST
            }),
            tokens_at: blocked_until(Ask {
                requests: 0,
                places: 0,
                least_completion: 1,
                most_completion: 1,
                // A budget in money stands as it does for models that cost anything at all.
                price: Price {
                    completion: 1,
                    ..Price::FREE
                },
                ..Ask::REQUEST
            }),
            empty_at: self.slots.back().map(|(slot, _)| self.window.end(*slot)),
        }
    }

    /// What is used in each part of the window.
    pub fn slots(&self) -> impl Iterator<Item = (Slot, Amounts)> + '_ {
        self.slots.iter().copied()
    }
}

impl Ask {
    /// One request, and nothing known about its tokens.
    pub const REQUEST: Self = Self {
        requests: 1,
        places: 1,
        prompt_tokens: 0,
        least_completion: 0,
        most_completion: 0,
        price: Price::FREE,
        extra_cost: 0,
    };

    /// What is held when so many tokens may be written.
    pub fn amounts(&self, completion_tokens: u64) -> Amounts {
        Amounts {
            requests: self.requests,
            places: self.places,
            prompt_tokens: self.prompt_tokens,
            completion_tokens,
            cost_micros: self
                .price
                .cost(self.prompt_tokens, 0, completion_tokens, 0)
                .saturating_add(self.extra_cost),
        }
    }
}

impl LimitRule {
    /// Whether `ask` would pass when `taken` is used and held already.
    pub(crate) fn has_room(&self, ask: &Ask, taken: Amounts) -> bool {
        self.soft || room(self, ask, taken).is_some()
    }
}

/// How many tokens may be written when `taken` is used and held already; `None` when it is too little, or something else
/// is used up.
fn room(rule: &LimitRule, ask: &Ask, taken: Amounts) -> Option<u64> {
    let left = |most: Option<u64>, taken: u64| most.map_or(Some(u64::MAX), |most| most.checked_sub(taken));
    let fits = |most: Option<u64>, taken: u64, more: u64| {
        // What asks for nothing of a kind is not held up by it.
        more == 0 || left(most, taken).is_some_and(|left| more <= left)
    };
    if !fits(rule.max_requests, taken.requests, ask.requests)
        || !fits(rule.max_concurrent, taken.places, ask.places)
        || !fits(rule.max_prompt_tokens, taken.prompt_tokens, ask.prompt_tokens)
        || !fits(rule.max_total_tokens, taken.total_tokens(), ask.prompt_tokens)
    {
        return None;
    }
    let mut room = ask.most_completion;
    if room > 0 {
        room = room.min(left(rule.max_completion_tokens, taken.completion_tokens).unwrap_or(0));
        let total = taken.total_tokens().saturating_add(ask.prompt_tokens);
        room = room.min(left(rule.max_total_tokens, total).unwrap_or(0));
    }
    if let Some(most) = rule.max_cost_micros
        && !(ask.price.is_free() && ask.extra_cost == 0)
    {
        // Used up, also for what costs nothing yet. What never costs anything passes.
        let left = most.checked_sub(taken.cost_micros).filter(|left| *left > 0)?;
        let left = left.checked_sub(ask.extra_cost)?;
        if ask.price.cost(ask.prompt_tokens, 0, 0, 0) > left {
            return None;
        }
        room = room.min(ask.price.affordable(ask.prompt_tokens, 0, left));
    }
    (room >= ask.least_completion).then_some(room)
}
