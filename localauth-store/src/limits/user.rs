//! What limits a user by name.

use std::collections::BTreeMap;

use localauth_core::{Epoch, Limit, LimitId, PutLimit, TierName, UserId, UserLimits};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait as _, JoinType, PaginatorTrait as _,
    QueryFilter as _, QuerySelect as _, RelationTrait as _,
};

use super::house;
use crate::entity::user_limit::{self, Column, Entity};
use crate::entity::{user, user_limit::Model};
use crate::error::{BadRow, Failure};
use crate::holder::change_user;
use crate::portion::portions;
use crate::sql_store::next_epoch;

/// A user, their tier, and one of their limits by id and rule.
type Row = (Uuid, Option<String>, Option<Uuid>, Option<String>);

/// Tier and limits of each, of one moment; those without either are left out.
pub(super) async fn limits_of(
    database: &impl ConnectionTrait,
    users: &[UserId],
) -> Result<BTreeMap<UserId, UserLimits>, Failure> {
    let mut found: BTreeMap<UserId, UserLimits> = BTreeMap::new();
    for portion in portions(users) {
        let rows: Vec<Row> = user::Entity::find()
            .select_only()
            .columns([user::Column::Id, user::Column::Tier])
            .columns([Column::Id, Column::Rule])
            .join(JoinType::LeftJoin, user::Relation::Limit.def())
            .filter(user::Column::Id.is_in(portion.iter().map(UserId::as_uuid)))
            .filter(
                Condition::any()
                    .add(user::Column::Tier.is_not_null())
                    .add(Column::Id.is_not_null()),
            )
            .into_tuple()
            .all(database)
            .await?;
        for (id, tier, limit_id, rule) in rows {
            let limits = found.entry(UserId::from_uuid(id)).or_default();
            limits.tier = tier.map(|name| name.parse()).transpose().map_err(|_| BadRow("tier"))?;
            if let (Some(id), Some(rule)) = (limit_id, rule) {
                limits.limits.push(Limit {
                    id: LimitId::from_uuid(id),
                    rule: serde_json::from_str(&rule).map_err(|_| BadRow("rule"))?,
                });
            }
        }
    }
    for limits in found.values_mut() {
        // Not by the database, which has an order of its own for texts.
        limits.limits.sort_unstable_by(|a, b| a.rule.model.cmp(&b.rule.model));
        // Of a user who was asked for in two portions.
        limits.limits.dedup_by_key(|limit| limit.id);
    }
    Ok(found)
}

pub(super) async fn put(
    transaction: DatabaseTransaction,
    user: UserId,
    limit: Limit,
    most: usize,
) -> Result<PutLimit, Failure> {
    let row = user_limit::to_row(user, &limit)?;
    let epoch = next_epoch(&transaction).await?;
    if !change_user(&transaction, user, epoch, user::ActiveModel::default()).await? {
        return Ok(PutLimit::NotFound);
    }
    let theirs = Entity::find().filter(Column::UserId.eq(user.as_uuid()));
    let same: Option<Model> = theirs
        .clone()
        .filter(Column::Model.eq(&*limit.rule.model))
        .one(&transaction)
        .await?;
    let id = if let Some(same) = same {
        let change = user_limit::ActiveModel {
            id: Set(same.id),
            ..row
        };
        Entity::update(change).exec(&transaction).await?;
        LimitId::from_uuid(same.id)
    } else {
        let count = theirs.count(&transaction).await?;
        if usize::try_from(count).is_ok_and(|count| count >= most) {
            return Ok(PutLimit::TooMany);
        }
        Entity::insert(row).exec_without_returning(&transaction).await?;
        limit.id
    };
    transaction.commit().await?;
    Ok(PutLimit::Put(id, epoch))
}

pub(super) async fn delete(
    transaction: DatabaseTransaction,
    user: UserId,
    id: LimitId,
) -> Result<Option<Epoch>, Failure> {
    let epoch = next_epoch(&transaction).await?;
    let deleted = Entity::delete_by_id(id.as_uuid())
        .filter(Column::UserId.eq(user.as_uuid()))
        .exec(&transaction)
        .await?;
    if deleted.rows_affected == 0 {
        return Ok(None);
    }
    change_user(&transaction, user, epoch, user::ActiveModel::default()).await?;
    transaction.commit().await?;
    Ok(Some(epoch))
}

pub(super) async fn set_tier(
    transaction: DatabaseTransaction,
    user: UserId,
    tier: Option<TierName>,
) -> Result<Option<Epoch>, Failure> {
    let epoch = next_epoch(&transaction).await?;
    if let Some(tier) = &tier
        && !house::rules(&transaction).await?.0.tiers.contains_key(tier)
    {
        return Ok(None);
    }
    let change = user::ActiveModel {
        tier: Set(tier.map(String::from)),
        ..Default::default()
    };
    if !change_user(&transaction, user, epoch, change).await? {
        return Ok(None);
    }
    transaction.commit().await?;
    Ok(Some(epoch))
}
