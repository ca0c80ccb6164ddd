//! Forgetting what does not count any more. Each part is a transaction of its own, and short.

use std::time::Duration;

use localauth_core::{StoreError, Timestamp};
use sea_orm::ConnectionTrait as _;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement};
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, DbBackend, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _,
};

use super::node::LEASE;
use crate::entity::{limit_counter, limit_hold, limit_node, limit_slot};
use crate::error::Failure;
use crate::portion::portions;
use crate::sql_store::SqlStore;

/// How long what a dead process holds is remembered: it does not count any more, but tells what was not posted.
pub(super) const KEEP_HOLDS: Duration = Duration::from_hours(1);

/// How long it is remembered which postings of a dead process are written: longer than the longest window, after which
/// none of them would count.
const KEEP_NODES: Duration = Duration::from_hours(32 * 24);

pub(super) async fn sweep(store: &SqlStore, node: i64, now: Timestamp) -> Result<(), StoreError> {
    store
        .change(async move |transaction| {
            holds_of_the_dead(&transaction, node, now - KEEP_HOLDS).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await?;
    store
        .change(async move |transaction| {
            // Other processes' clocks may be behind by as much.
            slots(&transaction, now - LEASE).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await?;
    store
        .change(async move |transaction| {
            idle_counters(&transaction).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await?;
    store
        .change(async move |transaction| {
            limit_node::Entity::delete_many()
                .filter(limit_node::Column::AliveUntil.lt((now - KEEP_NODES).as_millis()))
                .filter(limit_node::Column::Id.ne(node))
                .exec(&transaction)
                .await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
}

/// What is held by processes that were not alive at `now`, or are not known any more.
async fn holds_of_the_dead(transaction: &DatabaseTransaction, node: i64, now: Timestamp) -> Result<(), Failure> {
    use limit_hold::{Column, Entity};
    let alive = Query::select()
        .column(limit_node::Column::Id)
        .from(limit_node::Entity)
        .and_where(limit_node::Column::AliveUntil.gt(now.as_millis()))
        .to_owned();
    let dead = Condition::all()
        .add(Column::NodeId.ne(node))
        .add(Column::NodeId.not_in_subquery(alive));
    if transaction.get_database_backend() == DbBackend::Postgres {
        // In the order in which everybody locks them.
        Entity::find()
            .select_only()
            .column(Column::Hold)
            .filter(dead.clone())
            .order_by_asc(Column::Hold)
            .order_by_asc(Column::CounterId)
            .lock_exclusive()
            .into_tuple::<Uuid>()
            .all(transaction)
            .await?;
    }
    Entity::delete_many().filter(dead).exec(transaction).await?;
    Ok(())
}

/// What was used so long ago that it left its window.
async fn slots(transaction: &DatabaseTransaction, now: Timestamp) -> Result<(), Failure> {
    use limit_slot::{Column, Entity};
    let spans: Vec<i64> = limit_counter::Entity::find()
        .select_only()
        .column(limit_counter::Column::Span)
        .distinct()
        .order_by_asc(limit_counter::Column::Span)
        .into_tuple()
        .all(transaction)
        .await?;
    for span in spans {
        let Some(window) = limit_counter::window(span) else {
            continue;
        };
        let of_span = Query::select()
            .column(limit_counter::Column::Id)
            .from(limit_counter::Entity)
            .and_where(limit_counter::Column::Span.eq(span))
            .to_owned();
        let over = Condition::all()
            .add(Column::Slot.lt(window.first(now).0))
            .add(Column::CounterId.in_subquery(of_span));
        if transaction.get_database_backend() == DbBackend::Postgres {
            Entity::find()
                .select_only()
                .column(Column::CounterId)
                .filter(over.clone())
                .order_by_asc(Column::CounterId)
                .order_by_asc(Column::Slot)
                .lock_exclusive()
                .into_tuple::<i64>()
                .all(transaction)
                .await?;
        }
        Entity::delete_many().filter(over).exec(transaction).await?;
    }
    Ok(())
}

/// Counters with nothing used and nothing held.
///
/// Locked first, and then looked at again: who holds something, or counts it, has locked the counter before.
async fn idle_counters(transaction: &DatabaseTransaction) -> Result<(), Failure> {
    use limit_counter::{Column, Entity};
    let idle = || {
        Condition::all()
            .add(Expr::exists(used()).not())
            .add(Expr::exists(held()).not())
    };
    let candidates: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(idle())
        .order_by_asc(Column::LimitId)
        .order_by_asc(Column::HolderKind)
        .order_by_asc(Column::HolderId)
        .order_by_asc(Column::Span)
        .lock_exclusive()
        .into_tuple()
        .all(transaction)
        .await?;
    for portion in portions(&candidates) {
        Entity::delete_many()
            .filter(Column::Id.is_in(portion.iter().copied()))
            .filter(idle())
            .exec(transaction)
            .await?;
    }
    Ok(())
}

/// What was used under a counter.
fn used() -> SelectStatement {
    use limit_slot::{Column, Entity};
    Entity::find()
        .select_only()
        .column(Column::CounterId)
        .filter(Expr::col((Entity, Column::CounterId)).eq(counter()))
        .into_query()
}

/// What is held under a counter.
fn held() -> SelectStatement {
    use limit_hold::{Column, Entity};
    Entity::find()
        .select_only()
        .column(Column::CounterId)
        .filter(Expr::col((Entity, Column::CounterId)).eq(counter()))
        .into_query()
}

/// That of the query around.
fn counter() -> Expr {
    Expr::col((limit_counter::Entity, limit_counter::Column::Id))
}

/// Lets go of all that a process still holds, which ends in order.
pub(super) async fn leave(store: &SqlStore, node: i64) -> Result<(), StoreError> {
    store
        .change(async move |transaction| {
            limit_node::Entity::delete_by_id(node).exec(&transaction).await?;
            limit_hold::Entity::delete_many()
                .filter(limit_hold::Column::NodeId.eq(node))
                .exec(&transaction)
                .await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
}
