//! [`UsageSink`].

use std::collections::HashSet;

use async_trait::async_trait;
use localauth_core::{StoreError, UsageEvent, UsageSink};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, OnConflict};
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, EntityTrait as _, QueryTrait as _};

use super::batch::{self, Event, LabelIds};
use super::label;
use crate::entity::{usage_event, usage_name, usage_rollup};
use crate::error::Failure;
use crate::portion::portions;
use crate::sql_store::SqlStore;

#[async_trait]
impl UsageSink for SqlStore {
    async fn record_usage(&self, events: &[UsageEvent]) -> Result<(), StoreError> {
        let events = batch::distinct(events);
        if events.is_empty() {
            return Ok(());
        }
        self.change(async move |transaction| {
            let labels = label::number(&transaction, batch::labels(&events)).await?;
            let fresh = insert_events(&transaction, events, &labels).await?;
            if !fresh.is_empty() {
                upsert_names(&transaction, &fresh).await?;
                add_to_rollups(&transaction, &fresh, &labels).await?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }
}

/// Stores the events whose requests are not known yet, and returns those.
async fn insert_events(
    transaction: &DatabaseTransaction,
    events: Vec<Event>,
    labels: &LabelIds,
) -> Result<Vec<Event>, Failure> {
    let mut fresh: HashSet<Uuid> = HashSet::with_capacity(events.len());
    for portion in portions(&events) {
        let rows = portion
            .iter()
            .map(|e| batch::event_row(e, labels))
            .collect::<Result<Vec<_>, _>>()?;
        let mut insert = usage_event::Entity::insert_many(rows)
            .on_conflict(
                OnConflict::column(usage_event::Column::RequestId)
                    .do_nothing()
                    .to_owned(),
            )
            .into_query();
        insert.returning_col(usage_event::Column::RequestId);
        for row in transaction.query_all(&insert).await? {
            fresh.insert(row.try_get_by_index(0)?);
        }
    }
    Ok(events.into_iter().filter(|e| fresh.contains(&e.request_id)).collect())
}

/// Notes what users and keys are called, unless a later name is known.
async fn upsert_names(transaction: &DatabaseTransaction, events: &[Event]) -> Result<(), Failure> {
    use usage_name::{Column, Entity};
    for portion in portions(&batch::name_rows(events)) {
        let conflict = OnConflict::columns([Column::Kind, Column::Id])
            .update_columns([Column::Name, Column::SeenAt])
            .action_and_where(Expr::col((Entity, Column::SeenAt)).lt(excluded(Column::SeenAt)))
            .to_owned();
        let insert = Entity::insert_many(portion.to_vec()).on_conflict(conflict).into_query();
        transaction.execute(&insert).await?;
    }
    Ok(())
}

async fn add_to_rollups(transaction: &DatabaseTransaction, events: &[Event], labels: &LabelIds) -> Result<(), Failure> {
    use usage_rollup::{Column, Entity};
    for portion in portions(&batch::rollup_rows(events, labels)?) {
        let mut conflict = OnConflict::columns([
            Column::Grain,
            Column::At,
            Column::UserId,
            Column::KeyId,
            Column::ModelId,
            Column::EndpointId,
            Column::Source,
        ]);
        for sum in [
            Column::PromptTokens,
            Column::CompletionTokens,
            Column::Requests,
            Column::EstimatedRequests,
        ] {
            conflict.value(sum, saturating_sum(sum));
        }
        let later = CaseStatement::new()
            .case(
                excluded(Column::LastAt).gt(Expr::col((Entity, Column::LastAt))),
                excluded(Column::LastAt),
            )
            .finally(Expr::col((Entity, Column::LastAt)));
        conflict.value(Column::LastAt, later);
        let insert = Entity::insert_many(portion.to_vec()).on_conflict(conflict).into_query();
        transaction.execute(&insert).await?;
    }
    Ok(())
}

/// What is stored and what is new, together; at most what the column holds. PostgreSQL refuses to add beyond, SQLite
/// goes over to floating point: one absurd count from a model server must neither stop nor blur the accounting.
fn saturating_sum(column: usage_rollup::Column) -> CaseStatement {
    let stored = || Expr::col((usage_rollup::Entity, column));
    CaseStatement::new()
        .case(stored().gt(Expr::val(i64::MAX).sub(excluded(column))), i64::MAX)
        .finally(stored().add(excluded(column)))
}

/// A column of the row that could not be inserted.
fn excluded(column: impl sea_orm::sea_query::IntoIden) -> Expr {
    Expr::col(("excluded", column))
}
