//! What users are recognised by at providers.

use localauth_core::{ExternalIdentity, LinkIdentity, LinkedIdentity, Timestamp, User, UserId};
use sea_orm::prelude::Uuid;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _,
    QuerySelect as _, Select,
};

use crate::entity::identity::{self, Column, Entity};
use crate::entity::user;
use crate::error::Failure;
use crate::sql_store::hold_epoch;

/// The row of an identity. `None` for one that cannot have a row: PostgreSQL refuses even to look for a null character.
fn row_of(identity: &ExternalIdentity) -> Option<Select<Entity>> {
    let key = (identity.provider.as_str().to_owned(), identity.subject.clone());
    (!identity.subject.contains('\0')).then(|| Entity::find_by_id(key))
}

pub(super) async fn find_user(
    database: &impl ConnectionTrait,
    identity: &ExternalIdentity,
) -> Result<Option<User>, Failure> {
    let Some(row) = row_of(identity) else {
        return Ok(None);
    };
    let found = row.find_both_related(user::Entity).one(database).await?;
    Ok(found.map(|(_, user)| User::try_from(user)).transpose()?)
}

/// Whose an identity is.
pub(super) async fn find_owner(
    database: &impl ConnectionTrait,
    identity: &ExternalIdentity,
) -> Result<Option<Uuid>, Failure> {
    match row_of(identity) {
        Some(row) => Ok(row.one(database).await?.map(|row| row.user_id)),
        None => Ok(None),
    }
}

pub(super) async fn of_user(database: &impl ConnectionTrait, id: UserId) -> Result<Vec<LinkedIdentity>, Failure> {
    let rows = Entity::find()
        .filter(Column::UserId.eq(id.as_uuid()))
        .all(database)
        .await?;
    let mut all: Vec<LinkedIdentity> = rows
        .into_iter()
        .map(LinkedIdentity::try_from)
        .collect::<Result<_, _>>()?;
    all.sort_unstable_by(|a, b| a.identity.cmp(&b.identity));
    Ok(all)
}

pub(super) async fn link(
    transaction: DatabaseTransaction,
    id: UserId,
    identity: ExternalIdentity,
    at: Timestamp,
) -> Result<LinkIdentity, Failure> {
    let row = identity::to_row(&identity, id.as_uuid(), at)?;
    hold_epoch(&transaction).await?;
    let user = user::Entity::find_by_id(id.as_uuid()).limit(1);
    if user.count(&transaction).await? == 0 {
        return Ok(LinkIdentity::NotFound);
    }
    match find_owner(&transaction, &identity).await? {
        Some(owner) if owner == id.as_uuid() => return Ok(LinkIdentity::AlreadyTheirs),
        Some(_) => return Ok(LinkIdentity::Taken),
        None => {}
    }
    let another = Entity::find()
        .filter(Column::UserId.eq(id.as_uuid()))
        .filter(Column::Provider.eq(identity.provider.as_str()));
    if another.count(&transaction).await? > 0 {
        return Ok(LinkIdentity::Taken);
    }
    Entity::insert(row).exec_without_returning(&transaction).await?;
    transaction.commit().await?;
    Ok(LinkIdentity::Linked)
}

pub(super) async fn unlink(
    transaction: DatabaseTransaction,
    id: UserId,
    identity: ExternalIdentity,
) -> Result<bool, Failure> {
    hold_epoch(&transaction).await?;
    if find_owner(&transaction, &identity).await? != Some(id.as_uuid()) {
        return Ok(false);
    }
    let with_password = user::Entity::find_by_id(id.as_uuid()).filter(user::Column::Password.is_not_null());
    let theirs = Entity::find().filter(Column::UserId.eq(id.as_uuid()));
    if with_password.count(&transaction).await? == 0 && theirs.count(&transaction).await? < 2 {
        return Ok(false);
    }
    let key = (identity.provider.as_str().to_owned(), identity.subject);
    Entity::delete_by_id(key).exec(&transaction).await?;
    transaction.commit().await?;
    Ok(true)
}
