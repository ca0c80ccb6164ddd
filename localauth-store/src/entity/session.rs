//! Sessions.

use localauth_core::{Session, SessionId, Timestamp, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use super::key::stored_digest;
use super::{DigestBytes, epoch};
use crate::error::{BadRow, Failure};
use crate::text;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_session")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    #[sea_orm(unique)]
    pub(crate) digest: DigestBytes,
    pub(crate) secret_version: i64,
    pub(crate) sign_in_epoch: i64,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) ip: String,
    pub(crate) user_agent: String,
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

/// The row of a new session.
pub(crate) fn to_row(session: &Session) -> Result<ActiveModel, Failure> {
    Ok(ActiveModel {
        id: Set(session.id.as_uuid()),
        user_id: Set(session.user_id.as_uuid()),
        digest: Set(DigestBytes::from(&session.digest.digest)),
        secret_version: Set(i64::from(session.digest.version.0)),
        sign_in_epoch: Set(epoch::to_column(session.sign_in_epoch)),
        created_at: Set(session.created_at.as_millis()),
        expires_at: Set(session.expires_at.as_millis()),
        ip: Set(text::storable(&session.ip)?),
        user_agent: Set(text::storable(&session.user_agent)?),
    })
}

impl TryFrom<Model> for Session {
    type Error = BadRow;

    fn try_from(row: Model) -> Result<Self, BadRow> {
        Ok(Self {
            id: SessionId::from_uuid(row.id),
            user_id: UserId::from_uuid(row.user_id),
            digest: stored_digest(row.digest, row.secret_version)?,
            sign_in_epoch: epoch::from_column(row.sign_in_epoch)?,
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            ip: row.ip,
            user_agent: row.user_agent,
        })
    }
}
