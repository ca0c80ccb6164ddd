//! The stretches of time that usage is shown by.

use std::collections::BTreeSet;

use localauth_core::{Bucket, HOUR_MILLIS, Period, Timestamp};

use super::super::chart::Bar;
use super::super::frame::Frame;
use super::super::trouble::Trouble;
use super::super::visit::Visit;

/// More months than these are shown as years.
const MAX_MONTHS: usize = 36;

/// The periods to choose from, as they are written in addresses.
pub(crate) const PERIODS: [&str; 4] = ["day", "week", "month", "all"];

/// The period that was asked for, and how it is written.
pub(crate) fn period(visit: &Visit) -> Result<(Period, &'static str), Trouble> {
    let asked = visit.query("period").unwrap_or_else(|| "month".to_owned());
    let known = PERIODS.into_iter().find(|name| *name == asked);
    let name = known.ok_or(Trouble::bad("error-usage-period"))?;
    let period = name.parse().map_err(|_| Trouble::bad("error-usage-period"))?;
    Ok((period, name))
}

/// All stretches of a period, also those in which nothing was used.
#[derive(Debug)]
pub(crate) struct Span {
    /// Their names, in order: parts of the names of buckets in a report.
    names: Vec<String>,
    bucket: Bucket,
    /// How much of a bucket's name names the stretch.
    name_len: usize,
}

impl Span {
    /// The stretches from the beginning of `period` until now, and those of `found`, the buckets of a report.
    pub(crate) fn of<'r>(period: Period, now: Timestamp, found: impl Iterator<Item = &'r str>) -> Self {
        let bucket = period.bucket();
        let mut names: BTreeSet<String> = found.map(str::to_owned).collect();
        match (bucket, period.start(now)) {
            (Bucket::Hour, Some(start)) => names.extend(steps(bucket, start, now, HOUR_MILLIS)),
            (Bucket::Day, Some(start)) => names.extend(steps(bucket, start, now, 24 * HOUR_MILLIS)),
            _ => {
                let last = bucket.name(now);
                if let Some(first) = names.first().cloned() {
                    names.extend(months(&first, &last));
                }
            }
        }
        let name_len = if bucket == Bucket::Month && names.len() > MAX_MONTHS {
            4
        } else {
            usize::MAX
        };
        let cut: BTreeSet<String> = names.iter().map(|name| part(name, name_len).to_owned()).collect();
        Self {
            names: cut.into_iter().collect(),
            bucket,
            name_len,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Which stretch a bucket of the report falls into.
    pub(crate) fn place(&self, bucket: &str) -> Option<usize> {
        let name = part(bucket, self.name_len);
        self.names.binary_search_by(|known| known.as_str().cmp(name)).ok()
    }

    pub(crate) fn bars(&self, frame: &Frame) -> Vec<Bar> {
        let bar = |name: &String| Bar {
            name: name.clone(),
            short: self.short(name, frame),
        };
        self.names.iter().map(bar).collect()
    }

    /// `22:00`, `21 Nov`, `Nov 2026`, `2026`, as the reader writes it.
    fn short(&self, name: &str, frame: &Frame) -> String {
        let year = name.get(..4).unwrap_or_default();
        let month = || {
            let month = name.get(5..7).unwrap_or_default();
            frame.t(&format!("usage-month-{month}"))
        };
        match (self.bucket, name.len()) {
            (Bucket::Hour, _) => name.get(11..).unwrap_or(name).to_owned(),
            (Bucket::Day, 10) => {
                let day = name.get(8..).unwrap_or_default().trim_start_matches('0');
                frame.t2("usage-axis-day", "day", day, "month", month())
            }
            (Bucket::Month, 7) => format!("{} {year}", month()),
            _ => name.to_owned(),
        }
    }
}

fn part(name: &str, len: usize) -> &str {
    name.get(..len).unwrap_or(name)
}

fn steps(bucket: Bucket, start: Timestamp, now: Timestamp, millis: i64) -> impl Iterator<Item = String> {
    let next = move |at: &i64| Some(at.saturating_add(millis));
    std::iter::successors(Some(start.as_millis()), next)
        .take_while(move |at| *at <= now.as_millis())
        .map(move |at| bucket.name(Timestamp::from_millis(at)))
}

/// The months from one to another, `YYYY-MM`.
fn months(first: &str, last: &str) -> Vec<String> {
    let read = |text: &str| {
        let (year, month) = text.split_once('-')?;
        Some(year.parse::<u32>().ok()? * 12 + month.parse::<u32>().ok()?.checked_sub(1)?)
    };
    let (Some(first), Some(last)) = (read(first), read(last)) else {
        return Vec::new();
    };
    let name = |n: u32| format!("{:04}-{:02}", n / 12, n % 12 + 1);
    (first..=last).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(period: Period, now: &str, found: &[&str]) -> Vec<String> {
        let now = Timestamp::parse_rfc3339(now).unwrap();
        Span::of(period, now, found.iter().copied()).names
    }

    #[test]
    fn hours_and_days_without_usage_are_there_too() {
        let day = names(Period::Day, "2026-03-01T10:20:30Z", &[]);
        assert_eq!(
            (day.len(), &*day[0], &*day[23]),
            (24, "2026-02-28 11:00", "2026-03-01 10:00")
        );
        let week = names(Period::Week, "2026-03-01T00:00:00Z", &["2026-02-25"]);
        assert_eq!((week.len(), &*week[0], &*week[6]), (7, "2026-02-23", "2026-03-01"));
        assert_eq!(names(Period::Month, "2026-03-01T10:20:30Z", &[]).len(), 30);
    }

    #[test]
    fn months_begin_with_the_first_usage_and_become_years() {
        assert_eq!(names(Period::All, "2026-03-01T00:00:00Z", &[]), Vec::<String>::new());
        let few = names(Period::All, "2026-03-01T00:00:00Z", &["2025-11", "2026-01"]);
        assert_eq!(few, ["2025-11", "2025-12", "2026-01", "2026-02", "2026-03"]);
        let many = names(Period::All, "2026-03-01T00:00:00Z", &["2019-11"]);
        assert_eq!(many, ["2019", "2020", "2021", "2022", "2023", "2024", "2025", "2026"]);
    }

    #[test]
    fn what_a_report_names_has_its_place_even_in_the_future() {
        let now = Timestamp::parse_rfc3339("2026-03-01T00:00:00Z").unwrap();
        let span = Span::of(Period::Week, now, ["2026-03-09"].into_iter());
        assert_eq!(
            (span.len(), span.place("2026-03-09"), span.place("2026-03-02")),
            (8, Some(7), None)
        );
        let years = Span::of(Period::All, now, ["2019-11"].into_iter());
        assert_eq!(years.place("2021-05"), Some(2));
    }
}
