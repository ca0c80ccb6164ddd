//! What a client is told about its limits.

use std::time::Duration;

use super::ledger::{Claim, Standing};
use crate::clock::Timestamp;

/// One kind of limit, as a client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// The maximum.
    pub limit: u64,
    /// How much is left.
    pub remaining: u64,
    /// After how long all of it is there again, if nothing more is used.
    pub reset: Duration,
}

/// What a client is told about its limits: of several rules, the one with the least left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RateLimits {
    /// Of requests.
    pub requests: Option<RateLimit>,
    /// Of tokens.
    pub tokens: Option<RateLimit>,
    /// Whether a limit is exceeded that only warns.
    pub warns: bool,
}

impl RateLimits {
    pub(crate) fn of(claims: &[Claim], standings: &[Standing], now: Timestamp) -> Self {
        let mut limits = Self::default();
        for (claim, standing) in claims.iter().zip(standings) {
            let rule = &claim.rule;
            let taken = standing.used.plus(standing.held);
            let pairs = [
                (rule.max_requests, taken.requests),
                (rule.max_total_tokens, taken.total_tokens()),
                (rule.max_prompt_tokens, taken.prompt_tokens),
                (rule.max_completion_tokens, taken.completion_tokens),
            ];
            let reset = reset(claim, standing, now);
            for (index, (most, taken)) in pairs.into_iter().enumerate() {
                let Some(limit) = most else { continue };
                limits.warns |= rule.soft && taken > limit;
                let remaining = limit.saturating_sub(taken);
                let slot = if index == 0 {
                    &mut limits.requests
                } else {
                    &mut limits.tokens
                };
                if slot.is_none_or(|least| remaining < least.remaining) {
                    *slot = Some(RateLimit {
                        limit,
                        remaining,
                        reset,
                    });
                }
            }
            limits.warns |= rule.soft && rule.max_cost_micros.is_some_and(|most| taken.cost_micros > most);
        }
        limits
    }
}

fn reset(claim: &Claim, standing: &Standing, now: Timestamp) -> Duration {
    let window = claim.counter.window;
    // What is held counts from its end on: at the earliest, now.
    let held = (!standing.held.is_zero()).then(|| window.end(window.slot(now)));
    let last = standing.empty_at.max(held);
    last.map_or(Duration::ZERO, |last| last.since(now))
}
