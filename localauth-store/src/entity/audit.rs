//! Lines of the audit log. No foreign keys: they outlive whomever they speak of.

use localauth_core::{AuditActor, AuditEvent, AuditId, Timestamp, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

use crate::error::{BadRow, Failure};
use crate::text;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_audit")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) at: i64,
    /// NULL for nobody; nil, as everywhere outside of foreign keys, for the synthetic administrator.
    pub(crate) actor_id: Option<Uuid>,
    pub(crate) actor_name: Option<String>,
    pub(crate) impersonator_id: Option<Uuid>,
    pub(crate) impersonator_name: Option<String>,
    pub(crate) action: String,
    pub(crate) target: String,
    pub(crate) address: String,
    pub(crate) user_agent: String,
    pub(crate) outcome: String,
    pub(crate) detail: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn somebody(actor: Option<&AuditActor>) -> Result<(Option<Uuid>, Option<String>), Failure> {
    let name = actor.map(|actor| text::storable(&actor.name)).transpose()?;
    Ok((actor.map(|actor| actor.id.as_uuid()), name))
}

/// The row of a new line.
pub(crate) fn to_row(event: &AuditEvent) -> Result<ActiveModel, Failure> {
    let (actor_id, actor_name) = somebody(event.actor.as_ref())?;
    let (impersonator_id, impersonator_name) = somebody(event.impersonator.as_ref())?;
    Ok(ActiveModel {
        id: Set(event.id.as_uuid()),
        at: Set(event.at.as_millis()),
        actor_id: Set(actor_id),
        actor_name: Set(actor_name),
        impersonator_id: Set(impersonator_id),
        impersonator_name: Set(impersonator_name),
        action: Set(event.action.as_str().to_owned()),
        target: Set(text::storable(&event.target)?),
        address: Set(text::storable(&event.address)?),
        user_agent: Set(text::storable(&event.user_agent)?),
        outcome: Set(event.outcome.as_str().to_owned()),
        detail: Set(text::storable(&event.detail)?),
    })
}

fn actor(id: Option<Uuid>, name: Option<String>) -> Option<AuditActor> {
    Some(AuditActor {
        id: UserId::from_uuid(id?),
        name: name.unwrap_or_default(),
    })
}

impl TryFrom<Model> for AuditEvent {
    type Error = BadRow;

    fn try_from(row: Model) -> Result<Self, BadRow> {
        Ok(Self {
            id: AuditId::from_uuid(row.id),
            at: Timestamp::from_millis(row.at),
            actor: actor(row.actor_id, row.actor_name),
            impersonator: actor(row.impersonator_id, row.impersonator_name),
            action: row.action.parse().map_err(|_| BadRow("action"))?,
            target: row.target,
            address: row.address,
            user_agent: row.user_agent,
            outcome: row.outcome.parse().map_err(|_| BadRow("outcome"))?,
            detail: row.detail,
        })
    }
}
