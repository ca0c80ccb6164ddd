//! Attempts that are limited: the times of the latest ones, for each bucket.

use localauth_core::Timestamp;
use sea_orm::entity::prelude::*;

use crate::error::{BadRow, Failure};

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_attempt")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) bucket: String,
    /// A JSON array of milliseconds, oldest first.
    pub(crate) times: String,
    /// The last of them.
    pub(crate) last_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) fn times_to_column(times: &[Timestamp]) -> Result<String, Failure> {
    let millis: Vec<i64> = times.iter().map(|at| at.as_millis()).collect();
    serde_json::to_string(&millis).map_err(|_| BadRow("times").into())
}

pub(crate) fn times_from_column(text: &str) -> Result<Vec<Timestamp>, BadRow> {
    let millis: Vec<i64> = serde_json::from_str(text).map_err(|_| BadRow("times"))?;
    Ok(millis.into_iter().map(Timestamp::from_millis).collect())
}
