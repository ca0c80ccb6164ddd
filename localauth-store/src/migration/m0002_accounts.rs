//! What accounts live on: identities at providers, invites, sessions that are renewed, key scopes and rotation, the
//! audit log, attempts, shared keys.
//!
//! Sessions are not kept: those of before know neither when they were last used nor what they were made from.

use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait as _, Index, IntoIden as _, Order, Query, Table, TableRef};
use sea_orm::sea_query::{ForeignKey, ForeignKeyAction, ForeignKeyCreateStatement, IndexCreateStatement};
use sea_orm::sea_query::{TableCreateStatement, ValueTuple};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, prelude::Uuid};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::types::{digest, number, text, uuid};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "0002_accounts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for (table, column) in added_columns(backend) {
            // One at a time, as SQLite wants it.
            let add = Table::alter().table(table).add_column(column).to_owned();
            manager.alter_table(add).await?;
        }
        fill_search(manager).await?;
        manager
            .drop_table(Table::drop().table("localauth_session").to_owned())
            .await?;
        for table in tables(backend) {
            manager.create_table(table).await?;
        }
        for index in indexes(backend) {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for name in [
            "localauth_session",
            "localauth_identity",
            "localauth_invite",
            "localauth_shared_key",
            "localauth_audit",
            "localauth_attempt",
            "localauth_departed",
        ] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        let index = Index::drop()
            .name("localauth_user_created")
            .table("localauth_user")
            .to_owned();
        manager.drop_index(index).await?;
        for (table, column) in added_columns(backend) {
            let drop = Table::alter()
                .table(table)
                .drop_column(column.get_column_name())
                .to_owned();
            manager.alter_table(drop).await?;
        }
        manager.create_table(first_session(backend)).await?;
        for (name, column) in [
            ("localauth_session_user", "user_id"),
            ("localauth_session_expires", "expires_at"),
        ] {
            manager
                .create_index(index_on(name, "localauth_session", &[column]))
                .await?;
        }
        Ok(())
    }
}

/// A digest that may be missing.
fn maybe_digest(name: &'static str) -> ColumnDef {
    digest(name).null().take()
}

/// A time or a secret's version that may be missing.
fn maybe_number(name: &'static str) -> ColumnDef {
    number(name).null().take()
}

fn added_columns(backend: DbBackend) -> Vec<(&'static str, ColumnDef)> {
    let key = [
        text("last_used_ip").default("").take(),
        text("scope").default("{}").take(),
        uuid(backend, "parent_id").null().take(),
        maybe_digest("previous_digest"),
        maybe_number("previous_secret_version"),
        maybe_number("previous_until"),
        maybe_number("previous_last_used_at"),
        text("previous_last_used_ip").default("").take(),
    ];
    let mut columns: Vec<_> = key.into_iter().map(|column| ("localauth_key", column)).collect();
    columns.push(("localauth_user", text("search").default("").take()));
    columns
}

/// Fills the column that searches look through. Here and not in SQL: SQLite knows the small letters of ASCII only.
async fn fill_search(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    /// Two parameters each; SQLite takes 32,766.
    const PORTION: u64 = 4_096;
    let connection = manager.get_connection();
    let mut after: Option<Uuid> = None;
    loop {
        let next = Query::select()
            .columns(["id", "email", "name"])
            .from("localauth_user")
            .and_where_option(after.map(|id| Expr::col("id").gt(id)))
            .order_by("id", Order::Asc)
            .limit(PORTION)
            .to_owned();
        let mut values = Vec::new();
        for row in connection.query_all(&next).await? {
            let (id, email, name): (Uuid, String, String) = (
                row.try_get_by_index(0)?,
                row.try_get_by_index(1)?,
                row.try_get_by_index(2)?,
            );
            let search = format!("{email}\n{}", name.replace('\n', "\r")).to_lowercase();
            values.push(ValueTuple::Two(id.into(), search.into()));
            after = Some(id);
        }
        if values.is_empty() {
            return Ok(());
        }
        let fill = Query::update()
            .table("localauth_user")
            .from(TableRef::ValuesList(values, "filled".into_iden()))
            .value("search", Expr::col(("filled", "column2")))
            .and_where(Expr::col(("localauth_user", "id")).eq(Expr::col(("filled", "column1"))))
            .to_owned();
        connection.execute(&fill).await?;
    }
}

fn tables(backend: DbBackend) -> [TableCreateStatement; 7] {
    let cascade = ForeignKeyAction::Cascade;
    [
        session(backend),
        Table::create()
            .table("localauth_identity")
            .col(text("provider"))
            .col(text("subject"))
            .col(uuid(backend, "user_id"))
            .col(number("linked_at"))
            .primary_key(Index::create().col("provider").col("subject"))
            .foreign_key(&mut of_user("localauth_identity", "user_id", cascade))
            .take(),
        Table::create()
            .table("localauth_invite")
            .col(uuid(backend, "id").primary_key())
            .col(digest("digest").unique_key())
            .col(number("secret_version"))
            .col(text("code_prefix"))
            .col(uuid(backend, "created_by").null())
            .col(number("created_at"))
            .col(number("expires_at"))
            .col(maybe_number("used_at"))
            .col(uuid(backend, "used_by").null())
            .foreign_key(&mut of_user("localauth_invite", "created_by", cascade))
            .foreign_key(&mut of_user("localauth_invite", "used_by", ForeignKeyAction::SetNull))
            .take(),
        Table::create()
            .table("localauth_shared_key")
            .col(uuid(backend, "id").primary_key())
            .col(digest("digest").unique_key())
            .col(number("secret_version"))
            .col(text("masked"))
            .col(number("created_at"))
            .take(),
        Table::create()
            .table("localauth_audit")
            .col(uuid(backend, "id").primary_key())
            .col(number("at"))
            .col(uuid(backend, "actor_id").null())
            .col(ColumnDef::new("actor_name").text())
            .col(uuid(backend, "impersonator_id").null())
            .col(ColumnDef::new("impersonator_name").text())
            .col(text("action"))
            .col(text("target"))
            .col(text("address"))
            .col(text("user_agent"))
            .col(text("outcome"))
            .col(text("detail"))
            .take(),
        Table::create()
            .table("localauth_attempt")
            .col(text("bucket").primary_key())
            .col(text("times"))
            .col(number("last_at"))
            .take(),
        Table::create()
            .table("localauth_departed")
            .col(uuid(backend, "id").primary_key())
            .col(number("epoch"))
            .col(number("at"))
            .take(),
    ]
}

fn session(backend: DbBackend) -> TableCreateStatement {
    let table = "localauth_session";
    let cascade = ForeignKeyAction::Cascade;
    // PostgreSQL checks foreign keys in this order; see `delete_user` for why a user's comes before a key's.
    Table::create()
        .table(table)
        .col(uuid(backend, "id").primary_key())
        .col(uuid(backend, "user_id").null())
        .col(digest("digest").unique_key())
        .col(number("secret_version"))
        .col(maybe_digest("previous_digest").unique_key())
        .col(maybe_number("previous_secret_version"))
        .col(maybe_number("previous_until"))
        .col(number("renewed_at"))
        .col(number("sign_in_epoch"))
        .col(number("created_at"))
        .col(number("expires_at"))
        .col(number("last_seen_at"))
        .col(text("ip"))
        .col(text("user_agent"))
        .col(uuid(backend, "key_id").null())
        .col(maybe_digest("shared_key_digest"))
        .col(maybe_number("shared_key_version"))
        .col(uuid(backend, "impersonator_id").null())
        .col(ColumnDef::new("impersonator_name").text())
        .col(number("impersonator_epoch"))
        .foreign_key(&mut of_user(table, "user_id", cascade))
        .foreign_key(
            ForeignKey::create()
                .from(table, "key_id")
                .to("localauth_key", "id")
                .on_delete(cascade),
        )
        .foreign_key(&mut of_user(table, "impersonator_id", cascade))
        .take()
}

/// The sessions of 0001.
fn first_session(backend: DbBackend) -> TableCreateStatement {
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
        .foreign_key(&mut of_user("localauth_session", "user_id", ForeignKeyAction::Cascade))
        .take()
}

fn of_user(table: &'static str, column: &'static str, on_delete: ForeignKeyAction) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, column)
        .to("localauth_user", "id")
        .on_delete(on_delete)
        .take()
}

fn index_on(name: &'static str, table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(*column);
    }
    index
}

/// What a list of users reads in its order. With what searches look through, which SQLite then reads side by side and
/// not from every row; an index of PostgreSQL does not take texts of any length.
fn users_in_order(backend: DbBackend) -> IndexCreateStatement {
    let columns: &[&str] = match backend {
        DbBackend::Sqlite => &["created_at", "id", "search"],
        _ => &["created_at", "id"],
    };
    index_on("localauth_user_created", "localauth_user", columns)
}

fn indexes(backend: DbBackend) -> [IndexCreateStatement; 15] {
    let (session, invite, audit) = ("localauth_session", "localauth_invite", "localauth_audit");
    [
        users_in_order(backend),
        index_on("localauth_session_user", session, &["user_id"]),
        index_on("localauth_session_key", session, &["key_id"]),
        index_on("localauth_session_impersonator", session, &["impersonator_id"]),
        index_on("localauth_session_expires", session, &["expires_at"]),
        index_on(
            "localauth_identity_user",
            "localauth_identity",
            &["user_id", "provider"],
        )
        .unique()
        .take(),
        index_on("localauth_invite_creator", invite, &["created_by"]),
        index_on("localauth_invite_used", invite, &["used_by"]),
        // Each filter by itself, in the order of the answer.
        index_on("localauth_audit_at", audit, &["at"]),
        index_on("localauth_audit_actor", audit, &["actor_id", "id"]),
        index_on("localauth_audit_impersonator", audit, &["impersonator_id", "id"]),
        index_on("localauth_audit_action", audit, &["action", "id"]),
        index_on("localauth_attempt_last", "localauth_attempt", &["last_at"]),
        index_on("localauth_departed_epoch", "localauth_departed", &["epoch"]),
        index_on("localauth_departed_at", "localauth_departed", &["at"]),
    ]
}
