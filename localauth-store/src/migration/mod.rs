//! Migrations: how an older database becomes one that this version works with, and back.

#[expect(
    elided_lifetimes_in_paths,
    reason = "`async_trait` wants them as sea-orm-migration wrote them"
)]
mod m0001_first;
#[expect(
    elided_lifetimes_in_paths,
    reason = "`async_trait` wants them as sea-orm-migration wrote them"
)]
mod m0002_accounts;
#[expect(
    elided_lifetimes_in_paths,
    reason = "`async_trait` wants them as sea-orm-migration wrote them"
)]
mod m0003_usage;
#[expect(
    elided_lifetimes_in_paths,
    reason = "`async_trait` wants them as sea-orm-migration wrote them"
)]
mod m0004_limits;
mod types;

use sea_orm::DynIden;
use sea_orm::sea_query::IntoIden as _;
use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// What is known to have been applied is kept here, and not in sea-orm's own default table, which belongs to the program
/// around us.
pub(crate) const TABLE: &str = "localauth_migration";

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first::Migration),
            Box::new(m0002_accounts::Migration),
            Box::new(m0003_usage::Migration),
            Box::new(m0004_limits::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        TABLE.into_iden()
    }
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};

    use super::*;

    /// Every column of every table, and every index.
    async fn schema(database: &DatabaseConnection) -> Vec<String> {
        let columns = "SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || c.pk \
             FROM sqlite_master AS t, pragma_table_info(t.name) AS c WHERE t.name LIKE 'localauth%' \
             UNION ALL SELECT t.name || ' ' || i.name FROM sqlite_master AS t, pragma_index_list(t.name) AS i \
             WHERE t.name LIKE 'localauth%' AND i.origin = 'c' ORDER BY 1";
        let statement = Statement::from_string(DbBackend::Sqlite, columns);
        let rows = database.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    #[tokio::test]
    async fn each_migration_takes_back_what_it_did() {
        // One connection, as each has a database of its own in memory.
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1);
        let database = Database::connect(options).await.unwrap();
        let mut before = Vec::new();
        for _ in Migrator::migrations() {
            before.push(schema(&database).await);
            Migrator::up(&database, Some(1)).await.unwrap();
        }
        while let Some(before) = before.pop() {
            let after = schema(&database).await;
            Migrator::down(&database, Some(1)).await.unwrap();
            Migrator::up(&database, Some(1)).await.unwrap();
            assert_eq!(schema(&database).await, after);
            Migrator::down(&database, Some(1)).await.unwrap();
            // The list of migrations stays.
            let ours = |lines: Vec<String>| {
                lines
                    .into_iter()
                    .filter(|l| !l.contains("migration"))
                    .collect::<Vec<_>>()
            };
            assert_eq!(ours(schema(&database).await), ours(before));
        }
    }
}
