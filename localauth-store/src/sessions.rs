//! [`SessionStore`].

use async_trait::async_trait;
use localauth_core::{Epoch, Session, SessionId, SessionStore, StoreError, StoredDigest, Timestamp, User, UserId};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _};

use crate::entity::{DigestBytes, session, user};
use crate::sql_store::{SqlStore, next_epoch};
use crate::users::change_row;

#[async_trait]
impl SessionStore for SqlStore {
    async fn insert_session(&self, session: Session) -> Result<(), StoreError> {
        let row = session::to_row(&session)?;
        self.change(async move |transaction| {
            session::Entity::insert(row)
                .exec_without_returning(&transaction)
                .await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    /// One statement, and so one snapshot, on either database.
    async fn find_session(&self, digests: &[StoredDigest]) -> Result<Option<(Session, User)>, StoreError> {
        if digests.is_empty() {
            return Ok(None);
        }
        self.ask(async {
            let rows = session::Entity::find()
                .filter(session::Column::Digest.is_in(digests.iter().map(|d| DigestBytes::from(&d.digest))))
                .find_both_related(user::Entity)
                .all(self.reader())
                .await?;
            for (session, user) in rows {
                let session = Session::try_from(session)?;
                // Bytes alone are found by the index; they are the digest only under the secret that made them.
                if digests.contains(&session.digest) {
                    return Ok(Some((session, user.try_into()?)));
                }
            }
            Ok(None)
        })
        .await
    }

    async fn end_session(&self, id: SessionId) -> Result<Option<(UserId, Epoch)>, StoreError> {
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            let end = Query::delete()
                .from_table(session::Entity)
                .and_where(session::Column::Id.eq(id.as_uuid()))
                .returning_col(session::Column::UserId)
                .to_owned();
            let Some(row) = transaction.query_one(&end).await? else {
                return Ok(None);
            };
            let user_id: Uuid = row.try_get_by_index(0)?;
            change_row(&transaction, user_id, epoch, user::ActiveModel::default()).await?;
            transaction.commit().await?;
            Ok(Some((UserId::from_uuid(user_id), epoch)))
        })
        .await
    }

    async fn sweep_sessions(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.change(async move |transaction| {
            let swept = session::Entity::delete_many()
                .filter(session::Column::ExpiresAt.lte(now.as_millis()))
                .exec(&transaction)
                .await?;
            transaction.commit().await?;
            Ok(swept.rows_affected)
        })
        .await
    }
}
