//! Texts and their numbers.

use std::collections::BTreeSet;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _};

use super::batch::LabelIds;
use crate::entity::usage_label;
use crate::error::Failure;
use crate::portion::portions;

/// The numbers of `texts`; those that have none are given one.
pub(super) async fn number(transaction: &DatabaseTransaction, texts: BTreeSet<String>) -> Result<LabelIds, Failure> {
    let texts: Vec<String> = texts.into_iter().collect();
    let mut ids = LabelIds::new();
    // Nearly always all are known already. (An insert that finds them there would use up a number each time.)
    find(transaction, &texts, &mut ids).await?;
    let fresh: Vec<String> = texts.into_iter().filter(|text| !ids.contains_key(text)).collect();
    for portion in portions(&fresh) {
        let rows = portion.iter().map(|text| usage_label::ActiveModel {
            id: NotSet,
            text: Set(text.clone()),
        });
        usage_label::Entity::insert_many(rows)
            .on_conflict(OnConflict::column(usage_label::Column::Text).do_nothing().to_owned())
            .exec_without_returning(transaction)
            .await?;
    }
    find(transaction, &fresh, &mut ids).await?;
    Ok(ids)
}

async fn find(transaction: &DatabaseTransaction, texts: &[String], ids: &mut LabelIds) -> Result<(), Failure> {
    for portion in portions(texts) {
        let rows = usage_label::Entity::find()
            .filter(usage_label::Column::Text.is_in(portion.iter().map(String::as_str)))
            .all(transaction)
            .await?;
        ids.extend(rows.into_iter().map(|row| (row.text, row.id)));
    }
    Ok(())
}
