//! Sums of usage: what reports are read from.
//!
//! Each event is in two rows, that of its hour and that of its day: a month's report then reads thirty rows for each
//! thing told apart, not seven hundred.

use localauth_core::Grain;
use sea_orm::entity::prelude::*;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_usage_rollup")]
pub(crate) struct Model {
    /// [`grain_to_column`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) grain: i16,
    /// The beginning of the hour or day.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) at: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) user_id: Uuid,
    /// Nil for usage without a key: two NULLs are not the same to a unique index.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) key_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) model_id: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) endpoint_id: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) source: String,
    pub(crate) prompt_tokens: i64,
    pub(crate) completion_tokens: i64,
    pub(crate) requests: i64,
    pub(crate) estimated_requests: i64,
    /// The time of the latest request in it.
    pub(crate) last_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) const fn grain_to_column(grain: Grain) -> i16 {
    match grain {
        Grain::Hour => 1,
        Grain::Day => 2,
    }
}
