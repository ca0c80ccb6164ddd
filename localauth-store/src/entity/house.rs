//! The house rules: one row, or none as long as they were never changed.

use sea_orm::entity::prelude::*;

/// The id of the only row.
pub(crate) const ONLY: i16 = 1;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_house")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i16,
    pub(crate) epoch: i64,
    /// A JSON object: [`localauth_core::HouseRules`].
    pub(crate) rules: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
