//! [`AuditLog`].

use async_trait::async_trait;
use localauth_core::{AuditEvent, AuditLog, AuditQuery, StoreError, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
};

use crate::entity::audit::{self, Column, Entity};
use crate::portion::{limit, portions};
use crate::sql_store::SqlStore;

#[async_trait]
impl AuditLog for SqlStore {
    async fn append_audit(&self, events: &[AuditEvent]) -> Result<(), StoreError> {
        // In an order that all writers share, so that no two of them wait for each other.
        let mut events: Vec<&AuditEvent> = events.iter().collect();
        events.sort_unstable_by_key(|event| event.id);
        let rows = events.into_iter().map(audit::to_row).collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() {
            return Ok(());
        }
        self.change(async move |transaction| {
            for portion in portions(&rows) {
                // A line that is there stays as it is.
                Entity::insert_many(portion.to_vec())
                    .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
                    .exec_without_returning(&transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        self.ask(async {
            let rows = select(query).all(self.reader()).await?;
            Ok(rows.into_iter().map(AuditEvent::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn sweep_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.change(async move |transaction| {
            let swept = Entity::delete_many()
                .filter(Column::At.lt(before.as_millis()))
                .exec(&transaction)
                .await?;
            transaction.commit().await?;
            Ok(swept.rows_affected)
        })
        .await
    }
}

fn select(query: &AuditQuery) -> Select<Entity> {
    let wanted = Condition::all()
        .add_option(query.since.map(|since| Column::At.gte(since.as_millis())))
        .add_option(query.actor.map(|actor| {
            Condition::any()
                .add(Column::ActorId.eq(actor.as_uuid()))
                .add(Column::ImpersonatorId.eq(actor.as_uuid()))
        }))
        .add_option(query.action.map(|action| Column::Action.eq(action.as_str())))
        .add_option(query.before.map(|before| Column::Id.lt(before.as_uuid())));
    Entity::find()
        .filter(wanted)
        .order_by_desc(Column::Id)
        .limit(query.limit.map(limit))
}
