//! Rules of [`UsageSink`] and [`UsageReader`].

mod counts;
mod history;
mod reports;
mod sources;

pub use self::counts::*;
pub use self::history::*;
pub use self::reports::*;
pub use self::sources::*;
use crate::store::{UsageReader, UsageSink};
use crate::usage::{Grain, UsageQuery, UsageRow, UsageTotals};

group!(__contract_usage: UsageSink, UsageReader);

const ALL: UsageQuery = UsageQuery {
    since: None,
    user_id: None,
    key_id: None,
    grain: Grain::Hour,
};
const BY_DAY: UsageQuery = UsageQuery {
    grain: Grain::Day,
    ..ALL
};

async fn report<S: UsageReader + ?Sized>(store: &S, query: UsageQuery) -> Vec<UsageRow> {
    store.usage(query).await.expect("the store answers")
}

async fn totals<S: UsageReader + ?Sized>(store: &S) -> UsageTotals {
    report(store, ALL)
        .await
        .into_iter()
        .fold(UsageTotals::default(), |mut sum, row| {
            sum += row.totals;
            sum
        })
}

/// `requests` times what [`event`] counts.
const fn plain(requests: u64) -> UsageTotals {
    UsageTotals {
        prompt_tokens: requests,
        cached_tokens: 0,
        completion_tokens: 2 * requests,
        cost_micros: 0,
        requests,
        estimated_requests: 0,
    }
}
