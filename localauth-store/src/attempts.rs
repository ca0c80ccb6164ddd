//! [`AttemptStore`].

use async_trait::async_trait;
use localauth_core::{Attempt, AttemptLimit, AttemptStore, StoreError, Timestamp};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryTrait as _};

use crate::entity::attempt::{self, Column, Entity};
use crate::error::Failure;
use crate::sql_store::SqlStore;
use crate::text;

#[async_trait]
impl AttemptStore for SqlStore {
    async fn attempt(&self, bucket: &str, limit: AttemptLimit, now: Timestamp) -> Result<Attempt, StoreError> {
        let bucket = text::storable(bucket)?;
        self.change(async move |transaction| {
            // Written first, whether it is there or not: only a row that is there can be locked, and of many at once
            // each reads what the one before has written.
            let mut lock = Entity::insert(attempt::ActiveModel {
                bucket: Set(bucket.clone()),
                times: Set(attempt::times_to_column(&[])?),
                last_at: Set(now.as_millis()),
            })
            .on_conflict(
                OnConflict::column(Column::Bucket)
                    .value(Column::LastAt, Expr::col((Entity, Column::LastAt)))
                    .to_owned(),
            )
            .into_query();
            lock.returning_col(Column::Times);
            let row = transaction
                .query_one(&lock)
                .await?
                .ok_or(Failure::Broken("an attempt's row is gone that was just written"))?;
            let mut times = attempt::times_from_column(&row.try_get_by_index::<String>(0)?)?;
            let answer = limit.decide(&mut times, now);
            if answer != Attempt::Allowed {
                // Not counted, and nothing to be kept.
                return Ok(answer);
            }
            let counted = attempt::ActiveModel {
                bucket: Set(bucket),
                last_at: Set(times.last().unwrap_or(&now).as_millis()),
                times: Set(attempt::times_to_column(&times)?),
            };
            Entity::update(counted).exec(&transaction).await?;
            transaction.commit().await?;
            Ok(answer)
        })
        .await
    }

    async fn sweep_attempts(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.change(async move |transaction| {
            let swept = Entity::delete_many()
                .filter(Column::LastAt.lt(before.as_millis()))
                .exec(&transaction)
                .await?;
            transaction.commit().await?;
            Ok(swept.rows_affected)
        })
        .await
    }
}
