//! What users are recognised by at providers.

use localauth_core::{ExternalIdentity, LinkedIdentity, Timestamp};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use crate::error::{BadRow, Failure};
use crate::text;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_identity")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) provider: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) subject: String,
    pub(crate) user_id: Uuid,
    pub(crate) linked_at: i64,
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

/// The row of an identity that is linked now.
pub(crate) fn to_row(identity: &ExternalIdentity, user_id: Uuid, at: Timestamp) -> Result<ActiveModel, Failure> {
    Ok(ActiveModel {
        provider: Set(identity.provider.as_str().to_owned()),
        subject: Set(text::storable(&identity.subject)?),
        user_id: Set(user_id),
        linked_at: Set(at.as_millis()),
    })
}

impl TryFrom<Model> for LinkedIdentity {
    type Error = BadRow;

    fn try_from(row: Model) -> Result<Self, BadRow> {
        Ok(Self {
            identity: ExternalIdentity {
                provider: row.provider.parse().map_err(|_| BadRow("provider"))?,
                subject: row.subject,
            },
            linked_at: Timestamp::from_millis(row.linked_at),
        })
    }
}
