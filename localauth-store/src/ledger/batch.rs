//! Several postings as one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use localauth_core::limit::Amounts;
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::ExprTrait as _;
use sea_orm::sea_query::{Expr, IntoIden as _, LockType, OnConflict, Query, TableRef, UpdateStatement, ValueTuple};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, DbBackend, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use super::amounts::{column, excluded, rest, sum};
use super::counters;
use super::node::Node;
use super::posting::Posting;
use crate::entity::limit_counter::{Place, place};
use crate::entity::{limit_hold, limit_slot};
use crate::error::Failure;
use crate::portion::portions;

/// What to write: sums, in the order of the tables' keys.
pub(super) struct Batch {
    used: BTreeMap<Place, BTreeMap<i64, Amounts>>,
    holds: BTreeMap<Uuid, Release>,
}

/// What becomes of a hold.
enum Release {
    /// It is let go, whatever it is.
    All,
    /// So much is let go.
    Some(Amounts),
}

impl Batch {
    pub(super) fn of(postings: &[Posting]) -> Self {
        let mut batch = Self {
            used: BTreeMap::new(),
            holds: BTreeMap::new(),
        };
        for posting in postings {
            batch.add(posting);
        }
        batch
    }

    fn add(&mut self, posting: &Posting) {
        if !posting.used.is_zero() {
            for claim in posting.claims.iter() {
                // One that this version does not know was never held.
                if let Some(place) = place(&claim.counter) {
                    let slot = claim.counter.window.slot(posting.now).0;
                    let sum = self.used.entry(place).or_default().entry(slot).or_default();
                    *sum = sum.plus(posting.used);
                }
            }
        }
        let hold = self
            .holds
            .entry(posting.hold.as_uuid())
            .or_insert(Release::Some(Amounts::ZERO));
        match hold {
            Release::All => {}
            _ if posting.last => *hold = Release::All,
            Release::Some(released) => *released = released.plus(posting.release),
        }
    }

    /// Writes it, unless it is written already.
    pub(super) async fn write(
        self: Arc<Self>,
        transaction: DatabaseTransaction,
        node: &Node,
        number: i64,
    ) -> Result<(), Failure> {
        if node.apply(&transaction, number).await? {
            self.count(&transaction).await?;
            self.release(&transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Counts what was used, on the counters that are known: who makes one known later reads it from the reports.
    async fn count(&self, transaction: &DatabaseTransaction) -> Result<(), Failure> {
        let places = self.used.keys().copied().collect();
        // None of them is swept away before the commit.
        let found = counters::find(transaction, &places, Some(LockType::KeyShare)).await?;
        let mut rows: BTreeMap<(i64, i64), Amounts> = BTreeMap::new();
        for (place, id) in found {
            for (slot, amounts) in self.used.get(&place).into_iter().flatten() {
                rows.insert((id, *slot), *amounts);
            }
        }
        count_in_slots(transaction, rows).await
    }

    /// Lets go of what is held no longer, by whatever number of counters.
    async fn release(&self, transaction: &DatabaseTransaction) -> Result<(), Failure> {
        use limit_hold::{Column, Entity};
        let of = |portion: &[Uuid]| Entity::find().filter(Column::Hold.is_in(portion.iter().copied()));
        if transaction.get_database_backend() == DbBackend::Postgres {
            // In the order in which everybody locks them.
            let all: Vec<Uuid> = self.holds.keys().copied().collect();
            for portion in portions(&all) {
                of(portion)
                    .select_only()
                    .column(Column::Hold)
                    .order_by_asc(Column::Hold)
                    .order_by_asc(Column::CounterId)
                    .lock_exclusive()
                    .into_tuple::<Uuid>()
                    .all(transaction)
                    .await?;
            }
        }
        let (mut all, mut some) = (Vec::new(), Vec::new());
        for (hold, release) in &self.holds {
            match release {
                Release::All => all.push(*hold),
                Release::Some(amounts) if !amounts.is_zero() => some.push((*hold, *amounts)),
                Release::Some(_) => {}
            }
        }
        for portion in portions(&all) {
            Entity::delete_many()
                .filter(Column::Hold.is_in(portion.iter().copied()))
                .exec(transaction)
                .await?;
        }
        for portion in portions(&some) {
            transaction.execute(&release_some(portion)).await?;
        }
        Ok(())
    }
}

/// Counts what was used, by counter and part of its window.
pub(super) async fn count_in_slots(
    transaction: &DatabaseTransaction,
    used: BTreeMap<(i64, i64), Amounts>,
) -> Result<(), Failure> {
    use limit_slot::{ActiveModel, Column, Entity};
    let rows: Vec<ActiveModel> = used
        .into_iter()
        .map(|((counter_id, slot), amounts)| ActiveModel {
            counter_id: Set(counter_id),
            slot: Set(slot),
            requests: Set(column(amounts.requests)),
            prompt_tokens: Set(column(amounts.prompt_tokens)),
            completion_tokens: Set(column(amounts.completion_tokens)),
            cost_micros: Set(column(amounts.cost_micros)),
        })
        .collect();
    let mut conflict = OnConflict::columns([Column::CounterId, Column::Slot]);
    for count in [
        Column::Requests,
        Column::PromptTokens,
        Column::CompletionTokens,
        Column::CostMicros,
    ] {
        conflict.value(count, sum(Expr::col((Entity, count)), excluded(count)));
    }
    for portion in portions(&rows) {
        Entity::insert_many(portion.to_vec())
            .on_conflict(conflict.clone())
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

fn release_some(portion: &[(Uuid, Amounts)]) -> UpdateStatement {
    use limit_hold::{Column, Entity};
    let values = portion
        .iter()
        .map(|(hold, amounts)| {
            ValueTuple::Many(vec![
                (*hold).into(),
                column(amounts.requests).into(),
                column(amounts.prompt_tokens).into(),
                column(amounts.completion_tokens).into(),
                column(amounts.cost_micros).into(),
                column(amounts.places).into(),
            ])
        })
        .collect();
    // Both databases call the columns of a list of values so.
    let given = |column: &'static str| Expr::col(("released", column));
    let mut update = Query::update();
    update
        .table(Entity)
        .from(TableRef::ValuesList(values, "released".into_iden()))
        .and_where(Expr::col((Entity, Column::Hold)).eq(given("column1")));
    for (count, value) in [
        (Column::Requests, "column2"),
        (Column::PromptTokens, "column3"),
        (Column::CompletionTokens, "column4"),
        (Column::CostMicros, "column5"),
        (Column::Places, "column6"),
    ] {
        update.value(count, rest(Expr::col((Entity, count)), given(value)));
    }
    update
}
