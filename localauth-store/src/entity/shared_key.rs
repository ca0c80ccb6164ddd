//! Shared keys that were set at run time.

use localauth_core::{SharedKey, SharedKeyId, Timestamp};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use super::{DigestBytes, stored_digest};
use crate::error::{BadRow, Failure};
use crate::text;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_shared_key")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    #[sea_orm(unique)]
    pub(crate) digest: DigestBytes,
    pub(crate) secret_version: i64,
    pub(crate) masked: String,
    pub(crate) created_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The row of a new shared key.
pub(crate) fn to_row(key: &SharedKey) -> Result<ActiveModel, Failure> {
    Ok(ActiveModel {
        id: Set(key.id.as_uuid()),
        digest: Set(DigestBytes::from(&key.digest.digest)),
        secret_version: Set(i64::from(key.digest.version.0)),
        masked: Set(text::storable(&key.masked)?),
        created_at: Set(key.created_at.as_millis()),
    })
}

impl TryFrom<Model> for SharedKey {
    type Error = BadRow;

    fn try_from(row: Model) -> Result<Self, BadRow> {
        Ok(Self {
            id: SharedKeyId::from_uuid(row.id),
            digest: stored_digest(row.digest, row.secret_version)?,
            masked: row.masked,
            created_at: Timestamp::from_millis(row.created_at),
        })
    }
}
