//! What is counted.

/// What was used, or is held for a request under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Requests.
    pub requests: u64,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Money, in millionths.
    pub cost_micros: u64,
    /// Requests under way. Only ever held.
    pub places: u64,
}

impl Amounts {
    /// Nothing.
    pub const ZERO: Self = Self {
        requests: 0,
        prompt_tokens: 0,
        completion_tokens: 0,
        cost_micros: 0,
        places: 0,
    };

    /// Tokens read and written.
    pub const fn total_tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }

    /// Both together; stays at the greatest number rather than overflow.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(other.completion_tokens),
            cost_micros: self.cost_micros.saturating_add(other.cost_micros),
            places: self.places.saturating_add(other.places),
        }
    }

    /// Without the other; never below zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(other.requests),
            prompt_tokens: self.prompt_tokens.saturating_sub(other.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_sub(other.completion_tokens),
            cost_micros: self.cost_micros.saturating_sub(other.cost_micros),
            places: self.places.saturating_sub(other.places),
        }
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl From<&crate::usage::UsageTotals> for Amounts {
    fn from(totals: &crate::usage::UsageTotals) -> Self {
        Self {
            requests: totals.requests,
            prompt_tokens: totals.prompt_tokens,
            completion_tokens: totals.completion_tokens,
            cost_micros: totals.cost_micros,
            places: 0,
        }
    }
}
