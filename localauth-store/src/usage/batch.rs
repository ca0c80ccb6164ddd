//! A batch of events, added up before the database hears of it.

use std::collections::{BTreeSet, HashMap};

use localauth_core::{Grain, UsageEvent, UsageTotals};

use super::numbers::Finder;
use super::row::{Event, NO_KEY, PageId, Place, Rollup, count, floor, grain_to_column, source_to_column};

/// The events of a batch, the first of each request, in the order of their ids. `None` when something has no number.
///
/// Every table is written in an order that all writers share, so that no two of them wait for each other.
pub(super) fn distinct(events: &[UsageEvent], finder: &Finder<'_>) -> Option<Vec<Event>> {
    let mut rows = events
        .iter()
        .map(|event| row(event, finder))
        .collect::<Option<Vec<Event>>>()?;
    // Stable, so that the first of each stays the first; and nearly always they are in this order already.
    rows.sort_by_key(|row| row.request_id);
    rows.dedup_by_key(|row| row.request_id);
    Some(rows)
}

fn row(event: &UsageEvent, finder: &Finder<'_>) -> Option<Event> {
    let (key, key_label) = match &event.key {
        Some((id, name)) => (finder.party(&id.as_uuid())?, finder.label(name)?),
        None => (NO_KEY, 0),
    };
    Some(Event {
        request_id: event.request_id.as_uuid(),
        at: event.at.as_millis(),
        user: finder.party(&event.user_id.as_uuid())?,
        key,
        model: finder.label(&event.model)?,
        endpoint: finder.label(&event.endpoint)?,
        source: source_to_column(event.source),
        user_label: finder.label(&event.user_name)?,
        key_label,
        prompt_tokens: count(event.prompt_tokens),
        cached_tokens: count(event.cached_tokens),
        completion_tokens: count(event.completion_tokens),
        cost_micros: count(event.cost_micros),
        estimated: event.estimated,
    })
}

impl Rollup {
    /// Nothing yet, at this place.
    const fn empty(place: Place) -> Self {
        Self {
            place,
            user_label: 0,
            key_label: 0,
            totals: UsageTotals {
                prompt_tokens: 0,
                cached_tokens: 0,
                completion_tokens: 0,
                cost_micros: 0,
                requests: 0,
                estimated_requests: 0,
            },
            last_at: i64::MIN,
        }
    }

    fn add(&mut self, other: &Self) {
        self.totals += other.totals;
        if self.last_at < other.last_at {
            self.last_at = other.last_at;
            self.user_label = other.user_label;
            self.key_label = other.key_label;
        }
    }
}

impl From<&Event> for Rollup {
    /// The hour's share.
    fn from(event: &Event) -> Self {
        Self {
            place: Place {
                grain: grain_to_column(Grain::Hour),
                at: floor(event.at, Grain::Hour),
                user: event.user,
                model: event.model,
                key: event.key,
                source: event.source,
            },
            user_label: event.user_label,
            key_label: event.key_label,
            totals: UsageTotals {
                prompt_tokens: event.prompt_tokens.unsigned_abs(),
                cached_tokens: event.cached_tokens.unsigned_abs(),
                completion_tokens: event.completion_tokens.unsigned_abs(),
                cost_micros: event.cost_micros.unsigned_abs(),
                requests: 1,
                estimated_requests: u64::from(event.estimated),
            },
            last_at: event.at,
        }
    }
}

/// What the events add to each hour's and each day's row, in the order of the table's key.
pub(super) fn add_up(events: &[Event]) -> Vec<Rollup> {
    let mut hours: HashMap<Place, Rollup> = HashMap::with_capacity(events.len() / 2);
    for event in events {
        let share = Rollup::from(event);
        hours
            .entry(share.place)
            .or_insert_with(|| Rollup::empty(share.place))
            .add(&share);
    }
    let mut days: HashMap<Place, Rollup> = HashMap::with_capacity(hours.len());
    for hour in hours.values() {
        let place = Place {
            grain: grain_to_column(Grain::Day),
            at: floor(hour.place.at, Grain::Day),
            ..hour.place
        };
        days.entry(place).or_insert_with(|| Rollup::empty(place)).add(hour);
    }
    let mut rows: Vec<Rollup> = hours.into_values().chain(days.into_values()).collect();
    rows.sort_unstable_by_key(|row| row.place);
    rows
}

/// The pages that the rows are of, in the order of the table's key.
pub(super) fn pages(rows: &[Rollup]) -> BTreeSet<PageId> {
    rows.iter().map(|row| (row.place.grain, row.place.at)).collect()
}

/// The rows together with the versions of their pages, which are in the same order.
pub(super) fn versioned<'a>(
    rows: &'a [Rollup],
    pages: &'a BTreeSet<PageId>,
    versions: &'a [i64],
) -> impl Iterator<Item = (&'a Rollup, i64)> {
    let mut pages = pages.iter().zip(versions).peekable();
    rows.iter().filter_map(move |row| {
        let page = (row.place.grain, row.place.at);
        while pages.next_if(|(next, _)| **next < page).is_some() {}
        pages.peek().map(|(_, version)| (row, **version))
    })
}
