//! [`UsageSink`] and [`UsageReader`] in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::error::StoreError;
use crate::id::UserId;
use crate::store::{UsageReader, UsageSink};
use crate::usage::{Grain, UsageEvent, UsageQuery, UsageRow, UsageTotals};

#[async_trait]
impl UsageSink for MemoryStore {
    async fn record_usage(&self, events: &[UsageEvent]) -> Result<(), StoreError> {
        let mut tables = self.open()?;
        for event in events {
            if !tables.requests.insert(event.request_id) {
                continue;
            }
            let hour = Grain::Hour.floor(event.at);
            *tables
                .usage
                .entry((hour, event.user_id, event.model.clone()))
                .or_default() += UsageTotals::from(event);
            let name = tables
                .usage_names
                .entry(event.user_id)
                .or_insert_with(|| (event.at, event.user_name.clone()));
            if name.0 < event.at {
                *name = (event.at, event.user_name.clone());
            }
        }
        Ok(())
    }
}

#[async_trait]
impl UsageReader for MemoryStore {
    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        let tables = self.open()?;
        let mut sums: BTreeMap<_, UsageTotals> = BTreeMap::new();
        for ((hour, user_id, model), totals) in &tables.usage {
            let asked =
                query.since.is_none_or(|since| *hour >= since) && query.user_id.is_none_or(|wanted| wanted == *user_id);
            if asked {
                *sums.entry((query.grain.floor(*hour), *user_id, model)).or_default() += *totals;
            }
        }
        let name = |id: UserId| {
            tables
                .usage_names
                .get(&id)
                .map(|(_, name)| name.clone())
                .unwrap_or_default()
        };
        Ok(sums
            .into_iter()
            .map(|((at, user_id, model), totals)| UsageRow {
                at,
                user_id,
                user_name: name(user_id),
                model: model.clone(),
                totals,
            })
            .collect())
    }
}
