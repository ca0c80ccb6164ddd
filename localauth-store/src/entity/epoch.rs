//! The counter that every change takes its epoch from: one row.

use localauth_core::Epoch;
use sea_orm::entity::prelude::*;

use crate::error::BadRow;

/// The id of the only row.
pub(crate) const ONLY: i16 = 1;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_epoch")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: i16,
    pub(crate) value: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An epoch as it is stored. Those beyond the column's range are after everything.
pub(crate) fn to_column(epoch: Epoch) -> i64 {
    i64::try_from(epoch.0).unwrap_or(i64::MAX)
}

pub(crate) fn from_column(value: i64) -> Result<Epoch, BadRow> {
    u64::try_from(value).map(Epoch).map_err(|_| BadRow("epoch"))
}
