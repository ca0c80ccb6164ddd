//! Whose epoch moves: that of a user, of one who is gone, or of the synthetic administrator.

use localauth_core::{Epoch, Timestamp, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _};

use crate::entity::{departed, epoch, user};
use crate::error::Failure;

/// Moves a user's epoch, and writes what else is set in `change`. `false` when there is no such user.
pub(crate) async fn change_user(
    transaction: &DatabaseTransaction,
    id: UserId,
    epoch: Epoch,
    change: user::ActiveModel,
) -> Result<bool, Failure> {
    let change = user::ActiveModel {
        epoch: Set(epoch::to_column(epoch)),
        ..change
    };
    let done = user::Entity::update_many()
        .set(change)
        .filter(user::Column::Id.eq(id.as_uuid()))
        .exec(transaction)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Moves the epoch of whoever has sessions: a user or the synthetic administrator. `false` when there is no such user.
pub(crate) async fn change_holder(
    transaction: &DatabaseTransaction,
    id: UserId,
    epoch: Epoch,
) -> Result<bool, Failure> {
    if id == UserId::SHARED {
        change_other(transaction, id, epoch, Timestamp::from_millis(0)).await?;
        Ok(true)
    } else {
        change_user(transaction, id, epoch, user::ActiveModel::default()).await
    }
}

/// Moves the epoch of somebody who is no user, or not any more.
pub(crate) async fn change_other(
    transaction: &DatabaseTransaction,
    id: UserId,
    epoch: Epoch,
    at: Timestamp,
) -> Result<(), Failure> {
    use departed::{ActiveModel, Column, Entity};
    let row = ActiveModel {
        id: Set(id.as_uuid()),
        epoch: Set(epoch::to_column(epoch)),
        at: Set(at.as_millis()),
    };
    Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::Id)
                .update_columns([Column::Epoch, Column::At])
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
