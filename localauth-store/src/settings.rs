//! [`SettingStore`].

use async_trait::async_trait;
use localauth_core::{SettingStore, StoreError};
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait as _;
use sea_orm::sea_query::OnConflict;

use crate::entity::setting;
use crate::error::Failure;
use crate::sql_store::SqlStore;
use crate::text;

fn to_row(name: &str, value: &str) -> Result<setting::ActiveModel, Failure> {
    Ok(setting::ActiveModel {
        name: Set(text::storable(name)?),
        value: Set(text::storable(value)?),
    })
}

#[async_trait]
impl SettingStore for SqlStore {
    async fn setting_or_insert(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let row = to_row(name, value)?;
        let name = name.to_owned();
        self.change(async move |transaction| {
            setting::Entity::insert(row)
                .on_conflict(OnConflict::column(setting::Column::Name).do_nothing().to_owned())
                .exec_without_returning(&transaction)
                .await?;
            // Who lost has waited for the winner's commit, and sees it: a new statement is a new snapshot.
            let stored = setting::Entity::find_by_id(name).one(&transaction).await?;
            transaction.commit().await?;
            Ok(stored
                .ok_or(Failure::Broken("a setting is gone that was just there"))?
                .value)
        })
        .await
    }

    async fn put_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let row = to_row(name, value)?;
        self.change(async move |transaction| {
            setting::Entity::insert(row)
                .on_conflict(
                    OnConflict::column(setting::Column::Name)
                        .update_column(setting::Column::Value)
                        .to_owned(),
                )
                .exec_without_returning(&transaction)
                .await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    #[cfg(feature = "sqlite")]
    fn own_secret(&self) -> Option<localauth_core::ServerSecret> {
        self.secret_beside()
    }
}
