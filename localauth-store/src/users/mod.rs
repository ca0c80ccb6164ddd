//! [`UserStore`].

mod change;
mod identities;
mod insert;
mod list;

use std::collections::BTreeMap;

use async_trait::async_trait;
use localauth_core::{
    Admission, ChangeUser, Email, Epoch, ExternalIdentity, InsertUser, LinkIdentity, LinkedIdentity, ModelAllowList,
    NewUser, PasswordHash, Role, Status, StoreError, Timestamp, User, UserId, UserQuery, UserStore,
};
use sea_orm::sea_query::{Query, UnionType};
use sea_orm::{ActiveValue::Set, prelude::Uuid};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, Order, QueryFilter as _, QuerySelect as _};

use crate::entity::{departed, epoch, user};
use crate::error::Failure;
use crate::holder::change_user;
use crate::sql_store::{SqlStore, next_epoch};
use crate::text;

#[async_trait]
impl UserStore for SqlStore {
    async fn insert_user(&self, user: NewUser, admission: Admission) -> Result<InsertUser, StoreError> {
        self.change(async move |transaction| insert::insert(transaction, user, admission).await)
            .await
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.ask(async {
            let row = user::Entity::find_by_id(id.as_uuid()).one(self.reader()).await?;
            Ok(row.map(User::try_from).transpose()?)
        })
        .await
    }

    async fn find_user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        self.ask(async {
            let row = user::Entity::find()
                .filter(user::Column::Email.eq(email.as_str()))
                .one(self.reader())
                .await?;
            Ok(row.map(User::try_from).transpose()?)
        })
        .await
    }

    async fn find_user_by_identity(&self, identity: &ExternalIdentity) -> Result<Option<User>, StoreError> {
        self.ask(identities::find_user(self.reader(), identity)).await
    }

    async fn has_users(&self) -> Result<bool, StoreError> {
        self.ask(async {
            let any = user::Entity::find()
                .select_only()
                .column(user::Column::Id)
                .into_tuple::<Uuid>();
            Ok(any.one(self.reader()).await?.is_some())
        })
        .await
    }

    async fn list_users(&self, query: &UserQuery) -> Result<Vec<User>, StoreError> {
        self.ask(list::list(self.reader(), query)).await
    }

    async fn names_of(&self, ids: &[UserId]) -> Result<BTreeMap<UserId, String>, StoreError> {
        self.ask(list::names(self.reader(), ids)).await
    }

    async fn set_password(
        &self,
        id: UserId,
        old: Option<&PasswordHash>,
        hash: &PasswordHash,
    ) -> Result<Option<Epoch>, StoreError> {
        let password = user::password_to_column(hash)?;
        let old = old.map(user::password_to_column).transpose()?;
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            if let Some(old) = old {
                // Read after the epoch is taken: nobody else changes it before the commit.
                let present = user::Entity::find_by_id(id.as_uuid())
                    .filter(user::Column::Password.eq(old))
                    .one(&transaction)
                    .await?;
                if present.is_none() {
                    return Ok(None);
                }
            }
            let change = user::ActiveModel {
                password: Set(Some(password)),
                sign_in_epoch: Set(epoch::to_column(epoch)),
                ..Default::default()
            };
            if !change_user(&transaction, id, epoch, change).await? {
                return Ok(None);
            }
            transaction.commit().await?;
            Ok(Some(epoch))
        })
        .await
    }

    async fn rehash_password(&self, id: UserId, old: &PasswordHash, new: &PasswordHash) -> Result<bool, StoreError> {
        let (old, new) = (user::password_to_column(old)?, user::password_to_column(new)?);
        self.change(async move |transaction| {
            let replaced = user::Entity::update_many()
                .set(user::ActiveModel {
                    password: Set(Some(new)),
                    ..Default::default()
                })
                .filter(user::Column::Id.eq(id.as_uuid()))
                .filter(user::Column::Password.eq(old))
                .exec(&transaction)
                .await?;
            transaction.commit().await?;
            Ok(replaced.rows_affected == 1)
        })
        .await
    }

    async fn set_role(&self, id: UserId, role: Role) -> Result<ChangeUser, StoreError> {
        self.change_standing(id, move |_, status| (role, status)).await
    }

    async fn set_status(&self, id: UserId, status: Status) -> Result<ChangeUser, StoreError> {
        self.change_standing(id, move |role, _| (role, status)).await
    }

    async fn set_profile(&self, id: UserId, name: &str, avatar_url: &str) -> Result<Option<Epoch>, StoreError> {
        let (name, avatar_url) = (text::storable(name)?, text::storable(avatar_url)?);
        self.change_profile(id, name, avatar_url).await
    }

    async fn set_permissions(
        &self,
        id: UserId,
        permissions: &BTreeMap<String, bool>,
    ) -> Result<Option<Epoch>, StoreError> {
        let permissions = user::permissions_to_column(permissions).map_err(Failure::from)?;
        self.change_row(id, move |_| user::ActiveModel {
            permissions: Set(permissions),
            ..Default::default()
        })
        .await
    }

    async fn set_models(&self, id: UserId, models: &ModelAllowList) -> Result<Option<Epoch>, StoreError> {
        let models = user::models_to_column(models).map_err(Failure::from)?;
        self.change_row(id, move |_| user::ActiveModel {
            models: Set(models),
            ..Default::default()
        })
        .await
    }

    async fn delete_user(&self, id: UserId, at: Timestamp) -> Result<ChangeUser, StoreError> {
        self.change(async move |transaction| change::delete(transaction, id, at).await)
            .await
    }

    async fn link_identity(
        &self,
        id: UserId,
        identity: ExternalIdentity,
        at: Timestamp,
    ) -> Result<LinkIdentity, StoreError> {
        self.change(async move |transaction| identities::link(transaction, id, identity, at).await)
            .await
    }

    async fn identities(&self, id: UserId) -> Result<Vec<LinkedIdentity>, StoreError> {
        self.ask(identities::of_user(self.reader(), id)).await
    }

    async fn unlink_identity(&self, id: UserId, identity: &ExternalIdentity) -> Result<bool, StoreError> {
        let identity = identity.clone();
        self.change(async move |transaction| identities::unlink(transaction, id, identity).await)
            .await
    }

    /// One statement: whoever was deleted in between would be in neither of two.
    async fn changes_since(&self, after: Epoch) -> Result<Vec<(UserId, Epoch)>, StoreError> {
        let after = epoch::to_column(after);
        self.ask(async {
            let gone = Query::select()
                .columns([departed::Column::Id, departed::Column::Epoch])
                .from(departed::Entity)
                .and_where(departed::Column::Epoch.gt(after))
                .to_owned();
            let all = Query::select()
                .columns([user::Column::Id, user::Column::Epoch])
                .from(user::Entity)
                .and_where(user::Column::Epoch.gt(after))
                .union(UnionType::All, gone)
                .order_by("epoch", Order::Asc)
                .to_owned();
            let rows = self.reader().query_all(&all).await?;
            rows.iter()
                .map(|row| {
                    let (id, epoch): (Uuid, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
                    Ok((UserId::from_uuid(id), epoch::from_column(epoch)?))
                })
                .collect()
        })
        .await
    }

    async fn latest_epoch(&self) -> Result<Epoch, StoreError> {
        self.ask(async {
            let row = epoch::Entity::find_by_id(epoch::ONLY).one(self.reader()).await?;
            Ok(epoch::from_column(
                row.ok_or(Failure::Broken("the epoch's counter is gone"))?.value,
            )?)
        })
        .await
    }
}
