//! What users and keys were called when their usage was last recorded. Outlives both.

use sea_orm::entity::prelude::*;

/// [`Model::kind`] of a user's name.
pub(crate) const USER: i16 = 1;
/// [`Model::kind`] of a key's name.
pub(crate) const KEY: i16 = 2;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_usage_name")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) kind: i16,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// The time of the latest request under this name.
    pub(crate) seen_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
