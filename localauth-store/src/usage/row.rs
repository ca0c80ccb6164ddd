//! Rows, with numbers for ids and texts.

use localauth_core::{Grain, UsageSource, UsageTotals};
use sea_orm::prelude::Uuid;

use crate::error::BadRow;

/// The number of no key.
pub(super) const NO_KEY: i32 = 0;

/// A request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) request_id: Uuid,
    pub(super) at: i64,
    pub(super) user: i32,
    pub(super) key: i32,
    pub(super) model: i32,
    pub(super) endpoint: i32,
    pub(super) source: i16,
    pub(super) user_label: i32,
    pub(super) key_label: i32,
    pub(super) prompt_tokens: i64,
    pub(super) cached_tokens: i64,
    pub(super) completion_tokens: i64,
    pub(super) cost_micros: i64,
    pub(super) estimated: bool,
}

/// What a roll-up is told apart by, in the order of the table's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) grain: i16,
    pub(super) at: i64,
    pub(super) user: i32,
    pub(super) model: i32,
    pub(super) key: i32,
    pub(super) source: i16,
}

/// A roll-up: what a batch adds, or what there is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rollup {
    pub(super) place: Place,
    pub(super) user_label: i32,
    pub(super) key_label: i32,
    pub(super) totals: UsageTotals,
    pub(super) last_at: i64,
}

/// An hour or a day: its grain and its beginning.
pub(super) type PageId = (i16, i64);

pub(super) const fn grain_to_column(grain: Grain) -> i16 {
    match grain {
        Grain::Hour => 1,
        Grain::Day => 2,
    }
}

pub(super) const fn source_to_column(source: UsageSource) -> i16 {
    match source {
        UsageSource::Web => 2,
        UsageSource::Legacy => 3,
        // The rest is API keys; a source that is new to this version cannot come here, as the two are built together.
        _ => 1,
    }
}

pub(super) fn source_from_column(source: i16) -> Result<UsageSource, BadRow> {
    match source {
        1 => Ok(UsageSource::ApiKey),
        2 => Ok(UsageSource::Web),
        3 => Ok(UsageSource::Legacy),
        _ => Err(BadRow("source")),
    }
}

/// Counts beyond the column's range are its greatest number.
pub(super) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count as it was stored.
pub(super) fn counted(number: i64) -> Result<u64, BadRow> {
    u64::try_from(number).map_err(|_| BadRow("usage"))
}

/// The beginning of the hour or day; of the first one there is, its first whole one.
pub(super) fn floor(at: i64, grain: Grain) -> i64 {
    at.div_euclid(grain.millis()).saturating_mul(grain.millis())
}

/// What was used up to a point in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: i64,
    pub(super) totals: UsageTotals,
}
