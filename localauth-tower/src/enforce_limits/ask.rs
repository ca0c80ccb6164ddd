//! What a request is held for.

use localauth_core::limit::Claim;
use localauth_core::{Identity, TokenAsk};

use crate::inspect::Inspected;

/// Tokens that a stream is held for at first. It asks for more as it goes on.
pub(super) const FIRST_GRANT: u64 = 4;

/// How the tokens of a request are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tokens {
    /// Not, or by limits that only warn.
    Unlimited,
    /// Counted out to a stream as it is written.
    Streamed,
    /// Held as a whole before anything is written.
    Whole,
}

impl Tokens {
    /// How the limits of `identity` bind a request for `model`.
    pub(super) fn of(identity: &Identity, model: &str, asked: Option<&Inspected>) -> Self {
        let binds = |claim: &Claim| claim.rule.covers(model) && !claim.rule.soft && claim.rule.limits_tokens();
        if !identity.claims().iter().any(binds) {
            Self::Unlimited
        } else if asked.is_some_and(Inspected::is_stream) {
            Self::Streamed
        } else {
            Self::Whole
        }
    }

    /// What is held for it, when the prompt has so many tokens.
    pub(super) fn ask(self, prompt_tokens: u64, asked: Option<&Inspected>, default_completion: u64) -> TokenAsk {
        let choices = asked.map_or(1, |asked| u64::from(asked.n())).max(1);
        let writes = asked.is_none_or(Inspected::writes_tokens);
        // Whoever asks for no token at all is written one, by more than one model server.
        let told = asked.and_then(Inspected::max_tokens).map(|tokens| tokens.max(1));
        let (least_completion, most_completion) = match self {
            _ if !writes => (0, 0),
            Self::Unlimited => (0, 0),
            Self::Streamed => {
                let each = told.unwrap_or(FIRST_GRANT).min(FIRST_GRANT);
                (choices, each.saturating_mul(choices))
            }
            Self::Whole => (choices, told.unwrap_or(default_completion).saturating_mul(choices)),
        };
        TokenAsk {
            prompt_tokens: if self == Self::Unlimited { 0 } else { prompt_tokens },
            least_completion: least_completion.min(most_completion),
            most_completion,
        }
    }
}
