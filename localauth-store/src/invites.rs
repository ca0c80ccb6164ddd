//! [`InviteStore`].

use async_trait::async_trait;
use localauth_core::{Invite, InviteClaim, InviteId, InviteStore, RevokeInvite, StoreError, StoredDigest};
use sea_orm::ActiveValue::Set;
use sea_orm::prelude::Uuid;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
};

use crate::entity::DigestBytes;
use crate::entity::invite::{self, Column, Entity};
use crate::error::Failure;
use crate::sql_store::{SqlStore, hold_epoch};

#[async_trait]
impl InviteStore for SqlStore {
    async fn insert_invite(&self, invite: Invite) -> Result<(), StoreError> {
        let row = invite::to_row(&invite)?;
        self.change(async move |transaction| {
            Entity::insert(row).exec_without_returning(&transaction).await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }

    async fn find_invite(&self, digests: &[StoredDigest]) -> Result<Option<Invite>, StoreError> {
        self.ask(find(self.reader(), digests)).await
    }

    async fn list_invites(&self) -> Result<Vec<Invite>, StoreError> {
        self.ask(async {
            let rows = Entity::find()
                .order_by_desc(Column::CreatedAt)
                .order_by_desc(Column::Id)
                .all(self.reader())
                .await?;
            Ok(rows.into_iter().map(Invite::try_from).collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn revoke_invite(&self, id: InviteId) -> Result<RevokeInvite, StoreError> {
        self.change(async move |transaction| {
            // Registrations hold it too.
            hold_epoch(&transaction).await?;
            let Some(row) = Entity::find_by_id(id.as_uuid()).one(&transaction).await? else {
                return Ok(RevokeInvite::NotFound);
            };
            if row.used_at.is_some() {
                return Ok(RevokeInvite::Used);
            }
            Entity::delete_by_id(id.as_uuid()).exec(&transaction).await?;
            transaction.commit().await?;
            Ok(RevokeInvite::Revoked)
        })
        .await
    }
}

async fn find(database: &impl ConnectionTrait, digests: &[StoredDigest]) -> Result<Option<Invite>, Failure> {
    if digests.is_empty() {
        return Ok(None);
    }
    let rows = Entity::find()
        .filter(Column::Digest.is_in(digests.iter().map(|d| DigestBytes::from(&d.digest))))
        .all(database)
        .await?;
    for row in rows {
        let invite = Invite::try_from(row)?;
        // Bytes alone are found by the index; they are the digest only under the secret that made them.
        if digests.contains(&invite.digest) {
            return Ok(Some(invite));
        }
    }
    Ok(None)
}

/// Uses an invite up for a user who is in the table by now. The transaction has taken its epoch, and so is the only one
/// that does so. `false` when it is none that is open.
pub(crate) async fn consume(
    transaction: &DatabaseTransaction,
    claim: &InviteClaim,
    user_id: Uuid,
) -> Result<bool, Failure> {
    let Some(invite) = find(transaction, &claim.digests).await? else {
        return Ok(false);
    };
    if !invite.is_open(claim.at) {
        return Ok(false);
    }
    let used = Entity::update_many()
        .set(invite::ActiveModel {
            used_at: Set(Some(claim.at.as_millis())),
            used_by: Set(Some(user_id)),
            ..Default::default()
        })
        .filter(Column::Id.eq(invite.id.as_uuid()))
        .filter(Column::UsedAt.is_null())
        .exec(transaction)
        .await?;
    Ok(used.rows_affected == 1)
}
