//! Sessions.

use localauth_core::{AuditActor, KeyId, PreviousToken, Session, SessionId, Timestamp};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use super::user::{holder_from_column, holder_to_column};
use super::{DigestBytes, digest_columns, epoch, stored_digest, stored_digest_or_none};
use crate::error::{BadRow, Failure};
use crate::text;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_session")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    /// NULL is the synthetic administrator.
    pub(crate) user_id: Option<Uuid>,
    #[sea_orm(unique)]
    pub(crate) digest: DigestBytes,
    pub(crate) secret_version: i64,
    pub(crate) previous_digest: Option<DigestBytes>,
    pub(crate) previous_secret_version: Option<i64>,
    pub(crate) previous_until: Option<i64>,
    pub(crate) renewed_at: i64,
    pub(crate) sign_in_epoch: i64,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) last_seen_at: i64,
    pub(crate) ip: String,
    pub(crate) user_agent: String,
    pub(crate) key_id: Option<Uuid>,
    pub(crate) shared_key_digest: Option<DigestBytes>,
    pub(crate) shared_key_version: Option<i64>,
    /// NULL is the synthetic administrator, or nobody: see `impersonator_name`.
    pub(crate) impersonator_id: Option<Uuid>,
    /// NULL when nobody acts as the user.
    pub(crate) impersonator_name: Option<String>,
    pub(crate) impersonator_epoch: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The row of a new session.
pub(crate) fn to_row(session: &Session) -> Result<ActiveModel, Failure> {
    let previous = session.previous.as_ref();
    let (previous_digest, previous_secret_version) = digest_columns(previous.map(|p| &p.digest));
    let (shared_key_digest, shared_key_version) = digest_columns(session.shared_key.as_ref());
    let impersonator = session.impersonator.as_ref();
    Ok(ActiveModel {
        id: Set(session.id.as_uuid()),
        user_id: Set(holder_to_column(session.user_id)),
        digest: Set(DigestBytes::from(&session.digest.digest)),
        secret_version: Set(i64::from(session.digest.version.0)),
        previous_digest: Set(previous_digest),
        previous_secret_version: Set(previous_secret_version),
        previous_until: Set(previous.map(|p| p.until.as_millis())),
        renewed_at: Set(session.renewed_at.as_millis()),
        sign_in_epoch: Set(epoch::to_column(session.sign_in_epoch)),
        created_at: Set(session.created_at.as_millis()),
        expires_at: Set(session.expires_at.as_millis()),
        last_seen_at: Set(session.last_seen_at.as_millis()),
        ip: Set(text::storable(&session.ip)?),
        user_agent: Set(text::storable(&session.user_agent)?),
        key_id: Set(session.key_id.map(|id| id.as_uuid())),
        shared_key_digest: Set(shared_key_digest),
        shared_key_version: Set(shared_key_version),
        impersonator_id: Set(impersonator.and_then(|by| holder_to_column(by.id))),
        impersonator_name: Set(impersonator.map(|by| text::storable(&by.name)).transpose()?),
        impersonator_epoch: Set(epoch::to_column(session.impersonator_epoch)),
    })
}

impl TryFrom<Model> for Session {
    type Error = BadRow;

    fn try_from(row: Model) -> Result<Self, BadRow> {
        let previous = match stored_digest_or_none(row.previous_digest, row.previous_secret_version)? {
            None => None,
            Some(digest) => Some(PreviousToken {
                digest,
                until: Timestamp::from_millis(row.previous_until.ok_or(BadRow("previous_until"))?),
            }),
        };
        let impersonator = match (row.impersonator_id, row.impersonator_name) {
            (None, None) => None,
            (id, Some(name)) => Some(AuditActor {
                id: holder_from_column(id),
                name,
            }),
            // Never to be taken for a session that is the user's own.
            (Some(_), None) => return Err(BadRow("impersonator_name")),
        };
        Ok(Self {
            id: SessionId::from_uuid(row.id),
            user_id: holder_from_column(row.user_id),
            digest: stored_digest(row.digest, row.secret_version)?,
            previous,
            renewed_at: Timestamp::from_millis(row.renewed_at),
            sign_in_epoch: epoch::from_column(row.sign_in_epoch)?,
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            last_seen_at: Timestamp::from_millis(row.last_seen_at),
            ip: row.ip,
            user_agent: row.user_agent,
            key_id: row.key_id.map(KeyId::from_uuid),
            shared_key: stored_digest_or_none(row.shared_key_digest, row.shared_key_version)?,
            impersonator,
            impersonator_epoch: epoch::from_column(row.impersonator_epoch)?,
        })
    }
}
