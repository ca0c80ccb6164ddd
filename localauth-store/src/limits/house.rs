//! The house rules.

use std::collections::BTreeSet;

use localauth_core::{Epoch, HouseRules, ReplaceHouseRules, TierName, Timestamp, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QuerySelect as _,
};

use crate::entity::house::{ActiveModel, Column, Entity, ONLY};
use crate::entity::{epoch, user};
use crate::error::{BadRow, Failure};
use crate::holder::change_other;
use crate::sql_store::next_epoch;

pub(super) async fn rules(database: &impl ConnectionTrait) -> Result<(HouseRules, Epoch), Failure> {
    let Some(row) = Entity::find_by_id(ONLY).one(database).await? else {
        return Ok(Default::default());
    };
    let rules = serde_json::from_str(&row.rules).map_err(|_| BadRow("rules"))?;
    Ok((rules, epoch::from_column(row.epoch)?))
}

/// Replaces the house rules by `document`, which has these tiers.
pub(super) async fn replace(
    transaction: DatabaseTransaction,
    document: String,
    tiers: BTreeSet<TierName>,
    since: Epoch,
) -> Result<ReplaceHouseRules, Failure> {
    let epoch = next_epoch(&transaction).await?;
    if rules(&transaction).await?.1 != since {
        return Ok(ReplaceHouseRules::Outdated);
    }
    let in_use: Vec<String> = user::Entity::find()
        .select_only()
        .column(user::Column::Tier)
        .filter(user::Column::Tier.is_not_null())
        .distinct()
        .into_tuple()
        .all(&transaction)
        .await?;
    for tier in in_use {
        let tier = tier.parse().map_err(|_| BadRow("tier"))?;
        if !tiers.contains(&tier) {
            return Ok(ReplaceHouseRules::TierInUse(tier));
        }
    }
    let row = ActiveModel {
        id: Set(ONLY),
        epoch: Set(epoch::to_column(epoch)),
        rules: Set(document),
    };
    Entity::insert(row)
        .on_conflict(
            OnConflict::column(Column::Id)
                .update_columns([Column::Epoch, Column::Rules])
                .to_owned(),
        )
        .exec_without_returning(&transaction)
        .await?;
    change_other(&transaction, UserId::HOUSE, epoch, Timestamp::from_millis(0)).await?;
    transaction.commit().await?;
    Ok(ReplaceHouseRules::Replaced(epoch))
}
