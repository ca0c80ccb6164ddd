//! Limits of users, the tier of each, and the house rules; and what the ledger counts by them.

use sea_orm::sea_query::{
    ColumnDef, ForeignKey, ForeignKeyAction, ForeignKeyCreateStatement, Index, IndexCreateStatement, Table,
    TableCreateStatement,
};
use sea_orm::{DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::types::{number, text, uuid};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "0004_limits"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = Table::alter()
            .table("localauth_user")
            .add_column(ColumnDef::new("tier").text())
            .to_owned();
        manager.alter_table(add).await?;
        for table in tables(manager.get_database_backend()) {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Those that refer to others first.
        for name in [
            "localauth_limit_hold",
            "localauth_limit_slot",
            "localauth_limit_counter",
            "localauth_limit_node",
            "localauth_user_limit",
            "localauth_house",
        ] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        let by_tier = Index::drop()
            .name("localauth_user_tier")
            .table("localauth_user")
            .to_owned();
        manager.drop_index(by_tier).await?;
        let drop = Table::alter().table("localauth_user").drop_column("tier").to_owned();
        manager.alter_table(drop).await
    }
}

fn tables(backend: DbBackend) -> [TableCreateStatement; 6] {
    [
        Table::create()
            .table("localauth_user_limit")
            .col(uuid(backend, "id").primary_key())
            .col(uuid(backend, "user_id"))
            .col(text("model"))
            .col(text("rule"))
            .foreign_key(&mut refers("localauth_user_limit", "user_id", "localauth_user"))
            .take(),
        Table::create()
            .table("localauth_house")
            .col(ColumnDef::new("id").small_integer().not_null().primary_key())
            .col(number("epoch"))
            .col(text("rules"))
            .take(),
        Table::create()
            .table("localauth_limit_node")
            .col(number("id").auto_increment().primary_key())
            .col(number("alive_until"))
            .col(number("applied"))
            .take(),
        Table::create()
            .table("localauth_limit_counter")
            .col(number("id").auto_increment().primary_key())
            .col(uuid(backend, "limit_id"))
            .col(ColumnDef::new("holder_kind").small_integer().not_null())
            .col(uuid(backend, "holder_id"))
            .col(number("span"))
            .take(),
        Table::create()
            .table("localauth_limit_slot")
            .col(number("counter_id"))
            .col(number("slot"))
            .col(number("requests"))
            .col(number("prompt_tokens"))
            .col(number("completion_tokens"))
            .col(number("cost_micros"))
            .primary_key(Index::create().col("counter_id").col("slot"))
            .foreign_key(&mut refers(
                "localauth_limit_slot",
                "counter_id",
                "localauth_limit_counter",
            ))
            .take(),
        Table::create()
            .table("localauth_limit_hold")
            .col(uuid(backend, "hold"))
            .col(number("counter_id"))
            .col(number("node_id"))
            .col(number("requests"))
            .col(number("prompt_tokens"))
            .col(number("completion_tokens"))
            .col(number("cost_micros"))
            .col(number("places"))
            .primary_key(Index::create().col("hold").col("counter_id"))
            .foreign_key(&mut refers(
                "localauth_limit_hold",
                "counter_id",
                "localauth_limit_counter",
            ))
            .take(),
    ]
}

/// Goes with the row that it refers to.
fn refers(table: &'static str, column: &'static str, to: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, column)
        .to(to, "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

fn indexes() -> [IndexCreateStatement; 5] {
    let index = |name: &'static str, table: &'static str, columns: &[&'static str]| {
        let mut index = Index::create();
        index.name(name).table(table);
        for column in columns {
            index.col(*column);
        }
        index
    };
    [
        // One for each model; and a user's limits are found by it.
        index(
            "localauth_user_limit_model",
            "localauth_user_limit",
            &["user_id", "model"],
        )
        .unique()
        .take(),
        index("localauth_user_tier", "localauth_user", &["tier"]),
        index(
            "localauth_limit_counter_of",
            "localauth_limit_counter",
            &["limit_id", "holder_kind", "holder_id", "span"],
        )
        .unique()
        .take(),
        index("localauth_limit_hold_counter", "localauth_limit_hold", &["counter_id"]),
        index("localauth_limit_hold_node", "localauth_limit_hold", &["node_id"]),
    ]
}
