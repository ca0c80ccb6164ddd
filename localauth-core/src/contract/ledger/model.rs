//! What a ledger should say, from plain lists: written without its arithmetic, and slow.

use std::collections::BTreeMap;
use std::time::Duration;

use time::OffsetDateTime;

use crate::clock::Timestamp;
use crate::limit::{Amounts, Ask, Claim, LimitRule, Window};

/// What was used when, and what is held.
pub(super) struct Model {
    pub(super) claims: Vec<Claim>,
    /// Under each claim.
    pub(super) used: Vec<Vec<(Timestamp, Amounts)>>,
    pub(super) holds: BTreeMap<usize, Hold>,
}

/// What is held in one name.
#[derive(Clone)]
pub(super) struct Hold {
    /// Under which claims.
    pub(super) claims: Vec<usize>,
    pub(super) held: Amounts,
    pub(super) ask: Ask,
}

/// What must be counted, and what may be: a rolling window may keep something for a sixtieth longer.
#[derive(Clone, Copy)]
pub(super) struct Counted {
    pub(super) surely: Amounts,
    pub(super) perhaps: Amounts,
}

impl Model {
    /// What was used under this claim and counts at `now`.
    pub(super) fn used(&self, claim: usize, now: Timestamp) -> Counted {
        let mut counted = Counted {
            surely: Amounts::ZERO,
            perhaps: Amounts::ZERO,
        };
        for (at, amounts) in &self.used[claim] {
            let (surely, perhaps) = counts(self.claims[claim].rule.window, *at, now);
            if surely {
                counted.surely = counted.surely.plus(*amounts);
            }
            if perhaps {
                counted.perhaps = counted.perhaps.plus(*amounts);
            }
        }
        counted
    }

    /// What is held under this claim.
    pub(super) fn held(&self, claim: usize) -> Amounts {
        let under = self.holds.values().filter(|hold| hold.claims.contains(&claim));
        under.fold(Amounts::ZERO, |sum, hold| sum.plus(hold.held))
    }

    /// How many tokens this claim lets be written: at least, and at most; `None` is a refusal.
    pub(super) fn room(&self, claim: usize, ask: &Ask, now: Timestamp) -> (Option<u64>, Option<u64>) {
        let (used, held) = (self.used(claim, now), self.held(claim));
        let rule = &self.claims[claim].rule;
        (
            most(rule, ask, used.perhaps.plus(held)),
            most(rule, ask, used.surely.plus(held)),
        )
    }

    /// Panics when a hard limit is exceeded.
    pub(super) fn check(&self, now: Timestamp) {
        for (n, claim) in self.claims.iter().enumerate() {
            let (rule, taken) = (&claim.rule, self.used(n, now).surely.plus(self.held(n)));
            let over = |most: Option<u64>, taken: u64| most.is_some_and(|most| taken > most);
            let is_over = over(rule.max_requests, taken.requests)
                || over(rule.max_total_tokens, taken.prompt_tokens + taken.completion_tokens)
                || over(rule.max_prompt_tokens, taken.prompt_tokens)
                || over(rule.max_completion_tokens, taken.completion_tokens)
                || over(rule.max_cost_micros, taken.cost_micros)
                || over(rule.max_concurrent, taken.places);
            assert!(rule.soft || !is_over, "{rule:?} is exceeded by {taken:?}");
        }
    }
}

/// Whether what was used at `at` must count at `now`, and whether it may.
fn counts(window: Window, at: Timestamp, now: Timestamp) -> (bool, bool) {
    let date = |time: Timestamp| {
        let date = OffsetDateTime::from_unix_timestamp(time.as_millis().div_euclid(1_000));
        date.expect("a time of this millennium").date()
    };
    let both = |counts| (counts, counts);
    match window {
        Window::Rolling(length) => {
            let longest = length + length / 60 + Duration::from_millis(1);
            (now.since(at) < length, now.since(at) < longest)
        }
        Window::Day => both(date(at) == date(now)),
        Window::Month => both((date(at).year(), date(at).month()) == (date(now).year(), date(now).month())),
    }
}

/// The most tokens that may be written, by trying.
fn most(rule: &LimitRule, ask: &Ask, taken: Amounts) -> Option<u64> {
    if rule.soft {
        return Some(ask.most_completion);
    }
    (ask.least_completion..=ask.most_completion)
        .rev()
        .find(|&count| fits(rule, ask, taken, count))
}

/// Whether this many tokens may be written, when so much is taken.
fn fits(rule: &LimitRule, ask: &Ask, taken: Amounts, count: u64) -> bool {
    let within = |most: Option<u64>, taken: u64, more: u64| more == 0 || most.is_none_or(|most| taken + more <= most);
    let cost = ask.price.cost(ask.prompt_tokens, 0, count, 0) + ask.extra_cost;
    let costs = cost > 0 || !ask.price.is_free();
    within(rule.max_requests, taken.requests, ask.requests)
        && within(rule.max_concurrent, taken.places, ask.places)
        && within(rule.max_prompt_tokens, taken.prompt_tokens, ask.prompt_tokens)
        && within(rule.max_completion_tokens, taken.completion_tokens, count)
        && within(
            rule.max_total_tokens,
            taken.prompt_tokens + taken.completion_tokens,
            ask.prompt_tokens + count,
        )
        && within(rule.max_cost_micros, taken.cost_micros, cost)
        // Used up is used up, also for what would cost nothing yet.
        && !(costs && rule.max_cost_micros.is_some_and(|most| taken.cost_micros >= most))
}
