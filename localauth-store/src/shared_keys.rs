//! [`SharedKeyStore`].

use async_trait::async_trait;
use localauth_core::{
    Epoch, InsertSharedKey, SharedKey, SharedKeyId, SharedKeyStore, StoreError, StoredDigest, UserId,
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _};

use crate::entity::DigestBytes;
use crate::entity::shared_key::{self, Column, Entity};
use crate::holder::change_holder;
use crate::portion::portions;
use crate::sql_store::{SqlStore, next_epoch};

#[async_trait]
impl SharedKeyStore for SqlStore {
    async fn shared_keys(&self) -> Result<Vec<SharedKey>, StoreError> {
        self.ask(async {
            let rows = Entity::find()
                .order_by_asc(Column::CreatedAt)
                .order_by_asc(Column::Id)
                .all(self.reader())
                .await?;
            Ok(rows.into_iter().map(SharedKey::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn replace_shared_keys(&self, keys: &[SharedKey]) -> Result<Epoch, StoreError> {
        let rows = keys.iter().map(shared_key::to_row).collect::<Result<Vec<_>, _>>()?;
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            Entity::delete_many().exec(&transaction).await?;
            for portion in portions(&rows) {
                Entity::insert_many(portion.to_vec())
                    .exec_without_returning(&transaction)
                    .await?;
            }
            change_holder(&transaction, UserId::SHARED, epoch).await?;
            transaction.commit().await?;
            Ok(epoch)
        })
        .await
    }

    async fn insert_shared_key(
        &self,
        key: &SharedKey,
        older: &[StoredDigest],
        most: usize,
    ) -> Result<InsertSharedKey, StoreError> {
        let row = shared_key::to_row(key)?;
        let digests = older.iter().chain([&key.digest]);
        let digests: Vec<_> = digests.map(|same| DigestBytes::from(&same.digest)).collect();
        self.change(async move |transaction| {
            // Locks out whoever else would add one, so that what is counted stays so.
            let epoch = next_epoch(&transaction).await?;
            let known = Entity::find().filter(Column::Digest.is_in(digests)).one(&transaction);
            if known.await?.is_some() {
                return Ok(InsertSharedKey::Present);
            }
            let count = Entity::find().count(&transaction).await?;
            if count >= u64::try_from(most).unwrap_or(u64::MAX) {
                return Ok(InsertSharedKey::TooMany);
            }
            Entity::insert(row).exec_without_returning(&transaction).await?;
            change_holder(&transaction, UserId::SHARED, epoch).await?;
            transaction.commit().await?;
            Ok(InsertSharedKey::Inserted(epoch))
        })
        .await
    }

    async fn delete_shared_key(&self, id: SharedKeyId) -> Result<Option<(SharedKey, Epoch)>, StoreError> {
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            // Nobody changes it meanwhile: the next epoch locks out all others.
            let Some(row) = Entity::find_by_id(id.as_uuid()).one(&transaction).await? else {
                return Ok(None);
            };
            Entity::delete_by_id(id.as_uuid()).exec(&transaction).await?;
            change_holder(&transaction, UserId::SHARED, epoch).await?;
            transaction.commit().await?;
            Ok(Some((SharedKey::try_from(row)?, epoch)))
        })
        .await
    }
}
