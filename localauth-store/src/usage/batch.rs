//! A batch of events as rows, added up before the database hears of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use localauth_core::{Grain, UsageEvent};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;

use crate::entity::{usage_event, usage_name, usage_rollup};
use crate::error::Failure;
use crate::text;

/// A request as its row has it.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) request_id: Uuid,
    at: i64,
    user_id: Uuid,
    user_name: String,
    key: Option<(Uuid, String)>,
    source: &'static str,
    model: String,
    endpoint: String,
    prompt_tokens: i64,
    completion_tokens: i64,
    estimated: bool,
}

/// Counts beyond the column's range are its greatest number.
fn count(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}

impl From<&UsageEvent> for Event {
    fn from(event: &UsageEvent) -> Self {
        Self {
            request_id: event.request_id.as_uuid(),
            at: event.at.as_millis(),
            user_id: event.user_id.as_uuid(),
            user_name: text::label(&event.user_name).into_owned(),
            key: event
                .key
                .as_ref()
                .map(|(id, name)| (id.as_uuid(), text::label(name).into_owned())),
            source: event.source.as_str(),
            model: text::label(&event.model).into_owned(),
            endpoint: text::label(&event.endpoint).into_owned(),
            prompt_tokens: count(event.prompt_tokens),
            completion_tokens: count(event.completion_tokens),
            estimated: event.estimated,
        }
    }
}

/// The events of a batch, the first of each request, in the order of their ids.
///
/// Every table is written in an order that all writers share, so that no two of them wait for each other.
pub(super) fn distinct(events: &[UsageEvent]) -> Vec<Event> {
    let mut seen = HashSet::new();
    let mut rows: Vec<Event> = events
        .iter()
        .filter(|e| seen.insert(e.request_id))
        .map(Event::from)
        .collect();
    rows.sort_unstable_by_key(|row| row.request_id);
    rows
}

/// The texts that must have a number first.
pub(super) fn labels(events: &[Event]) -> BTreeSet<String> {
    events
        .iter()
        .flat_map(|e| [e.model.clone(), e.endpoint.clone()])
        .collect()
}

/// The numbers of labels.
pub(super) type LabelIds = HashMap<String, i32>;

fn id_of(labels: &LabelIds, text: &str) -> Result<i32, Failure> {
    labels
        .get(text)
        .copied()
        .ok_or(Failure::Broken("a label of usage has no number"))
}

pub(super) fn event_row(event: &Event, labels: &LabelIds) -> Result<usage_event::ActiveModel, Failure> {
    Ok(usage_event::ActiveModel {
        request_id: Set(event.request_id),
        at: Set(event.at),
        user_id: Set(event.user_id),
        key_id: Set(event.key.as_ref().map(|(id, _)| *id)),
        model_id: Set(id_of(labels, &event.model)?),
        endpoint_id: Set(id_of(labels, &event.endpoint)?),
        source: Set(event.source.to_owned()),
        prompt_tokens: Set(event.prompt_tokens),
        completion_tokens: Set(event.completion_tokens),
        estimated: Set(event.estimated),
    })
}

/// The latest name of each user and key, in the order of the table's key.
pub(super) fn name_rows(events: &[Event]) -> Vec<usage_name::ActiveModel> {
    let mut latest: BTreeMap<(i16, Uuid), (i64, &str)> = BTreeMap::new();
    for event in events {
        let user = Some((usage_name::USER, event.user_id, event.user_name.as_str()));
        let key = event
            .key
            .as_ref()
            .map(|(id, name)| (usage_name::KEY, *id, name.as_str()));
        for (kind, id, name) in user.into_iter().chain(key) {
            let entry = latest.entry((kind, id)).or_insert((event.at, name));
            if entry.0 < event.at {
                *entry = (event.at, name);
            }
        }
    }
    latest
        .into_iter()
        .map(|((kind, id), (seen_at, name))| usage_name::ActiveModel {
            kind: Set(kind),
            id: Set(id),
            name: Set(name.to_owned()),
            seen_at: Set(seen_at),
        })
        .collect()
}

/// What a roll-up is told apart by, in the order of the table's key.
type Place = (i16, i64, Uuid, Uuid, i32, i32, &'static str);

#[derive(Default)]
struct Sums {
    prompt_tokens: i64,
    completion_tokens: i64,
    requests: i64,
    estimated_requests: i64,
    last_at: Option<i64>,
}

/// The sums of each hour's and each day's row, in the order of the table's key.
pub(super) fn rollup_rows(events: &[Event], labels: &LabelIds) -> Result<Vec<usage_rollup::ActiveModel>, Failure> {
    let mut rows: BTreeMap<Place, Sums> = BTreeMap::new();
    for event in events {
        let key_id = event.key.as_ref().map_or(Uuid::nil(), |(id, _)| *id);
        let (model, endpoint) = (id_of(labels, &event.model)?, id_of(labels, &event.endpoint)?);
        for grain in [Grain::Hour, Grain::Day] {
            let place = (
                usage_rollup::grain_to_column(grain),
                floor(event.at, grain),
                event.user_id,
                key_id,
                model,
                endpoint,
                event.source,
            );
            let sums = rows.entry(place).or_default();
            sums.prompt_tokens = sums.prompt_tokens.saturating_add(event.prompt_tokens);
            sums.completion_tokens = sums.completion_tokens.saturating_add(event.completion_tokens);
            sums.requests += 1;
            sums.estimated_requests += i64::from(event.estimated);
            sums.last_at = sums.last_at.max(Some(event.at));
        }
    }
    Ok(rows
        .into_iter()
        .map(
            |((grain, at, user_id, key_id, model_id, endpoint_id, source), sums)| usage_rollup::ActiveModel {
                grain: Set(grain),
                at: Set(at),
                user_id: Set(user_id),
                key_id: Set(key_id),
                model_id: Set(model_id),
                endpoint_id: Set(endpoint_id),
                source: Set(source.to_owned()),
                prompt_tokens: Set(sums.prompt_tokens),
                completion_tokens: Set(sums.completion_tokens),
                requests: Set(sums.requests),
                estimated_requests: Set(sums.estimated_requests),
                last_at: Set(sums.last_at.unwrap_or(at)),
            },
        )
        .collect())
}

/// The beginning of the hour or day; of the first one there is, its first whole one.
fn floor(at: i64, grain: Grain) -> i64 {
    at.div_euclid(grain.millis()).saturating_mul(grain.millis())
}
