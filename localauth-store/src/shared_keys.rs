//! [`SharedKeyStore`].

use async_trait::async_trait;
use localauth_core::{Epoch, SharedKey, SharedKeyStore, StoreError, UserId};
use sea_orm::{EntityTrait as _, QueryOrder as _};

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
}
