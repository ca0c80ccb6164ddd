//! [`SessionStore`].

mod find;

use std::collections::BTreeMap;

use async_trait::async_trait;
use localauth_core::{
    Epoch, FoundSession, Session, SessionId, SessionStore, StoreError, StoredDigest, Timestamp, UserId,
};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait as _, IntoIden as _, Query, TableRef, UpdateStatement, ValueTuple};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QueryResult,
};

use crate::entity::session::{self, Column, Entity};
use crate::entity::user::{holder_from_column, holder_to_column};
use crate::entity::{DigestBytes, departed, user};
use crate::error::Failure;
use crate::holder::change_holder;
use crate::lock::lock_in_order;
use crate::portion::portions;
use crate::sql_store::{SqlStore, next_epoch};

/// How long it is told that a user is gone: a day, in milliseconds.
const TELL_OF_DEPARTED: i64 = 24 * 60 * 60 * 1_000;

#[async_trait]
impl SessionStore for SqlStore {
    async fn insert_session(&self, session: Session) -> Result<(), StoreError> {
        let row = session::to_row(&session)?;
        let digest = DigestBytes::from(&session.digest.digest);
        self.change(async move |transaction| {
            let in_use = Entity::find().filter(Column::PreviousDigest.eq(digest));
            if in_use.one(&transaction).await?.is_some() {
                return Err(Failure::Broken("the digest of a new session is in use"));
            }
            Entity::insert(row).exec_without_returning(&transaction).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    async fn find_session(&self, digests: &[StoredDigest]) -> Result<Option<FoundSession>, StoreError> {
        if digests.is_empty() {
            return Ok(None);
        }
        self.ask(find::find(self.reader(), digests)).await
    }

    async fn list_sessions(&self, user_id: UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        self.ask(async {
            let mut good = Condition::all()
                .add(of_holder(user_id))
                .add(Column::ExpiresAt.gt(now.as_millis()));
            if user_id != UserId::SHARED {
                let present = Query::select()
                    .column(user::Column::SignInEpoch)
                    .from(user::Entity)
                    .and_where(user::Column::Id.eq(user_id.as_uuid()))
                    .to_owned();
                good = good.add(Column::SignInEpoch.in_subquery(present));
            }
            let rows = Entity::find()
                .filter(good)
                .order_by_desc(Column::CreatedAt)
                .order_by_desc(Column::Id)
                .all(self.reader())
                .await?;
            Ok(rows.into_iter().map(Session::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn renew_session(
        &self,
        id: SessionId,
        current: &StoredDigest,
        new: StoredDigest,
        now: Timestamp,
        overlap_until: Timestamp,
    ) -> Result<Option<(UserId, Epoch)>, StoreError> {
        let current = *current;
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            // What is on the right is what was there before the statement.
            let renew = Query::update()
                .table(Entity)
                .value(Column::PreviousDigest, Expr::col(Column::Digest))
                .value(Column::PreviousSecretVersion, Expr::col(Column::SecretVersion))
                .value(Column::PreviousUntil, overlap_until.as_millis())
                .value(Column::Digest, DigestBytes::from(&new.digest))
                .value(Column::SecretVersion, i64::from(new.version.0))
                .value(Column::RenewedAt, now.as_millis())
                .and_where(Column::Id.eq(id.as_uuid()))
                .and_where(Column::Digest.eq(DigestBytes::from(&current.digest)))
                .and_where(Column::SecretVersion.eq(i64::from(current.version.0)))
                .returning_col(Column::UserId)
                .to_owned();
            let Some(row) = transaction.query_one(&renew).await? else {
                return Ok(None);
            };
            let holder = holder(&row)?;
            change_holder(&transaction, holder, epoch).await?;
            transaction.commit().await?;
            Ok(Some((holder, epoch)))
        })
        .await
    }

    async fn end_session(&self, owner: Option<UserId>, id: SessionId) -> Result<Option<(UserId, Epoch)>, StoreError> {
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            let end = Query::delete()
                .from_table(Entity)
                .and_where(Column::Id.eq(id.as_uuid()))
                .and_where_option(owner.map(of_holder))
                .returning_col(Column::UserId)
                .to_owned();
            let Some(row) = transaction.query_one(&end).await? else {
                return Ok(None);
            };
            let holder = holder(&row)?;
            change_holder(&transaction, holder, epoch).await?;
            transaction.commit().await?;
            Ok(Some((holder, epoch)))
        })
        .await
    }

    async fn end_sessions(&self, user_id: UserId, except: Option<SessionId>) -> Result<Option<Epoch>, StoreError> {
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            if !change_holder(&transaction, user_id, epoch).await? {
                return Ok(None);
            }
            let ended = Condition::all()
                .add(of_holder(user_id))
                .add_option(except.map(|id| Column::Id.ne(id.as_uuid())));
            lock_in_order(&transaction, Entity::find().filter(ended.clone()), Column::Id).await?;
            Entity::delete_many().filter(ended).exec(&transaction).await?;
            transaction.commit().await?;
            Ok(Some(epoch))
        })
        .await
    }

    async fn touch_sessions(&self, used: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
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
                let rows = Entity::find().filter(Column::Id.is_in(portion.iter().map(|(id, _)| *id)));
                lock_in_order(&transaction, rows, Column::Id).await?;
                transaction.execute(&touch(portion)).await?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    async fn sweep_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.change(async move |transaction| {
            let over = Column::ExpiresAt.lte(now.as_millis());
            lock_in_order(&transaction, Entity::find().filter(over.clone()), Column::Id).await?;
            let swept = Entity::delete_many().filter(over).exec(&transaction).await?;
            departed::Entity::delete_many()
                .filter(departed::Column::At.lt(now.as_millis().saturating_sub(TELL_OF_DEPARTED)))
                .filter(departed::Column::Id.is_not_in([UserId::SHARED, UserId::HOUSE].map(|id| id.as_uuid())))
                .exec(&transaction)
                .await?;
            transaction.commit().await?;
            Ok(swept.rows_affected)
        })
        .await
    }
}

/// The sessions of a user or of the synthetic administrator.
fn of_holder(id: UserId) -> Expr {
    holder_to_column(id).map_or_else(|| Column::UserId.is_null(), |id| Column::UserId.eq(id))
}

/// Whose session it was that a statement returned.
fn holder(row: &QueryResult) -> Result<UserId, Failure> {
    Ok(holder_from_column(row.try_get_by_index(0)?))
}

/// Notes the later of the time that is there and the time given, for each session.
fn touch(used: &[(Uuid, i64)]) -> UpdateStatement {
    // Both databases call the columns of a list of values so.
    let given = |column: &'static str| Expr::col(("used", column));
    let stored = |column: Column| Expr::col((Entity, column));
    let values = used
        .iter()
        .map(|(id, at)| ValueTuple::Two((*id).into(), (*at).into()))
        .collect();
    Query::update()
        .table(Entity)
        .from(TableRef::ValuesList(values, "used".into_iden()))
        .value(Column::LastSeenAt, given("column2"))
        .and_where(stored(Column::Id).eq(given("column1")))
        .and_where(stored(Column::LastSeenAt).lt(given("column2")))
        .to_owned()
}
