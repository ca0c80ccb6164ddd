//! Bringing a database up to date, one process at a time.

use std::collections::HashSet;

use sea_orm::sea_query::Query;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, TransactionTrait as _};
use sea_orm_migration::{MigratorTrait as _, SchemaManager};

use super::error::{ConnectError, ConnectErrorKind};
use crate::migration::{Migrator, TABLE};
use crate::sql_store::IMMEDIATE;

/// Names the lock that those who migrate take on PostgreSQL: "localaut" in ASCII.
const LOCK: i64 = i64::from_be_bytes(*b"localaut");

/// Which way to migrate.
#[derive(Clone, Copy)]
pub(super) enum Direction {
    /// Apply what has not been applied yet.
    Up,
    /// Take everything back.
    Down,
}

/// What went wrong.
pub(super) enum MigrateError {
    Newer(ConnectError),
    Database(DbErr),
}

impl From<DbErr> for MigrateError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

/// Migrates, all or nothing: both databases take part in transactions with their schema.
pub(super) async fn migrate(database: &DatabaseConnection, direction: Direction) -> Result<(), MigrateError> {
    // On SQLite this is the lock already.
    let transaction = database.begin_with_options(IMMEDIATE).await?;
    if database.get_database_backend() == DbBackend::Postgres {
        transaction
            .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
            .await?;
    }
    let applied = applied(&transaction).await?;
    let known: HashSet<String> = Migrator::migrations().iter().map(|m| m.name().to_owned()).collect();
    if let Some(unknown) = applied.difference(&known).next() {
        return Err(MigrateError::Newer(ConnectError::new(
            ConnectErrorKind::Newer,
            format!("the database was made by a newer version (`{unknown}` is unknown to this one): update localauth"),
        )));
    }
    match direction {
        Direction::Up if applied.len() < known.len() => {
            let pending = known.len() - applied.len();
            tracing::info!(applied = applied.len(), pending, "migrating the database");
            Migrator::up(&transaction, None).await?;
        }
        Direction::Up => {}
        Direction::Down => {
            tracing::info!("removing localauth's tables from the database");
            Migrator::reset(&transaction).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// What has been applied. Asks first whether the table is there, so that a start with nothing to do writes nothing.
async fn applied(transaction: &DatabaseTransaction) -> Result<HashSet<String>, DbErr> {
    if !SchemaManager::new(transaction).has_table(TABLE).await? {
        return Ok(HashSet::new());
    }
    // Not by sea-orm's own function, which makes the table if it is missing: a database that may not be written would
    // refuse that, needed or not.
    let versions = Query::select().column("version").from(TABLE).to_owned();
    let rows = transaction.query_all(&versions).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}
