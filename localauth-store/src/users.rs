//! [`UserStore`].

use async_trait::async_trait;
use localauth_core::{
    ChangeUser, Email, Epoch, FirstUser, InsertUser, NewUser, PasswordHash, Role, Status, StoreError, User, UserId,
    UserStore,
};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, prelude::Uuid};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use crate::entity::{epoch, user};
use crate::error::Failure;
use crate::sql_store::{SqlStore, next_epoch};

/// Whether somebody else than `id` is an administrator who can come in. Holds until the end of a transaction that has
/// taken its epoch.
async fn has_other_admin(transaction: &DatabaseTransaction, id: Uuid) -> Result<bool, Failure> {
    let others = user::Entity::find()
        .filter(user::Column::Role.eq(Role::Admin.as_str()))
        .filter(user::Column::Status.eq(Status::Active.as_str()))
        .filter(user::Column::Id.ne(id));
    Ok(others.count(transaction).await? > 0)
}

/// Moves a user's epoch, and writes what else is set in `change`.
pub(crate) async fn change_row(
    transaction: &DatabaseTransaction,
    id: Uuid,
    epoch: Epoch,
    change: user::ActiveModel,
) -> Result<bool, Failure> {
    let change = user::ActiveModel {
        epoch: Set(epoch::to_column(epoch)),
        ..change
    };
    let done = user::Entity::update_many()
        .set(change)
        .filter(user::Column::Id.eq(id))
        .exec(transaction)
        .await?;
    Ok(done.rows_affected == 1)
}

impl SqlStore {
    /// Changes role or status. `after` says what becomes of them, from what they are.
    async fn change_standing(
        &self,
        id: UserId,
        after: impl FnOnce(Role, Status) -> (Role, Status) + Send + 'static,
    ) -> Result<ChangeUser, StoreError> {
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            let Some(row) = user::Entity::find_by_id(id.as_uuid()).one(&transaction).await? else {
                return Ok(ChangeUser::NotFound);
            };
            let user = User::try_from(row)?;
            let before = (user.role, user.status);
            let after = after(user.role, user.status);
            let active_admin = (Role::Admin, Status::Active);
            if before == active_admin && after != active_admin && !has_other_admin(&transaction, id.as_uuid()).await? {
                return Ok(ChangeUser::LastAdmin);
            }
            let change = user::ActiveModel {
                role: Set(after.0.as_str().to_owned()),
                status: Set(after.1.as_str().to_owned()),
                ..Default::default()
            };
            change_row(&transaction, id.as_uuid(), epoch, change).await?;
            transaction.commit().await?;
            Ok(ChangeUser::Changed(epoch))
        })
        .await
    }
}

#[async_trait]
impl UserStore for SqlStore {
    async fn insert_user(&self, mut new: NewUser, first: FirstUser) -> Result<InsertUser, StoreError> {
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            if first == FirstUser::BecomesAdmin && user::Entity::find().limit(1).count(&transaction).await? == 0 {
                new.role = Role::Admin;
                new.status = Status::Active;
            }
            let user = User::from_new(new, epoch);
            let inserted = user::Entity::insert(user::to_row(&user)?)
                .on_conflict(OnConflict::column(user::Column::Email).do_nothing().to_owned())
                .exec_without_returning(&transaction)
                .await?;
            if inserted == 0 {
                return Ok(InsertUser::EmailTaken);
            }
            transaction.commit().await?;
            Ok(InsertUser::Inserted(user))
        })
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

    async fn list_users(&self) -> Result<Vec<User>, StoreError> {
        self.ask(async {
            let rows = user::Entity::find()
                .order_by_asc(user::Column::CreatedAt)
                .order_by_asc(user::Column::Id)
                .all(self.reader())
                .await?;
            Ok(rows.into_iter().map(User::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn set_password(&self, id: UserId, hash: &PasswordHash) -> Result<Option<Epoch>, StoreError> {
        let password = user::password_to_column(hash)?;
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            let change = user::ActiveModel {
                password: Set(Some(password)),
                sign_in_epoch: Set(epoch::to_column(epoch)),
                ..Default::default()
            };
            if !change_row(&transaction, id.as_uuid(), epoch, change).await? {
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

    async fn changes_since(&self, after: Epoch) -> Result<Vec<(UserId, Epoch)>, StoreError> {
        self.ask(async {
            let rows: Vec<(Uuid, i64)> = user::Entity::find()
                .select_only()
                .columns([user::Column::Id, user::Column::Epoch])
                .filter(user::Column::Epoch.gt(epoch::to_column(after)))
                .order_by_asc(user::Column::Epoch)
                .into_tuple()
                .all(self.reader())
                .await?;
            let change = |(id, epoch)| Ok((UserId::from_uuid(id), epoch::from_column(epoch)?));
            rows.into_iter().map(change).collect()
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
