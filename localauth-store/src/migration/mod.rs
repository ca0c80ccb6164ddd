//! Migrations: how an older database becomes one that this version works with, and back.

#[expect(
    elided_lifetimes_in_paths,
    reason = "`async_trait` wants them as sea-orm-migration wrote them"
)]
mod m0001_first;
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
        vec![Box::new(m0001_first::Migration)]
    }

    fn migration_table_name() -> DynIden {
        TABLE.into_iden()
    }
}
