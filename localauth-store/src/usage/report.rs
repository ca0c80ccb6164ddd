//! [`UsageReader`]: reports are added up from pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use localauth_core::{
    Grain, KeyId, StoreError, Timestamp, UsageHistory, UsageQuery, UsageReader, UsageRow, UsageSource, UsageSourceRow,
    UsageTotals, UserId,
};

use super::database::Stretch;
use super::names::Names;
use super::pages::Page;
use super::row::{Rollup, grain_to_column};
use crate::error::Failure;
use crate::sql_store::SqlStore;

#[async_trait]
impl UsageReader for SqlStore {
    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        self.ask(async {
            let Some(found) = self.found(&query).await? else {
                return Ok(Vec::new());
            };
            let names = self.names(&found).await?;
            Ok(by_model(&found, &names))
        })
        .await
    }

    async fn usage_by_source(&self, query: UsageQuery) -> Result<Vec<UsageSourceRow>, StoreError> {
        self.ask(async {
            let Some(found) = self.found(&query).await? else {
                return Ok(Vec::new());
            };
            let names = self.names(&found).await?;
            Ok(by_source(&found, &names))
        })
        .await
    }

    async fn usage_since(&self, history: &UsageHistory) -> Result<Vec<(Timestamp, UsageTotals)>, StoreError> {
        self.ask(self.history(history)).await
    }
}

/// Pages that are reported together.
pub(super) struct Part {
    pub(super) pages: Vec<Arc<Page>>,
    /// What all of them are reported under, if it is not their own time.
    at: Option<i64>,
}

/// What a report is made of.
pub(super) struct Found {
    pub(super) parts: Vec<Part>,
    /// The one key it is about.
    key: Option<i32>,
}

impl Found {
    pub(super) fn pages(&self) -> impl Iterator<Item = &Arc<Page>> {
        self.parts.iter().flat_map(|part| &part.pages)
    }
}

/// What a report is added up from: the pages of its grain; and where it begins within a day, the hours that are left of
/// that day.
fn stretches(query: &UsageQuery) -> Vec<(Stretch, Option<i64>)> {
    let whole = |since| {
        let stretch = Stretch {
            grain: grain_to_column(query.grain),
            since,
            before: i64::MAX,
        };
        (stretch, None)
    };
    let Some(since) = query.since.map(Timestamp::as_millis) else {
        return vec![whole(i64::MIN)];
    };
    let day = Grain::Day.millis();
    if query.grain == Grain::Hour || since.rem_euclid(day) == 0 {
        return vec![whole(since)];
    }
    let midnight = since.div_euclid(day).saturating_mul(day);
    let next = midnight.saturating_add(day);
    let hours = Stretch {
        grain: grain_to_column(Grain::Hour),
        since,
        before: next,
    };
    vec![(hours, Some(midnight)), whole(next)]
}

impl SqlStore {
    /// The pages that `query` is about. `None` when it is about somebody or something that was never met.
    async fn found(&self, query: &UsageQuery) -> Result<Option<Found>, Failure> {
        let ids: Vec<_> = [
            query.user_id.map(|id| id.as_uuid()),
            query.key_id.map(|id| id.as_uuid()),
        ]
        .into_iter()
        .flatten()
        .collect();
        let numbers = self.parties(&ids).await?;
        if numbers.len() < ids.len() {
            return Ok(None);
        }
        let user = query.user_id.and_then(|id| numbers.get(&id.as_uuid()));
        let mut parts = Vec::new();
        for (stretch, at) in stretches(query) {
            let pages = match user {
                // Of one user there is little: not worth remembering everybody's.
                Some(user) => self.pages_of_user(stretch, *user).await?,
                None => self.pages(stretch).await?,
            };
            parts.push(Part { pages, at });
        }
        let key = query.key_id.and_then(|id| numbers.get(&id.as_uuid()).copied());
        Ok(Some(Found { parts, key }))
    }

    async fn pages_of_user(&self, stretch: Stretch, user: i32) -> Result<Vec<Arc<Page>>, Failure> {
        let mut by_time: BTreeMap<i64, Vec<Rollup>> = BTreeMap::new();
        for row in self.usage().of_user(stretch, user).await? {
            by_time.entry(row.place.at).or_default().push(row);
        }
        let mut pages = Vec::with_capacity(by_time.len());
        for (at, rows) in by_time {
            pages.push(Arc::new(self.page_of(at, 0, &rows).await?));
        }
        Ok(pages)
    }
}

fn by_model(found: &Found, names: &Names) -> Vec<UsageRow> {
    let mut rows: Vec<UsageRow> = Vec::with_capacity(found.pages().map(|page| page.len()).sum());
    for part in &found.parts {
        let first = rows.len();
        for page in &part.pages {
            let at = Timestamp::from_millis(part.at.unwrap_or(page.at));
            for share in &page.users {
                let (id, name) = names.user(share.user);
                for sum in page.models_of(share, found.key).iter() {
                    rows.push(UsageRow {
                        at,
                        user_id: UserId::from_uuid(id),
                        user_name: Arc::clone(name),
                        model: Arc::clone(names.text(sum.model)),
                        totals: sum.totals,
                    });
                }
            }
        }
        if part.at.is_some() {
            let several = rows.split_off(first);
            let mut sums: BTreeMap<(UserId, Arc<str>), UsageRow> = BTreeMap::new();
            for row in several {
                match sums.get_mut(&(row.user_id, Arc::clone(&row.model))) {
                    Some(known) => known.totals += row.totals,
                    None => drop(sums.insert((row.user_id, Arc::clone(&row.model)), row)),
                }
            }
            rows.extend(sums.into_values());
        }
    }
    rows
}

/// What rows by source are told apart by, within an hour or day of a user.
type Credential = (UsageSource, Option<KeyId>);

fn by_source(found: &Found, names: &Names) -> Vec<UsageSourceRow> {
    let mut rows: Vec<UsageSourceRow> = Vec::with_capacity(found.pages().map(|page| page.len()).sum());
    for part in &found.parts {
        let first = rows.len();
        for page in &part.pages {
            let at = Timestamp::from_millis(part.at.unwrap_or(page.at));
            for share in &page.users {
                let (id, name) = names.user(share.user);
                for sum in page.credentials_of(share, found.key) {
                    rows.push(UsageSourceRow {
                        at,
                        user_id: UserId::from_uuid(id),
                        user_name: Arc::clone(name),
                        source: sum.source,
                        key: names.key(sum.key),
                        totals: sum.totals,
                        last_at: Timestamp::from_millis(sum.last_at),
                    });
                }
            }
        }
        if part.at.is_some() {
            let several = rows.split_off(first);
            let mut sums: BTreeMap<(UserId, Credential), UsageSourceRow> = BTreeMap::new();
            for row in several {
                let place = (row.user_id, (row.source, row.key.as_ref().map(|(id, _)| *id)));
                match sums.get_mut(&place) {
                    Some(known) => {
                        known.totals += row.totals;
                        known.last_at = row.last_at.max(known.last_at);
                    }
                    None => drop(sums.insert(place, row)),
                }
            }
            rows.extend(sums.into_values());
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_by_day_reads_hours_only_of_a_day_cut_short() {
        let day = Grain::Day.millis();
        let query = |since: i64, grain| UsageQuery {
            since: Some(Timestamp::from_millis(since)),
            user_id: None,
            key_id: None,
            grain,
        };
        let grains = |query| {
            stretches(&query)
                .iter()
                .map(|(s, _)| (s.grain, s.since, s.before))
                .collect::<Vec<_>>()
        };
        assert_eq!(grains(query(5 * day, Grain::Day)), [(2, 5 * day, i64::MAX)]);
        assert_eq!(grains(query(5 * day + 1, Grain::Hour)), [(1, 5 * day + 1, i64::MAX)]);
        assert_eq!(
            grains(query(5 * day + 1, Grain::Day)),
            [(1, 5 * day + 1, 6 * day), (2, 6 * day, i64::MAX)]
        );
    }
}
