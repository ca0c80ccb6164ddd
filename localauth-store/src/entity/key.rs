//! API keys.

use localauth_core::{ApiKey, KeyId, SecretVersion, StoredDigest, Timestamp, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use super::DigestBytes;
use crate::error::{BadRow, Failure};
use crate::text;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_key")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    #[sea_orm(unique)]
    pub(crate) public_id: String,
    pub(crate) user_id: Uuid,
    pub(crate) name: String,
    pub(crate) digest: DigestBytes,
    pub(crate) secret_version: i64,
    pub(crate) created_at: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) last_used_at: Option<i64>,
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

/// The row of a new key.
pub(crate) fn to_row(key: &ApiKey) -> Result<ActiveModel, Failure> {
    Ok(ActiveModel {
        id: Set(key.id.as_uuid()),
        public_id: Set(key.public_id.as_str().to_owned()),
        user_id: Set(key.user_id.as_uuid()),
        name: Set(text::storable(&key.name)?),
        digest: Set(DigestBytes::from(&key.digest.digest)),
        secret_version: Set(i64::from(key.digest.version.0)),
        created_at: Set(key.created_at.as_millis()),
        expires_at: Set(key.expires_at.map(Timestamp::as_millis)),
        revoked_at: Set(key.revoked_at.map(Timestamp::as_millis)),
        last_used_at: Set(key.last_used_at.map(Timestamp::as_millis)),
    })
}

/// The digest that a row of keys or sessions has in two columns.
pub(crate) fn stored_digest(digest: DigestBytes, version: i64) -> Result<StoredDigest, BadRow> {
    let version = u32::try_from(version).map_err(|_| BadRow("secret_version"))?;
    Ok(StoredDigest {
        version: SecretVersion(version),
        digest: digest.try_into()?,
    })
}

impl TryFrom<Model> for ApiKey {
    type Error = BadRow;

    fn try_from(row: Model) -> Result<Self, BadRow> {
        Ok(Self {
            id: KeyId::from_uuid(row.id),
            public_id: row.public_id.parse().map_err(|_| BadRow("public_id"))?,
            user_id: UserId::from_uuid(row.user_id),
            name: row.name,
            digest: stored_digest(row.digest, row.secret_version)?,
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: row.expires_at.map(Timestamp::from_millis),
            revoked_at: row.revoked_at.map(Timestamp::from_millis),
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
        })
    }
}
