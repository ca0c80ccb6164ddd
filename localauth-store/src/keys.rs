//! [`KeyStore`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use localauth_core::{ApiKey, Epoch, InsertKey, KeyId, KeyStore, PublicId, StoreError, Timestamp, User, UserId};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{
    Expr, ExprTrait as _, IntoIden as _, OnConflict, Query, TableRef, UpdateStatement, ValueTuple,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, SqlErr,
};

use crate::entity::{key, user};
use crate::error::Failure;
use crate::portion::portions;
use crate::sql_store::{SqlStore, next_epoch};
use crate::users::change_row;

#[async_trait]
impl KeyStore for SqlStore {
    async fn insert_key(&self, key: ApiKey) -> Result<InsertKey, StoreError> {
        let row = key::to_row(&key)?;
        self.change(async move |transaction| {
            let inserted = key::Entity::insert(row)
                .on_conflict(OnConflict::new().do_nothing().to_owned())
                .exec_without_returning(&transaction)
                .await;
            match inserted {
                Ok(1) => {
                    transaction.commit().await?;
                    Ok(InsertKey::Inserted)
                }
                Ok(_) => Ok(InsertKey::Duplicate),
                Err(error) => match error.sql_err() {
                    Some(SqlErr::ForeignKeyConstraintViolation(_)) => Ok(InsertKey::NoSuchUser),
                    _ => Err(error.into()),
                },
            }
        })
        .await
    }

    /// One statement, and so one snapshot, on either database.
    async fn find_key(&self, public_id: &PublicId) -> Result<Option<(ApiKey, User)>, StoreError> {
        self.ask(async {
            let row = key::Entity::find()
                .filter(key::Column::PublicId.eq(public_id.as_str()))
                .find_both_related(user::Entity)
                .one(self.reader())
                .await?;
            row.map(|(key, user)| Ok((key.try_into()?, user.try_into()?)))
                .transpose()
        })
        .await
    }

    async fn list_keys(&self, user_id: UserId) -> Result<Vec<ApiKey>, StoreError> {
        self.ask(async {
            let rows = key::Entity::find()
                .filter(key::Column::UserId.eq(user_id.as_uuid()))
                .filter(key::Column::RevokedAt.is_null())
                .order_by_desc(key::Column::CreatedAt)
                .order_by_desc(key::Column::Id)
                .all(self.reader())
                .await?;
            Ok(rows.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn revoke_key(
        &self,
        owner: Option<UserId>,
        id: KeyId,
        at: Timestamp,
    ) -> Result<Option<(UserId, Epoch)>, StoreError> {
        self.change(async move |transaction| {
            // The epoch first, here as everywhere: whoever holds a key's lock never waits for the epoch's.
            let epoch = next_epoch(&transaction).await?;
            let mut revoke = Query::update();
            revoke
                .table(key::Entity)
                .value(key::Column::RevokedAt, at.as_millis())
                .and_where(key::Column::Id.eq(id.as_uuid()))
                .and_where(key::Column::RevokedAt.is_null())
                .returning_col(key::Column::UserId);
            if let Some(owner) = owner {
                revoke.and_where(key::Column::UserId.eq(owner.as_uuid()));
            }
            let Some(row) = transaction.query_one(&revoke).await? else {
                return Ok(None);
            };
            let user_id: Uuid = row.try_get_by_index(0)?;
            change_row(&transaction, user_id, epoch, user::ActiveModel::default()).await?;
            transaction.commit().await?;
            Ok(Some((UserId::from_uuid(user_id), epoch)))
        })
        .await
    }

    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        let mut latest: BTreeMap<Uuid, i64> = BTreeMap::new();
        for (id, at) in used {
            let time = latest.entry(id.as_uuid()).or_insert(i64::MIN);
            *time = Ord::max(at.as_millis(), *time);
        }
        let used: Vec<(Uuid, i64)> = latest.into_iter().collect();
        if used.is_empty() {
            return Ok(());
        }
        self.change(async move |transaction| {
            for portion in portions(&used) {
                lock_in_order(&transaction, portion).await?;
                transaction.execute(&touch(portion)).await?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }
}

/// Locks the rows in the order of their ids, on a database that locks rows: two nodes that touch the same keys in
/// different orders would wait for each other.
async fn lock_in_order(transaction: &DatabaseTransaction, used: &[(Uuid, i64)]) -> Result<(), Failure> {
    if transaction.get_database_backend() == sea_orm::DbBackend::Postgres {
        key::Entity::find()
            .select_only()
            .column(key::Column::Id)
            .filter(key::Column::Id.is_in(used.iter().map(|(id, _)| *id)))
            .order_by_asc(key::Column::Id)
            .lock_exclusive()
            .into_tuple::<Uuid>()
            .all(transaction)
            .await?;
    }
    Ok(())
}

/// Notes the later of the time that is there and the time given, for each key.
fn touch(used: &[(Uuid, i64)]) -> UpdateStatement {
    // Both databases call the columns of a list of values so.
    let given = |column: &'static str| Expr::col(("used", column));
    let stored = |column: key::Column| Expr::col((key::Entity, column));
    let values = used
        .iter()
        .map(|(id, at)| ValueTuple::Two((*id).into(), (*at).into()))
        .collect();
    Query::update()
        .table(key::Entity)
        .from(TableRef::ValuesList(values, "used".into_iden()))
        .value(key::Column::LastUsedAt, given("column2"))
        .and_where(stored(key::Column::Id).eq(given("column1")))
        .and_where(
            stored(key::Column::LastUsedAt)
                .is_null()
                .or(stored(key::Column::LastUsedAt).lt(given("column2"))),
        )
        .to_owned()
}
