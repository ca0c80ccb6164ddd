//! Counters of the ledger: what each counts. That it has a row is how a counter is known.

use localauth_core::limit::{CounterId, Holder, Window};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "localauth_limit_counter")]
pub(crate) struct Model {
    /// Given out by the database, to be referred to in few bytes. Counters are locked in the order of these.
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    pub(crate) limit_id: Uuid,
    /// 0 everyone, 1 a user, 2 a key.
    pub(crate) holder_kind: i16,
    pub(crate) holder_id: Uuid,
    /// The length of a rolling window in milliseconds, [`DAY`] or [`MONTH`].
    pub(crate) span: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

const DAY: i64 = -1;
const MONTH: i64 = -2;

/// Limit, kind and id of the holder, and window, as columns.
pub(crate) type Place = (Uuid, i16, Uuid, i64);

/// What a counter counts, as columns; `None` for what this version does not know.
pub(crate) fn place(counter: &CounterId) -> Option<Place> {
    let (kind, holder) = match counter.holder {
        Holder::Everyone => (0, Uuid::nil()),
        Holder::User(id) => (1, id.as_uuid()),
        Holder::Key(id) => (2, id.as_uuid()),
        _ => return None,
    };
    let span = match counter.window {
        Window::Rolling(length) => i64::try_from(length.as_millis()).ok()?,
        Window::Day => DAY,
        Window::Month => MONTH,
        _ => return None,
    };
    Some((counter.limit.as_uuid(), kind, holder, span))
}

/// The window of a column; `None` for what this version does not know.
pub(crate) fn window(span: i64) -> Option<Window> {
    match span {
        DAY => Some(Window::Day),
        MONTH => Some(Window::Month),
        _ => u64::try_from(span)
            .ok()
            .map(|millis| Window::Rolling(std::time::Duration::from_millis(millis))),
    }
}

pub(crate) fn to_row((limit_id, holder_kind, holder_id, span): Place) -> ActiveModel {
    ActiveModel {
        id: NotSet,
        limit_id: Set(limit_id),
        holder_kind: Set(holder_kind),
        holder_id: Set(holder_id),
        span: Set(span),
    }
}
