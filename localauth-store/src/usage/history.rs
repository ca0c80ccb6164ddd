//! What somebody used lately: the beginning of a limit.

use std::collections::BTreeMap;

use localauth_core::{Grain, HOUR_MILLIS, KeyId, Timestamp, UsageHistory, UsageTotals, UserId};

use super::row::floor;
use super::sweep::first_id;
use crate::error::Failure;
use crate::sql_store::SqlStore;

/// How much earlier than its answer a request may have got its id, to be found one by one.
const SLACK: i64 = HOUR_MILLIS / 6;

/// Single requests are added up by the second.
const SECOND: i64 = 1_000;

/// Whose usage, in numbers.
pub(super) struct Asked {
    pub(super) user: Option<i32>,
    /// Not that of these.
    pub(super) without: Vec<i32>,
    /// With one of these keys; empty is all.
    pub(super) keys: Vec<i32>,
    pub(super) model: Option<i32>,
}

impl SqlStore {
    /// Sums of what was used, under the time of the last of each.
    pub(super) async fn history(&self, history: &UsageHistory) -> Result<Vec<(Timestamp, UsageTotals)>, Failure> {
        let Some(asked) = self.in_numbers(history).await? else {
            return Ok(Vec::new());
        };
        let database = self.usage();
        let Some(latest) = database.latest_hour().await? else {
            return Ok(Vec::new());
        };
        let since = history.since.as_millis();
        let hour = floor(since, Grain::Hour);
        // From here on by the second. What is not older than an hour is not before the hour before the latest one.
        let single = latest.saturating_sub(HOUR_MILLIS).max(hour);
        let mut hours: BTreeMap<i64, (UsageTotals, i64)> = BTreeMap::new();
        for moment in database.hours(&asked, hour).await? {
            let (sum, last_at) = hours
                .entry(floor(moment.at, Grain::Hour))
                .or_insert((UsageTotals::default(), i64::MIN));
            *sum += moment.totals;
            *last_at = moment.at.max(*last_at);
        }
        // What is written in between is then among the single requests, and nothing is left over in its hour.
        let moments = if hours.range(single..).next().is_some() {
            let first = first_id(Timestamp::from_millis(single.saturating_sub(SLACK)));
            database.moments(&asked, first, single).await?
        } else {
            Vec::new()
        };
        let mut seconds: BTreeMap<i64, (UsageTotals, i64)> = BTreeMap::new();
        for moment in moments {
            // What was found one by one is not left over in its hour. (What is left was deleted, or got its id early.)
            if let Some((left, _)) = hours.get_mut(&floor(moment.at, Grain::Hour)) {
                subtract(left, moment.totals);
            }
            if moment.at < since {
                continue;
            }
            let (sum, last_at) = seconds
                .entry(moment.at.div_euclid(SECOND))
                .or_insert((UsageTotals::default(), moment.at));
            *sum += moment.totals;
            *last_at = moment.at.max(*last_at);
        }
        Ok(hours
            .into_values()
            .chain(seconds.into_values())
            .filter(|(sum, last_at)| *last_at >= since && *sum != UsageTotals::default())
            .map(|(sum, last_at)| (Timestamp::from_millis(last_at), sum))
            .collect())
    }

    /// `None` when one of those asked for was never met.
    async fn in_numbers(&self, history: &UsageHistory) -> Result<Option<Asked>, Failure> {
        let mut ids: Vec<_> = history.key_ids.iter().map(KeyId::as_uuid).collect();
        ids.extend(history.user_id.map(|id| id.as_uuid()));
        ids.extend(history.without.iter().map(UserId::as_uuid));
        let parties = self.parties(&ids).await?;
        let user = history.user_id.map(|id| parties.get(&id.as_uuid()).copied());
        let keys: Vec<i32> = history
            .key_ids
            .iter()
            .filter_map(|id| parties.get(&id.as_uuid()).copied())
            .collect();
        let without = history
            .without
            .iter()
            .filter_map(|id| parties.get(&id.as_uuid()).copied())
            .collect();
        let model = match &history.model {
            Some(model) => Some(self.label(model).await?),
            None => None,
        };
        if user == Some(None) || model == Some(None) || keys.is_empty() != history.key_ids.is_empty() {
            return Ok(None);
        }
        Ok(Some(Asked {
            user: user.flatten(),
            without,
            keys,
            model: model.flatten(),
        }))
    }
}

fn subtract(from: &mut UsageTotals, what: UsageTotals) {
    from.prompt_tokens = from.prompt_tokens.saturating_sub(what.prompt_tokens);
    from.cached_tokens = from.cached_tokens.saturating_sub(what.cached_tokens);
    from.completion_tokens = from.completion_tokens.saturating_sub(what.completion_tokens);
    from.cost_micros = from.cost_micros.saturating_sub(what.cost_micros);
    from.requests = from.requests.saturating_sub(what.requests);
    from.estimated_requests = from.estimated_requests.saturating_sub(what.estimated_requests);
}
