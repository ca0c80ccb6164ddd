//! Usage told apart by something: sums, those with the most first.

use std::collections::HashMap;
use std::hash::Hash;

use localauth_core::UsageTotals;

use super::super::chart::{Band, MAX_BANDS};
use super::span::Span;

/// The most lines of a table; what is left is one line more.
const MAX_LINES: usize = 20;

/// What is counted in a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Tokens,
    /// Where nothing has tokens, as with images and speech.
    Requests,
}

impl Measure {
    pub(crate) const fn of(totals: &UsageTotals) -> Self {
        match totals.total_tokens() {
            0 => Self::Requests,
            _ => Self::Tokens,
        }
    }

    /// The id of its text.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Tokens => "usage-tokens",
            Self::Requests => "usage-requests",
        }
    }

    const fn value(self, totals: &UsageTotals) -> u64 {
        match self {
            Self::Tokens => totals.total_tokens(),
            Self::Requests => totals.requests,
        }
    }
}

/// One row of a report: in which bucket, by what it is told apart, the sums.
pub(crate) struct Item<'r, K> {
    pub(crate) bucket: &'r str,
    pub(crate) key: K,
    pub(crate) totals: UsageTotals,
}

/// What something is called, and where more about it is.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) link: Option<String>,
}

/// A line of a table.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: Name,
    pub(crate) totals: UsageTotals,
}

/// The lines of a table, and all that are left out together.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) lines: Vec<Line>,
    /// How many more there are, and their sum.
    pub(crate) others: Option<(u64, UsageTotals)>,
}

/// Sums by `K`.
pub(crate) struct Breakdown<K>(Vec<(K, UsageTotals)>);

impl<K: Copy + Eq + Hash + Ord> Breakdown<K> {
    pub(crate) fn of<'r>(items: impl Iterator<Item = Item<'r, K>>) -> Self {
        let mut sums: HashMap<K, UsageTotals> = HashMap::new();
        for item in items {
            *sums.entry(item.key).or_default() += item.totals;
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_unstable_by_key(|(key, totals)| (std::cmp::Reverse((totals.total_tokens(), totals.requests)), *key));
        Self(sums)
    }

    pub(crate) fn lines(&self, name: impl Fn(K) -> Name) -> Lines {
        let (shown, rest) = self.0.split_at(self.0.len().min(MAX_LINES));
        let line = |(key, totals): &(K, UsageTotals)| Line {
            name: name(*key),
            totals: *totals,
        };
        let mut sum = UsageTotals::default();
        for (_, totals) in rest {
            sum += *totals;
        }
        Lines {
            lines: shown.iter().map(line).collect(),
            others: (!rest.is_empty()).then_some((rest.len() as u64, sum)),
        }
    }

    /// The bands of a chart: one for each of the first, and one for all others.
    pub(crate) fn bands<'r>(
        &self,
        items: impl Iterator<Item = Item<'r, K>>,
        span: &Span,
        measure: Measure,
        name: impl Fn(K) -> Name,
        others: String,
    ) -> Vec<Band> {
        let shown = self.0.iter().take(MAX_BANDS);
        let places: HashMap<K, usize> = shown.clone().enumerate().map(|(at, (key, _))| (*key, at)).collect();
        let names = shown.map(|(key, _)| name(*key).text);
        let names = names.chain((self.0.len() > MAX_BANDS).then_some(others));
        let mut bands: Vec<Band> = names
            .map(|name| Band {
                name,
                values: vec![0; span.len()],
            })
            .collect();
        for item in items {
            let band = places.get(&item.key).copied().unwrap_or(MAX_BANDS);
            let band = bands.get_mut(band);
            if let Some(value) = span.place(item.bucket).and_then(|at| band?.values.get_mut(at)) {
                *value = value.saturating_add(measure.value(&item.totals));
            }
        }
        bands
    }
}

#[cfg(test)]
mod tests {
    use localauth_core::{Period, Timestamp};

    use super::*;

    const BUCKET: &str = "2026-03-01";

    fn items(count: u64) -> impl Iterator<Item = Item<'static, u64>> {
        (0..count).map(|key| {
            let totals = UsageTotals {
                prompt_tokens: key + 1,
                requests: 1,
                ..UsageTotals::default()
            };
            Item {
                bucket: BUCKET,
                key,
                totals,
            }
        })
    }

    fn name(key: u64) -> Name {
        Name {
            text: key.to_string(),
            link: None,
        }
    }

    #[test]
    fn whatever_there_is_too_much_of_is_one_line_and_one_band_more() {
        let now = Timestamp::parse_rfc3339("2026-03-01T00:00:00Z").unwrap();
        for (count, lines, bands) in [(0, 0, 0), (7, 7, 7), (8, 8, 8), (20, 20, 8), (300, 20, 8)] {
            let all = Breakdown::of(items(count));
            let table = all.lines(name);
            assert_eq!(
                (table.lines.len(), table.others.is_some()),
                (lines, count > 20),
                "{count}"
            );
            let mut sum: u64 = table.lines.iter().map(|line| line.totals.total_tokens()).sum();
            sum += table.others.map_or(0, |(_, totals)| totals.total_tokens());
            assert_eq!(sum, count * (count + 1) / 2, "{count}");

            let span = Span::of(Period::Week, now, [BUCKET].into_iter());
            let drawn = all.bands(items(count), &span, Measure::Tokens, name, "others".to_owned());
            assert_eq!(drawn.len(), bands, "{count}");
            assert_eq!(drawn.iter().flat_map(|band| &band.values).sum::<u64>(), sum, "{count}");
            if count > 0 {
                assert_eq!(drawn[0].name, (count - 1).to_string(), "those with the most come first");
            }
        }
    }
}
