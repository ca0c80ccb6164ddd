//! Invites.

use localauth_core::{Invite, InviteId, Timestamp, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use super::user::{holder_from_column, holder_to_column};
use super::{DigestBytes, stored_digest};
use crate::error::{BadRow, Failure};
use crate::text;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_invite")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    #[sea_orm(unique)]
    pub(crate) digest: DigestBytes,
    pub(crate) secret_version: i64,
    pub(crate) code_prefix: String,
    /// NULL is the synthetic administrator.
    pub(crate) created_by: Option<Uuid>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) used_at: Option<i64>,
    pub(crate) used_by: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The row of a new invite.
pub(crate) fn to_row(invite: &Invite) -> Result<ActiveModel, Failure> {
    Ok(ActiveModel {
        id: Set(invite.id.as_uuid()),
        digest: Set(DigestBytes::from(&invite.digest.digest)),
        secret_version: Set(i64::from(invite.digest.version.0)),
        code_prefix: Set(text::storable(&invite.code_prefix)?),
        created_by: Set(holder_to_column(invite.created_by)),
        created_at: Set(invite.created_at.as_millis()),
        expires_at: Set(invite.expires_at.as_millis()),
        used_at: Set(invite.used_at.map(Timestamp::as_millis)),
        used_by: Set(invite.used_by.map(|id| id.as_uuid())),
    })
}

impl TryFrom<Model> for Invite {
    type Error = BadRow;

    fn try_from(row: Model) -> Result<Self, BadRow> {
        Ok(Self {
            id: InviteId::from_uuid(row.id),
            digest: stored_digest(row.digest, row.secret_version)?,
            code_prefix: row.code_prefix,
            created_by: holder_from_column(row.created_by),
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            used_at: row.used_at.map(Timestamp::from_millis),
            used_by: row.used_by.map(UserId::from_uuid),
        })
    }
}
