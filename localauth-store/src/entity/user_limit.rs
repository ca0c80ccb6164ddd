//! Limits of users, one a model.

use localauth_core::{Limit, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use crate::error::{BadRow, Failure};
use crate::text;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_user_limit")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    /// That of the rule, to be found by.
    pub(crate) model: String,
    /// A JSON object: [`localauth_core::LimitRule`].
    pub(crate) rule: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id",
        on_delete = "Cascade"
    )]
    User,
}

impl Related<super::user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// The row of a user's limit.
pub(crate) fn to_row(user: UserId, limit: &Limit) -> Result<ActiveModel, Failure> {
    Ok(ActiveModel {
        id: Set(limit.id.as_uuid()),
        user_id: Set(user.as_uuid()),
        model: Set(text::storable(&limit.rule.model)?),
        rule: Set(serde_json::to_string(&limit.rule).map_err(|_| BadRow("rule"))?),
    })
}
