//! Users, keys, sessions, usage and settings.
//!
//! Names are written out, and not taken from the entities: what a migration does stays the same when those change.

use sea_orm::sea_query::{ColumnDef, ForeignKey, ForeignKeyAction, Index, IndexCreateStatement, Query, Table};
use sea_orm::sea_query::{ForeignKeyCreateStatement, TableCreateStatement};
use sea_orm::{DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::types::{digest, number, text, uuid};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "0001_first"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for table in tables(backend) {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        let counter = Query::insert()
            .into_table("localauth_epoch")
            .columns(["id", "value"])
            .values_panic([1.into(), 0.into()])
            .to_owned();
        manager.execute(counter).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Those that refer to others first.
        for name in [
            "localauth_session",
            "localauth_key",
            "localauth_user",
            "localauth_usage_rollup",
            "localauth_usage_event",
            "localauth_usage_name",
            "localauth_usage_label",
            "localauth_setting",
            "localauth_epoch",
        ] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        Ok(())
    }
}

fn tables(backend: DbBackend) -> [TableCreateStatement; 9] {
    [
        Table::create()
            .table("localauth_epoch")
            .col(ColumnDef::new("id").small_integer().not_null().primary_key())
            .col(number("value"))
            .take(),
        Table::create()
            .table("localauth_setting")
            .col(text("name").primary_key())
            .col(text("value"))
            .take(),
        Table::create()
            .table("localauth_user")
            .col(uuid(backend, "id").primary_key())
            .col(text("email").unique_key())
            .col(text("name"))
            .col(text("avatar_url"))
            .col(text("role"))
            .col(text("status"))
            .col(text("provider"))
            .col(ColumnDef::new("password").text())
            .col(text("permissions"))
            .col(text("models"))
            .col(number("created_at"))
            .col(number("epoch"))
            .col(number("sign_in_epoch"))
            .take(),
        Table::create()
            .table("localauth_key")
            .col(uuid(backend, "id").primary_key())
            .col(text("public_id").unique_key())
            .col(uuid(backend, "user_id"))
            .col(text("name"))
            .col(digest("digest"))
            .col(number("secret_version"))
            .col(number("created_at"))
            .col(ColumnDef::new("expires_at").big_integer())
            .col(ColumnDef::new("revoked_at").big_integer())
            .col(ColumnDef::new("last_used_at").big_integer())
            .foreign_key(&mut of_user("localauth_key"))
            .take(),
        Table::create()
            .table("localauth_session")
            .col(uuid(backend, "id").primary_key())
            .col(uuid(backend, "user_id"))
            .col(digest("digest").unique_key())
            .col(number("secret_version"))
            .col(number("sign_in_epoch"))
            .col(number("created_at"))
            .col(number("expires_at"))
            .col(text("ip"))
            .col(text("user_agent"))
            .foreign_key(&mut of_user("localauth_session"))
            .take(),
        Table::create()
            .table("localauth_usage_label")
            .col(ColumnDef::new("id").integer().not_null().auto_increment().primary_key())
            .col(text("text").unique_key())
            .take(),
        usage_name(backend),
        usage_event(backend),
        usage_rollup(backend),
    ]
}

pub(super) fn usage_name(backend: DbBackend) -> TableCreateStatement {
    Table::create()
        .table("localauth_usage_name")
        .col(ColumnDef::new("kind").small_integer().not_null())
        .col(uuid(backend, "id"))
        .col(text("name"))
        .col(number("seen_at"))
        .primary_key(Index::create().col("kind").col("id"))
        .take()
}

pub(super) fn usage_event(backend: DbBackend) -> TableCreateStatement {
    Table::create()
        .table("localauth_usage_event")
        .col(uuid(backend, "request_id").primary_key())
        .col(number("at"))
        .col(uuid(backend, "user_id"))
        .col(uuid(backend, "key_id").null())
        .col(ColumnDef::new("model_id").integer().not_null())
        .col(ColumnDef::new("endpoint_id").integer().not_null())
        .col(text("source"))
        .col(number("prompt_tokens"))
        .col(number("completion_tokens"))
        .col(ColumnDef::new("estimated").boolean().not_null())
        .take()
}

pub(super) fn usage_rollup(backend: DbBackend) -> TableCreateStatement {
    Table::create()
        .table("localauth_usage_rollup")
        .col(ColumnDef::new("grain").small_integer().not_null())
        .col(number("at"))
        .col(uuid(backend, "user_id"))
        .col(uuid(backend, "key_id"))
        .col(ColumnDef::new("model_id").integer().not_null())
        .col(ColumnDef::new("endpoint_id").integer().not_null())
        .col(text("source"))
        .col(number("prompt_tokens"))
        .col(number("completion_tokens"))
        .col(number("requests"))
        .col(number("estimated_requests"))
        .col(number("last_at"))
        .primary_key(
            Index::create()
                .col("grain")
                .col("at")
                .col("user_id")
                .col("key_id")
                .col("model_id")
                .col("endpoint_id")
                .col("source"),
        )
        .take()
}

/// Keys and sessions go with their user.
fn of_user(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "user_id")
        .to("localauth_user", "id")
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
        index("localauth_user_epoch", "localauth_user", &["epoch"]),
        index("localauth_key_user", "localauth_key", &["user_id"]),
        index("localauth_session_user", "localauth_session", &["user_id"]),
        index("localauth_session_expires", "localauth_session", &["expires_at"]),
        usage_rollup_user(),
    ]
}

pub(super) fn usage_rollup_user() -> IndexCreateStatement {
    Index::create()
        .name("localauth_usage_rollup_user")
        .table("localauth_usage_rollup")
        .col("user_id")
        .col("grain")
        .col("at")
        .take()
}
