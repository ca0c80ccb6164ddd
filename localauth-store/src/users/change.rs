//! Changes of what a user may do, up to not being there any more.

use localauth_core::{ChangeUser, Epoch, Role, Status, StoreError, Timestamp, User, UserId};
use sea_orm::{ActiveValue::Set, prelude::Uuid};
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QuerySelect as _, QueryTrait as _,
};

use crate::entity::user::holder_from_column;
use crate::entity::{epoch, key, session, user};
use crate::error::Failure;
use crate::holder::{change_holder, change_other, change_user};
use crate::lock::lock_in_order;
use crate::sql_store::{SqlStore, hold_epoch, next_epoch};

const ACTIVE_ADMIN: (Role, Status) = (Role::Admin, Status::Active);

/// Whether somebody else than `id` is an administrator who can come in. Holds until the end of a transaction that has
/// taken its epoch.
async fn has_other_admin(transaction: &DatabaseTransaction, id: Uuid) -> Result<bool, Failure> {
    let others = user::Entity::find()
        .filter(user::Column::Role.eq(ACTIVE_ADMIN.0.as_str()))
        .filter(user::Column::Status.eq(ACTIVE_ADMIN.1.as_str()))
        .filter(user::Column::Id.ne(id));
    Ok(others.count(transaction).await? > 0)
}

impl SqlStore {
    /// Writes what `change` says for the next epoch. `None` when there is no such user.
    pub(super) async fn change_row(
        &self,
        id: UserId,
        change: impl FnOnce(Epoch) -> user::ActiveModel + Send + 'static,
    ) -> Result<Option<Epoch>, StoreError> {
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            if !change_user(&transaction, id, epoch, change(epoch)).await? {
                return Ok(None);
            }
            transaction.commit().await?;
            Ok(Some(epoch))
        })
        .await
    }

    /// Changes name and picture, and what a search finds.
    pub(super) async fn change_profile(
        &self,
        id: UserId,
        name: String,
        avatar_url: String,
    ) -> Result<Option<Epoch>, StoreError> {
        self.change(async move |transaction| {
            let epoch = next_epoch(&transaction).await?;
            let email = user::Entity::find_by_id(id.as_uuid())
                .select_only()
                .column(user::Column::Email)
                .into_tuple::<String>();
            let Some(email) = email.one(&transaction).await? else {
                return Ok(None);
            };
            let change = user::ActiveModel {
                search: Set(user::search_text(&email, &name)),
                name: Set(name),
                avatar_url: Set(avatar_url),
                ..Default::default()
            };
            change_user(&transaction, id, epoch, change).await?;
            transaction.commit().await?;
            Ok(Some(epoch))
        })
        .await
    }

    /// Changes role or status. `after` says what becomes of them, from what they are. Sessions end with another role,
    /// and when somebody is shut out.
    pub(super) async fn change_standing(
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
            if before == ACTIVE_ADMIN && after != ACTIVE_ADMIN && !has_other_admin(&transaction, id.as_uuid()).await? {
                return Ok(ChangeUser::LastAdmin);
            }
            let mut change = user::ActiveModel {
                role: Set(after.0.as_str().to_owned()),
                status: Set(after.1.as_str().to_owned()),
                ..Default::default()
            };
            let is_shut_out = before.1 == Status::Active && after.1 != Status::Active;
            if before.0 != after.0 || is_shut_out {
                change.sign_in_epoch = Set(epoch::to_column(epoch));
            }
            change_user(&transaction, id, epoch, change).await?;
            transaction.commit().await?;
            Ok(ChangeUser::Changed(epoch))
        })
        .await
    }
}

/// Deletes a user; foreign keys take what belongs to them along.
///
/// On PostgreSQL, locks are taken in an order that others share: the epoch's, the user's, then those of their keys and
/// of sessions. Who makes a session or a key for them has to wait from the user's lock on, and then finds nobody.
pub(super) async fn delete(transaction: DatabaseTransaction, id: UserId, at: Timestamp) -> Result<ChangeUser, Failure> {
    let uuid = id.as_uuid();
    hold_epoch(&transaction).await?;
    let user = user::Entity::find_by_id(uuid).lock_exclusive();
    let Some(user) = user.one(&transaction).await? else {
        return Ok(ChangeUser::NotFound);
    };
    // By their texts: whoever has a broken row can be deleted too.
    let is_active_admin = (&*user.role, &*user.status) == (ACTIVE_ADMIN.0.as_str(), ACTIVE_ADMIN.1.as_str());
    if is_active_admin && !has_other_admin(&transaction, uuid).await? {
        return Ok(ChangeUser::LastAdmin);
    }
    let keys = key::Entity::find().filter(key::Column::UserId.eq(uuid));
    lock_in_order(&transaction, keys.clone(), key::Column::Id).await?;
    let key_ids = keys.select_only().column(key::Column::Id).into_query();
    let sessions = session::Entity::find().filter(
        Condition::any()
            .add(session::Column::UserId.eq(uuid))
            .add(session::Column::ImpersonatorId.eq(uuid))
            .add(session::Column::KeyId.in_subquery(key_ids)),
    );
    lock_in_order(&transaction, sessions, session::Column::Id).await?;
    let acted_as: Vec<Option<Uuid>> = session::Entity::find()
        .select_only()
        .column(session::Column::UserId)
        .filter(session::Column::ImpersonatorId.eq(uuid))
        .distinct()
        .into_tuple()
        .all(&transaction)
        .await?;
    user::Entity::delete_by_id(uuid).exec(&transaction).await?;
    for holder in acted_as {
        let epoch = next_epoch(&transaction).await?;
        change_holder(&transaction, holder_from_column(holder), epoch).await?;
    }
    let epoch = next_epoch(&transaction).await?;
    change_other(&transaction, id, epoch, at).await?;
    transaction.commit().await?;
    Ok(ChangeUser::Changed(epoch))
}
