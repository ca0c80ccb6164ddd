//! Counters, made from their rows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use localauth_core::Timestamp;
use localauth_core::limit::{Claim, Counter, CounterId, Slot};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockType, Query, SelectStatement, UnionType};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _,
};

use super::amounts;
use crate::entity::limit_counter::{self, Place, place, window};
use crate::entity::{limit_hold, limit_node, limit_slot};
use crate::error::Failure;

/// The most counters in one statement: SQLite takes no deeper conditions.
const MOST: usize = 128;

/// What a counter counts, as columns.
pub(super) fn place_of(counter: &CounterId) -> Result<Place, Failure> {
    place(counter).ok_or(Failure::Broken(
        "a counter that this version of the store does not know",
    ))
}

/// Those of all claims, in the order in which they are locked.
pub(super) fn places<'a>(claims: impl IntoIterator<Item = &'a Claim>) -> Result<BTreeSet<Place>, Failure> {
    claims.into_iter().map(|claim| place_of(&claim.counter)).collect()
}

/// The ids of those that are known; locked, if wished, on a database that locks rows.
///
/// Everybody locks counters in the order of what they count, so that no two wait for each other.
pub(super) async fn find(
    database: &impl ConnectionTrait,
    places: &BTreeSet<Place>,
    lock: Option<LockType>,
) -> Result<BTreeMap<Place, i64>, Failure> {
    use limit_counter::{Column, Entity};
    let mut found = BTreeMap::new();
    let places: Vec<Place> = places.iter().copied().collect();
    for portion in places.chunks(MOST) {
        let any = portion.iter().fold(Condition::any(), |any, place| {
            any.add(
                Condition::all()
                    .add(Column::LimitId.eq(place.0))
                    .add(Column::HolderKind.eq(place.1))
                    .add(Column::HolderId.eq(place.2))
                    .add(Column::Span.eq(place.3)),
            )
        });
        let mut select = Entity::find()
            .filter(any)
            .order_by_asc(Column::LimitId)
            .order_by_asc(Column::HolderKind)
            .order_by_asc(Column::HolderId)
            .order_by_asc(Column::Span);
        if let Some(lock) = lock {
            select = select.lock(lock);
        }
        for row in select.all(database).await? {
            found.insert((row.limit_id, row.holder_kind, row.holder_id, row.span), row.id);
        }
    }
    Ok(found)
}

/// What was read.
#[derive(Default)]
pub(super) struct Read {
    /// By the ids of their rows.
    pub(super) counters: HashMap<i64, Counter>,
    /// In whose names something is held.
    pub(super) holds: HashSet<Uuid>,
}

/// Reads these counters as they are at `now` or later: what was used, and what is held by `node` and by others that are
/// alive.
///
/// Both in one statement, and so of one moment: what is posted in between is there as held or as used, and not as
/// neither.
pub(super) async fn read(
    database: &impl ConnectionTrait,
    found: &BTreeMap<Place, i64>,
    node: i64,
    now: Timestamp,
) -> Result<Read, Failure> {
    let mut read = Read::default();
    let mut wanted = Vec::with_capacity(found.len());
    for (place, id) in found {
        let window = window(place.3).ok_or(Failure::Broken("a counter's window is unknown"))?;
        read.counters.insert(*id, Counter::new(window));
        wanted.push((*id, window.first(now)));
    }
    for portion in wanted.chunks(MOST) {
        for row in database.query_all(&statement(portion, node, now)).await? {
            let id: i64 = row.try_get_by_index(0)?;
            let Some(counter) = read.counters.get_mut(&id) else {
                continue;
            };
            let amounts = amounts::read(&row, 3)?;
            match (
                row.try_get_by_index::<Option<i64>>(1)?,
                row.try_get_by_index::<Option<Uuid>>(2)?,
            ) {
                (Some(slot), _) => counter.count_in(Slot(slot), amounts),
                (None, hold) => {
                    counter.hold(amounts);
                    read.holds.extend(hold);
                }
            }
        }
    }
    Ok(read)
}

/// Counter, part of the window or name of the hold, and amounts.
fn statement(wanted: &[(i64, Slot)], node: i64, now: Timestamp) -> SelectStatement {
    let used = {
        use limit_slot::{Column, Entity};
        let any = wanted.iter().fold(Condition::any(), |any, (id, first)| {
            any.add(
                Condition::all()
                    .add(Column::CounterId.eq(*id))
                    .add(Column::Slot.gte(first.0)),
            )
        });
        Entity::find()
            .select_only()
            .columns([Column::CounterId, Column::Slot])
            .expr(Expr::val(Option::<Uuid>::None))
            .columns([
                Column::Requests,
                Column::PromptTokens,
                Column::CompletionTokens,
                Column::CostMicros,
            ])
            .expr(Expr::val(0_i64))
            .filter(any)
            .into_query()
    };
    let held = {
        use limit_hold::{Column, Entity};
        let alive = Query::select()
            .column(limit_node::Column::Id)
            .from(limit_node::Entity)
            .and_where(limit_node::Column::AliveUntil.gt(now.as_millis()))
            .to_owned();
        Entity::find()
            .select_only()
            .column(Column::CounterId)
            .expr(Expr::val(Option::<i64>::None))
            .column(Column::Hold)
            .columns([
                Column::Requests,
                Column::PromptTokens,
                Column::CompletionTokens,
                Column::CostMicros,
                Column::Places,
            ])
            .filter(Column::CounterId.is_in(wanted.iter().map(|(id, _)| *id)))
            .filter(Column::NodeId.eq(node).or(Column::NodeId.in_subquery(alive)))
            .into_query()
    };
    let mut all = used;
    all.union(UnionType::All, held);
    all
}
