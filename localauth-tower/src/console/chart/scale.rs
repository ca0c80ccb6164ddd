//! Round numbers beside the bars.

use super::super::language::Language;
use super::{ABOVE, HEIGHT};

/// From zero to a round number that nothing exceeds.
pub(super) struct Scale {
    step: u128,
    steps: u128,
}

/// How many lines there are at most above the base.
const MAX_STEPS: u128 = 4;

impl Scale {
    pub(super) fn up_to(most: u64) -> Self {
        let most = u128::from(most).max(1);
        let mut step = 1;
        // 1, 2, 5, 10, 20, …
        for factor in [2, 5, 10].into_iter().cycle() {
            if step * MAX_STEPS >= most {
                break;
            }
            let decade = 10_u128.pow(step.ilog10());
            step = decade * factor;
        }
        Self {
            step,
            steps: most.div_ceil(step),
        }
    }

    /// The numbers of the lines, from the base up.
    pub(super) fn ticks(&self) -> impl Iterator<Item = u64> + '_ {
        (0..=self.steps).map(|n| u64::try_from(n * self.step).unwrap_or(u64::MAX))
    }

    /// Where a value is, in tenths of a pixel.
    #[expect(clippy::cast_precision_loss, reason = "far finer than a pixel")]
    pub(super) fn y(&self, value: u64) -> f64 {
        let part = value as f64 / (self.steps * self.step) as f64;
        ((ABOVE + HEIGHT * (1.0 - part.min(1.0))) * 10.0).round() / 10.0
    }
}

/// A round number in a few characters, with the prefixes of SI.
pub(super) fn short(number: u64, language: &Language) -> String {
    const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    let mut whole = number;
    let mut rest = 0;
    let mut place = 0;
    while whole >= 1_000 && place + 1 < PREFIXES.len() {
        rest = whole % 1_000;
        whole /= 1_000;
        place += 1;
    }
    let prefix = PREFIXES[place];
    match rest / 100 {
        0 => format!("{whole}{prefix}"),
        tenths => format!("{whole}{}{tenths}{prefix}", language.point()),
    }
}
