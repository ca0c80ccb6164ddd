//! What is held under each counter for a request under way.

use sea_orm::entity::prelude::*;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_limit_hold")]
pub(crate) struct Model {
    /// The request.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) hold: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) counter_id: i64,
    /// The process it is under way in. No foreign key: it is held by its row, and by whether there is a node that lives.
    pub(crate) node_id: i64,
    pub(crate) requests: i64,
    pub(crate) prompt_tokens: i64,
    pub(crate) completion_tokens: i64,
    pub(crate) cost_micros: i64,
    pub(crate) places: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
