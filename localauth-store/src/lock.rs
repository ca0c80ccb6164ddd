//! Many rows locked at once.

use sea_orm::prelude::Uuid;
use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, DbBackend, EntityTrait, QueryOrder as _, QuerySelect as _, Select,
};

use crate::error::Failure;

/// Locks the selected rows in the order of their ids, on a database that locks rows: two that lock the same rows in
/// different orders would wait for each other.
pub(crate) async fn lock_in_order<E: EntityTrait>(
    transaction: &DatabaseTransaction,
    rows: Select<E>,
    id: E::Column,
) -> Result<(), Failure> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        rows.select_only()
            .column(id)
            .order_by_asc(id)
            .lock_exclusive()
            .into_tuple::<Uuid>()
            .all(transaction)
            .await?;
    }
    Ok(())
}
