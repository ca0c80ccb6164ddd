//! How a new user comes in.

use localauth_core::{Admission, Epoch, ExternalIdentity, FirstUser, InsertUser, NewUser, Role, Status, User};
use sea_orm::sea_query::OnConflict;
use sea_orm::{DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QuerySelect as _};

use super::identities;
use crate::entity::{identity, user};
use crate::error::Failure;
use crate::invites;
use crate::sql_store::next_epoch;

/// Whoever does not get to the end has written nothing: the transaction is only committed there.
pub(super) async fn insert(
    transaction: DatabaseTransaction,
    mut new: NewUser,
    admission: Admission,
) -> Result<InsertUser, Failure> {
    // From here on nobody else comes in, links an identity or revokes an invite.
    let epoch: Epoch = next_epoch(&transaction).await?;
    let mut invite = admission.invite;
    if admission.first != FirstUser::AsGiven && user::Entity::find().limit(1).count(&transaction).await? == 0 {
        if admission.first == FirstUser::Refused {
            return Ok(InsertUser::NoUsersYet);
        }
        new.role = Role::Admin;
        new.status = Status::Active;
        invite = None;
    }
    let user = User::from_new(new, epoch);
    let inserted = user::Entity::insert(user::to_row(&user)?)
        .on_conflict(OnConflict::column(user::Column::Email).do_nothing().to_owned())
        .exec_without_returning(&transaction)
        .await?;
    if inserted == 0 {
        return Ok(InsertUser::EmailTaken);
    }
    if let Some(external) = &admission.external
        && !take(&transaction, external, &user).await?
    {
        return Ok(InsertUser::ExternalTaken);
    }
    if let Some(claim) = &invite
        && !invites::consume(&transaction, claim, user.id.as_uuid()).await?
    {
        return Ok(InsertUser::InviteInvalid);
    }
    transaction.commit().await?;
    Ok(InsertUser::Inserted(user))
}

/// Gives the new user their identity at a provider, unless it is somebody's.
async fn take(transaction: &DatabaseTransaction, external: &ExternalIdentity, user: &User) -> Result<bool, Failure> {
    if identities::find_owner(transaction, external).await?.is_some() {
        return Ok(false);
    }
    let row = identity::to_row(external, user.id.as_uuid(), user.created_at)?;
    identity::Entity::insert(row)
        .exec_without_returning(transaction)
        .await?;
    Ok(true)
}
