//! [`UsageSink`] and [`UsageReader`] in memory.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use super::tables::{Named, Tables, UsageKey};
use crate::clock::Timestamp;
use crate::error::StoreError;
use crate::id::{KeyId, UserId};
use crate::store::{UsageReader, UsageSink};
use crate::usage::{Grain, HOUR_MILLIS, UsageEvent, UsageHistory, UsageQuery, UsageRow, UsageSourceRow, UsageTotals};

/// How many requests are remembered, so that none counts twice: about 50 MB.
const KEEP_REQUESTS: usize = 1_000_000;

fn note<K: Eq + Hash>(names: &mut HashMap<K, Named>, id: K, at: Timestamp, name: &str) {
    let known = names.entry(id).or_insert_with(|| (at, Arc::from(name)));
    if known.0 < at {
        *known = (at, Arc::from(name));
    }
}

#[async_trait]
impl UsageSink for MemoryStore {
    async fn record_usage(&self, events: &[UsageEvent]) -> Result<(), StoreError> {
        let mut tables = self.open()?;
        for event in events {
            if !tables.requests.insert(event.request_id) {
                continue;
            }
            if tables.requests.len() > KEEP_REQUESTS {
                tables.requests.pop_first();
            }
            let hour = Grain::Hour.floor(event.at);
            let key_id = event.key.as_ref().map(|(id, _)| *id);
            tables.note_recent(event);
            let (sums, last_at) = tables
                .usage
                .entry((
                    hour,
                    event.user_id,
                    event.source,
                    key_id,
                    Arc::from(event.model.as_str()),
                ))
                .or_insert((UsageTotals::default(), event.at));
            *sums += UsageTotals::from(event);
            *last_at = event.at.max(*last_at);
            note(&mut tables.user_names, event.user_id, event.at, &event.user_name);
            if let Some((id, name)) = &event.key {
                note(&mut tables.key_names, *id, event.at, name);
            }
        }
        Ok(())
    }

    async fn sweep_usage(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tables = self.open()?;
        let known = tables.requests.len();
        tables.requests.retain(|id| id.made_at() >= before);
        Ok((known - tables.requests.len()) as u64)
    }
}

/// How long single requests are remembered, for limits to begin with, and how many at most.
const RECENT_MILLIS: i64 = 2 * HOUR_MILLIS;
const MAX_RECENT: usize = 100_000;

impl Tables {
    fn note_recent(&mut self, event: &UsageEvent) {
        let moment = (
            event.user_id,
            event.key.as_ref().map(|(id, _)| *id),
            event.model.clone(),
        );
        self.recent.push((event.at, moment, UsageTotals::from(event)));
        if self.recent.len() > MAX_RECENT {
            let newest = self.recent.iter().map(|(at, ..)| at.as_millis()).max().unwrap_or(0);
            self.recent.retain(|(at, ..)| newest - at.as_millis() < RECENT_MILLIS);
        }
    }

    fn asked(&self, query: UsageQuery) -> impl Iterator<Item = (&UsageKey, &(UsageTotals, Timestamp))> {
        self.usage.iter().filter(move |((hour, user_id, _, key_id, _), _)| {
            query.since.is_none_or(|since| *hour >= since)
                && query.user_id.is_none_or(|wanted| wanted == *user_id)
                && (query.key_id.is_none() || query.key_id == *key_id)
        })
    }

    fn user_name(&self, id: UserId) -> Arc<str> {
        self.user_names
            .get(&id)
            .map(|(_, name)| Arc::clone(name))
            .unwrap_or_default()
    }
}

#[async_trait]
impl UsageReader for MemoryStore {
    async fn usage(&self, query: UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        let tables = self.open()?;
        let mut sums: BTreeMap<_, UsageTotals> = BTreeMap::new();
        for ((hour, user_id, _, _, model), (totals, _)) in tables.asked(query) {
            *sums.entry((query.grain.floor(*hour), *user_id, model)).or_default() += *totals;
        }
        Ok(sums
            .into_iter()
            .map(|((at, user_id, model), totals)| UsageRow {
                at,
                user_id,
                user_name: tables.user_name(user_id),
                model: Arc::clone(model),
                totals,
            })
            .collect())
    }

    async fn usage_since(&self, history: &UsageHistory) -> Result<Vec<(Timestamp, UsageTotals)>, StoreError> {
        let tables = self.open()?;
        let is_asked = |user_id: UserId, key_id: Option<KeyId>, model: &str| {
            history.user_id.is_none_or(|wanted| wanted == user_id)
                && !history.without.contains(&user_id)
                && (history.key_ids.is_empty() || key_id.is_some_and(|id| history.key_ids.contains(&id)))
                && history.model.as_deref().is_none_or(|wanted| wanted == model)
        };
        // Single requests from the first whole hour on that has them all.
        let newest = tables.recent.iter().map(|(at, ..)| at.as_millis()).max().unwrap_or(0);
        let single = Grain::Hour.floor(Timestamp::from_millis(newest - HOUR_MILLIS));
        let recent = tables.recent.iter().filter(|(at, (user_id, key_id, model), _)| {
            *at >= single.max(history.since) && is_asked(*user_id, *key_id, model)
        });
        let older = tables
            .usage
            .iter()
            .filter(|((hour, user_id, _, key_id, model), (_, last_at))| {
                *hour < single && *last_at >= history.since && is_asked(*user_id, *key_id, model)
            });
        Ok(recent
            .map(|(at, _, totals)| (*at, *totals))
            .chain(older.map(|(_, (totals, last_at))| (*last_at, *totals)))
            .collect())
    }

    async fn usage_by_source(&self, query: UsageQuery) -> Result<Vec<UsageSourceRow>, StoreError> {
        let tables = self.open()?;
        let mut sums: BTreeMap<_, (UsageTotals, Timestamp)> = BTreeMap::new();
        for ((hour, user_id, source, key_id, _), (totals, last)) in tables.asked(query) {
            let (sum, last_at) = sums
                .entry((query.grain.floor(*hour), *user_id, *source, *key_id))
                .or_insert((UsageTotals::default(), *last));
            *sum += *totals;
            *last_at = (*last).max(*last_at);
        }
        let named = |id| {
            (
                id,
                tables
                    .key_names
                    .get(&id)
                    .map(|(_, name)| Arc::clone(name))
                    .unwrap_or_default(),
            )
        };
        Ok(sums
            .into_iter()
            .map(|((at, user_id, source, key_id), (totals, last_at))| UsageSourceRow {
                at,
                user_id,
                user_name: tables.user_name(user_id),
                source,
                key: key_id.map(named),
                totals,
                last_at,
            })
            .collect())
    }
}
