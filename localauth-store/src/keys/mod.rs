//! [`KeyStore`].

mod touch;

use async_trait::async_trait;
use localauth_core::{
    ApiKey, Epoch, InsertKey, KeyId, KeyStore, KeyUse, PublicId, StoreError, StoredDigest, Timestamp, User, UserId,
};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, OnConflict, Query, UpdateStatement};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QueryTrait as _, SqlErr,
};

use crate::entity::{DigestBytes, key, session, user};
use crate::error::Failure;
use crate::holder::change_user;
use crate::lock::lock_in_order;
use crate::sql_store::{SqlStore, next_epoch};

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

    async fn find_key_by_id(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.ask(async {
            let row = key::Entity::find_by_id(id.as_uuid()).one(self.reader()).await?;
            Ok(row.map(ApiKey::try_from).transpose()?)
        })
        .await
    }

    async fn list_keys(&self, user_id: Option<UserId>) -> Result<Vec<ApiKey>, StoreError> {
        self.ask(async {
            let rows = key::Entity::find()
                .apply_if(user_id, |keys, owner| {
                    keys.filter(key::Column::UserId.eq(owner.as_uuid()))
                })
                .filter(key::Column::RevokedAt.is_null())
                .order_by_desc(key::Column::CreatedAt)
                .order_by_desc(key::Column::Id)
                .all(self.reader())
                .await?;
            Ok(rows.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn list_revoked_keys(&self, user_id: UserId) -> Result<Vec<ApiKey>, StoreError> {
        self.ask(async {
            let rows = key::Entity::find()
                .filter(key::Column::UserId.eq(user_id.as_uuid()))
                .filter(key::Column::RevokedAt.is_not_null())
                .order_by_desc(key::Column::CreatedAt)
                .order_by_desc(key::Column::Id)
                .all(self.reader())
                .await?;
            Ok(rows.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn rotate_key(
        &self,
        owner: Option<UserId>,
        id: KeyId,
        current: Option<&StoredDigest>,
        digest: StoredDigest,
        grace_until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<(UserId, Epoch)>, StoreError> {
        // What is on the right is what was there before the statement.
        let mut rotate = Query::update();
        rotate
            .value(key::Column::PreviousDigest, Expr::col(key::Column::Digest))
            .value(
                key::Column::PreviousSecretVersion,
                Expr::col(key::Column::SecretVersion),
            )
            .value(key::Column::PreviousUntil, grace_until.as_millis())
            .value(key::Column::PreviousLastUsedAt, Option::<i64>::None)
            .value(key::Column::PreviousLastUsedIp, "")
            .value(key::Column::Digest, DigestBytes::from(&digest.digest))
            .value(key::Column::SecretVersion, i64::from(digest.version.0))
            .cond_where(
                Condition::any()
                    .add(key::Column::ExpiresAt.is_null())
                    .add(key::Column::ExpiresAt.gt(now.as_millis())),
            )
            .and_where_option(current.map(|seen| key::Column::SecretVersion.eq(i64::from(seen.version.0))))
            .and_where_option(current.map(|seen| key::Column::Digest.eq(DigestBytes::from(&seen.digest))));
        self.change(async move |transaction| change_good_key(transaction, owner, id, rotate, Some(grace_until)).await)
            .await
    }

    async fn revoke_key(
        &self,
        owner: Option<UserId>,
        id: KeyId,
        at: Timestamp,
    ) -> Result<Option<(UserId, Epoch)>, StoreError> {
        let mut revoke = Query::update();
        revoke.value(key::Column::RevokedAt, at.as_millis());
        self.change(async move |transaction| change_good_key(transaction, owner, id, revoke, None).await)
            .await
    }

    async fn touch_keys(&self, used: &[KeyUse]) -> Result<(), StoreError> {
        self.note_key_uses(used).await
    }

    async fn sweep_keys(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.change(async move |transaction| {
            let ended = Condition::any()
                .add(key::Column::RevokedAt.lte(before.as_millis()))
                .add(key::Column::ExpiresAt.lte(before.as_millis()));
            let rows = key::Entity::find().filter(ended.clone());
            lock_in_order(&transaction, rows, key::Column::Id).await?;
            let swept = key::Entity::delete_many().filter(ended).exec(&transaction).await?;
            transaction.commit().await?;
            Ok(swept.rows_affected)
        })
        .await
    }
}

/// Changes a key that is not revoked, and moves its owner's epoch. With `owner`, only a key of theirs.
async fn change_good_key(
    transaction: DatabaseTransaction,
    owner: Option<UserId>,
    id: KeyId,
    mut change: UpdateStatement,
    sessions_until: Option<Timestamp>,
) -> Result<Option<(UserId, Epoch)>, Failure> {
    // The epoch first, here as everywhere: whoever holds a key's lock never waits for the epoch's.
    let epoch = next_epoch(&transaction).await?;
    change
        .table(key::Entity)
        .and_where(key::Column::Id.eq(id.as_uuid()))
        .and_where(key::Column::RevokedAt.is_null())
        .and_where_option(owner.map(|owner| key::Column::UserId.eq(owner.as_uuid())))
        .returning_col(key::Column::UserId);
    let Some(row) = transaction.query_one(&change).await? else {
        return Ok(None);
    };
    let user_id = UserId::from_uuid(row.try_get_by_index::<Uuid>(0)?);
    if let Some(until) = sessions_until {
        session::Entity::update_many()
            .set(session::ActiveModel {
                expires_at: Set(until.as_millis()),
                ..Default::default()
            })
            .filter(session::Column::KeyId.eq(id.as_uuid()))
            .filter(session::Column::ExpiresAt.gt(until.as_millis()))
            .exec(&transaction)
            .await?;
    }
    change_user(&transaction, user_id, epoch, user::ActiveModel::default()).await?;
    transaction.commit().await?;
    Ok(Some((user_id, epoch)))
}
