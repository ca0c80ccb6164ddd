//! Notes of when keys were used, and from where.

use std::collections::BTreeMap;

use localauth_core::{KeyUse, StoreError};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait as _, IntoIden as _, Query, TableRef, UpdateStatement, ValueTuple};
use sea_orm::{ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _};

use crate::entity::key;
use crate::error::Failure;
use crate::lock::lock_in_order;
use crate::portion::portions;
use crate::sql_store::SqlStore;
use crate::text;

/// The latest use of one key.
type Latest = (Uuid, i64, String);

/// The latest of the uses of each key, in the order of their ids.
fn latest<'u>(used: impl Iterator<Item = &'u KeyUse>) -> Result<Vec<Latest>, Failure> {
    let mut latest: BTreeMap<Uuid, &KeyUse> = BTreeMap::new();
    for one in used {
        let known = latest.entry(one.id.as_uuid()).or_insert(one);
        if known.at < one.at {
            *known = one;
        }
    }
    latest
        .into_iter()
        .map(|(id, one)| Ok((id, one.at.as_millis(), text::storable(&one.ip)?)))
        .collect()
}

impl SqlStore {
    pub(super) async fn note_key_uses(&self, used: &[KeyUse]) -> Result<(), StoreError> {
        let any = latest(used.iter())?;
        let previous = latest(used.iter().filter(|one| one.previous))?;
        if any.is_empty() {
            return Ok(());
        }
        self.change(async move |transaction| {
            // All at first, as each portion is in the order of ids, but the second kind begins anew.
            for portion in portions(&any) {
                let rows = key::Entity::find().filter(key::Column::Id.is_in(portion.iter().map(|(id, ..)| *id)));
                lock_in_order(&transaction, rows, key::Column::Id).await?;
            }
            for portion in portions(&any) {
                let note = note(portion, key::Column::LastUsedAt, key::Column::LastUsedIp);
                transaction.execute(&note).await?;
            }
            for portion in portions(&previous) {
                let mut note = note(
                    portion,
                    key::Column::PreviousLastUsedAt,
                    key::Column::PreviousLastUsedIp,
                );
                note.and_where(key::Column::PreviousDigest.is_not_null());
                transaction.execute(&note).await?;
            }
            transaction.commit().await?;
            Ok(())
        })
        .await
    }
}

/// Notes the time and address given for each key, unless a later time is there.
fn note(used: &[Latest], at: key::Column, ip: key::Column) -> UpdateStatement {
    // Both databases call the columns of a list of values so.
    let given = |column: &'static str| Expr::col(("used", column));
    let stored = |column: key::Column| Expr::col((key::Entity, column));
    let values = used
        .iter()
        .map(|(id, at, ip)| ValueTuple::Three((*id).into(), (*at).into(), ip.as_str().into()))
        .collect();
    Query::update()
        .table(key::Entity)
        .from(TableRef::ValuesList(values, "used".into_iden()))
        .value(at, given("column2"))
        .value(ip, given("column3"))
        .and_where(stored(key::Column::Id).eq(given("column1")))
        .and_where(stored(at).is_null().or(stored(at).lt(given("column2"))))
        .to_owned()
}
