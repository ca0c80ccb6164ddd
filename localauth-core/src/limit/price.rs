//! What a model costs.

use serde::{Deserialize, Serialize};

/// What a model costs, in millionths of a currency (whichever all prices are in). Whole numbers throughout.
///
/// ```
/// use localauth_core::Price;
///
/// // 3.00 and 15.00 for a million tokens, 0.30 for cached ones.
/// let price = Price { prompt: 3_000_000, cached_prompt: Some(300_000), completion: 15_000_000, second: 0 };
/// assert_eq!(price.cost(1_000, 0, 100, 0), 3_000 + 1_500);
/// assert_eq!(price.cost(1_000, 1_000, 0, 0), 300);
/// // What is a part of a millionth counts as one.
/// assert_eq!(price.cost(0, 0, 1, 0), 15);
/// assert_eq!(Price { completion: 1, ..Price::FREE }.cost(0, 0, 1, 0), 1);
///
/// // A local model: 0.36 an hour.
/// assert_eq!(Price { second: 100, ..Price::FREE }.cost(9, 0, 9, 2_500), 250);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Price {
    /// Of a million tokens read.
    pub prompt: u64,
    /// Of a million tokens read that were in the model server's cache; `None` is as any other.
    pub cached_prompt: Option<u64>,
    /// Of a million tokens written.
    pub completion: u64,
    /// Of a second, from the request to the end of its answer.
    pub second: u64,
}

const MILLION: u128 = 1_000_000;

impl Price {
    /// Nothing costs anything.
    pub const FREE: Self = Self {
        prompt: 0,
        cached_prompt: None,
        completion: 0,
        second: 0,
    };

    /// Whether nothing costs anything.
    pub fn is_free(&self) -> bool {
        self.prompt == 0 && self.cached_prompt.unwrap_or(0) == 0 && self.completion == 0 && self.second == 0
    }

    /// What a request costs: `cached` of the `prompt` tokens were cached, and it took `millis` milliseconds. Rounded up.
    pub fn cost(&self, prompt: u64, cached: u64, completion: u64, millis: u64) -> u64 {
        let cached = cached.min(prompt);
        let times = |count: u64, price: u64| u128::from(count) * u128::from(price);
        let tokens = times(prompt - cached, self.prompt)
            .saturating_add(times(cached, self.cached_prompt.unwrap_or(self.prompt)))
            .saturating_add(times(completion, self.completion));
        let time = times(millis, self.second).div_ceil(1_000);
        u64::try_from(tokens.div_ceil(MILLION).saturating_add(time)).unwrap_or(u64::MAX)
    }

    /// What so much time costs. Rounded up.
    pub fn of_time(&self, time: std::time::Duration) -> u64 {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.cost(0, 0, 0, millis)
    }

    /// How many more tokens may be written when `prompt` and `completion` are there already and all may cost `most`.
    pub fn affordable(&self, prompt: u64, completion: u64, most: u64) -> u64 {
        if self.completion == 0 {
            return if self.cost(prompt, 0, completion, 0) <= most {
                u64::MAX
            } else {
                0
            };
        }
        let spent = u128::from(prompt) * u128::from(self.prompt) + u128::from(completion) * u128::from(self.completion);
        let left = (u128::from(most) * MILLION).saturating_sub(spent);
        u64::try_from(left / u128::from(self.completion)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is called affordable is, and one more token is not.
        #[test]
        fn affordable_is_exact(
            prompt in 0_u64..10_000_000, completion in 1_u64..10_000_000,
            (read, written, most) in (0_u64..100_000, 0_u64..100_000, 0_u64..10_000_000),
        ) {
            let price = Price { prompt, completion, ..Price::FREE };
            let more = price.affordable(read, written, most);
            prop_assert!(more == 0 || price.cost(read, 0, written + more, 0) <= most);
            prop_assert!(price.cost(read, 0, written + more + 1, 0) > most);
        }
    }
}
