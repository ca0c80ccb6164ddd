//! API keys.

use localauth_core::{ApiKey, KeyId, PreviousSecret, Timestamp, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use super::{DigestBytes, digest_columns, stored_digest, stored_digest_or_none};
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
    pub(crate) last_used_ip: String,
    /// A JSON object: [`localauth_core::KeyScope`].
    pub(crate) scope: String,
    /// No foreign key: it is told also when that key has been swept away.
    pub(crate) parent_id: Option<Uuid>,
    pub(crate) previous_digest: Option<DigestBytes>,
    pub(crate) previous_secret_version: Option<i64>,
    pub(crate) previous_until: Option<i64>,
    pub(crate) previous_last_used_at: Option<i64>,
    pub(crate) previous_last_used_ip: String,
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
    let previous = key.previous.as_ref();
    let (previous_digest, previous_secret_version) = digest_columns(previous.map(|p| &p.digest));
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
        last_used_ip: Set(text::storable(&key.last_used_ip)?),
        scope: Set(serde_json::to_string(&key.scope).map_err(|_| BadRow("scope"))?),
        parent_id: Set(key.parent_id.map(|id| id.as_uuid())),
        previous_digest: Set(previous_digest),
        previous_secret_version: Set(previous_secret_version),
        previous_until: Set(previous.map(|p| p.until.as_millis())),
        previous_last_used_at: Set(previous.and_then(|p| p.last_used_at).map(Timestamp::as_millis)),
        previous_last_used_ip: Set(text::storable(previous.map_or("", |p| &p.last_used_ip))?),
    })
}

impl TryFrom<Model> for ApiKey {
    type Error = BadRow;

    fn try_from(row: Model) -> Result<Self, BadRow> {
        let previous = match stored_digest_or_none(row.previous_digest, row.previous_secret_version)? {
            None => None,
            Some(digest) => Some(PreviousSecret {
                digest,
                until: Timestamp::from_millis(row.previous_until.ok_or(BadRow("previous_until"))?),
                last_used_at: row.previous_last_used_at.map(Timestamp::from_millis),
                last_used_ip: row.previous_last_used_ip,
            }),
        };
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
            last_used_ip: row.last_used_ip,
            scope: serde_json::from_str(&row.scope).map_err(|_| BadRow("scope"))?,
            parent_id: row.parent_id.map(KeyId::from_uuid),
            previous,
        })
    }
}
