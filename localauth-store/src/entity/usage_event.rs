//! One answered request: what makes it count once, and what the roll-ups can be made from again.
//!
//! About 90 bytes and a key of 16 each: ids and numbers only, every text is a [label](super::usage_label) or a
//! [name](super::usage_name). No foreign key: usage outlives users and keys.

use sea_orm::entity::prelude::*;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_usage_event")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) request_id: Uuid,
    pub(crate) at: i64,
    pub(crate) user_id: Uuid,
    pub(crate) key_id: Option<Uuid>,
    pub(crate) model_id: i32,
    pub(crate) endpoint_id: i32,
    pub(crate) source: String,
    pub(crate) prompt_tokens: i64,
    pub(crate) completion_tokens: i64,
    pub(crate) estimated: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
