//! What an earlier process answered and could not post any more: it is still held.

use std::collections::{BTreeMap, HashMap};

use localauth_core::limit::Amounts;
use localauth_core::{RequestId, UsageEvent};
use sea_orm::prelude::Uuid;
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, DbBackend, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use super::batch::count_in_slots;
use crate::entity::{limit_counter, limit_hold};
use crate::error::Failure;
use crate::portion::portions;

/// Counts what these requests used, each under the counters that it is held under, and lets go of it. What was posted
/// is held no longer, so nothing counts twice.
pub(super) async fn recover(transaction: &DatabaseTransaction, events: &[UsageEvent]) -> Result<(), Failure> {
    use limit_hold::{Column, Entity};
    let by_hold: HashMap<Uuid, &UsageEvent> = events.iter().map(|event| (id(event), event)).collect();
    let ids: Vec<Uuid> = by_hold.keys().copied().collect();
    let mut held = Vec::new();
    for portion in portions(&ids) {
        let mut select = Entity::find()
            .filter(Column::Hold.is_in(portion.iter().copied()))
            .order_by_asc(Column::Hold)
            .order_by_asc(Column::CounterId);
        if sea_orm::ConnectionTrait::get_database_backend(transaction) == DbBackend::Postgres {
            select = select.lock_exclusive();
        }
        held.extend(select.all(transaction).await?);
    }
    let mut counters: Vec<i64> = held.iter().map(|hold| hold.counter_id).collect();
    counters.sort_unstable();
    counters.dedup();
    let mut windows = HashMap::new();
    for portion in portions(&counters) {
        let rows: Vec<(i64, i64)> = limit_counter::Entity::find()
            .select_only()
            .columns([limit_counter::Column::Id, limit_counter::Column::Span])
            .filter(limit_counter::Column::Id.is_in(portion.iter().copied()))
            .into_tuple()
            .all(transaction)
            .await?;
        windows.extend(
            rows.into_iter()
                .filter_map(|(id, span)| Some((id, limit_counter::window(span)?))),
        );
    }
    let mut used: BTreeMap<(i64, i64), Amounts> = BTreeMap::new();
    for hold in &held {
        if let (Some(event), Some(window)) = (by_hold.get(&hold.hold), windows.get(&hold.counter_id)) {
            let sum = used.entry((hold.counter_id, window.slot(event.at).0)).or_default();
            *sum = sum.plus(Amounts {
                // Posted when the answer began, unless it is held still.
                requests: u64::try_from(hold.requests).unwrap_or(0),
                prompt_tokens: event.prompt_tokens,
                completion_tokens: event.completion_tokens,
                cost_micros: event.cost_micros,
                places: 0,
            });
        }
    }
    count_in_slots(transaction, used).await?;
    let recovered: Vec<Uuid> = held.iter().map(|hold| hold.hold).collect();
    for portion in portions(&recovered) {
        Entity::delete_many()
            .filter(Column::Hold.is_in(portion.iter().copied()))
            .exec(transaction)
            .await?;
    }
    Ok(())
}

fn id(event: &UsageEvent) -> Uuid {
    RequestId::as_uuid(&event.request_id)
}
