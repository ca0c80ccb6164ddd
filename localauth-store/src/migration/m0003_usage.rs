//! Usage in small rows: users, keys and names by number, cached tokens and cost, and for every hour and day how often it
//! changed.
//!
//! What was recorded is kept, except by which endpoint the sums were: no report tells those apart. Going back keeps no
//! usage: only taking localauth out of the database goes back.

use sea_orm::sea_query::{ColumnDef, Index, IntoIden, Table, TableCreateStatement};
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use super::m0001_first;
use super::types::{number, uuid};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "0003_usage"
    }
}

/// What becomes of the tables of before: renamed, copied, dropped.
const REPLACED: [(&str, &str); 2] = [
    ("localauth_usage_event", "localauth_usage_event_before"),
    ("localauth_usage_rollup", "localauth_usage_rollup_before"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for (name, before) in REPLACED {
            manager
                .rename_table(Table::rename().table(name, before).to_owned())
                .await?;
        }
        for table in tables(backend) {
            manager.create_table(table).await?;
        }
        for statement in copy(backend) {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        for name in [REPLACED[0].1, REPLACED[1].1, "localauth_usage_name"] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for name in [
            "localauth_usage_event",
            "localauth_usage_rollup",
            "localauth_usage_page",
            "localauth_usage_party",
        ] {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        for table in [
            m0001_first::usage_name(backend),
            m0001_first::usage_event(backend),
            m0001_first::usage_rollup(backend),
        ] {
            manager.create_table(table).await?;
        }
        manager.create_index(m0001_first::usage_rollup_user()).await
    }
}

/// A number of a label, or of a user or key; one of few.
fn small(name: impl IntoIden) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().take()
}

fn tiny(name: impl IntoIden) -> ColumnDef {
    ColumnDef::new(name).small_integer().not_null().take()
}

fn tables(backend: DbBackend) -> [TableCreateStatement; 4] {
    [
        Table::create()
            .table("localauth_usage_party")
            .col(ColumnDef::new("no").integer().not_null().auto_increment().primary_key())
            .col(uuid(backend, "id").unique_key())
            .take(),
        changing(
            backend,
            Table::create()
                .table("localauth_usage_page")
                .col(tiny("grain"))
                .col(number("at"))
                .col(number("version"))
                .primary_key(Index::create().col("grain").col("at")),
        ),
        // The wide columns first: PostgreSQL puts numbers at multiples of their length.
        clustered(
            backend,
            Table::create()
                .table("localauth_usage_event")
                .col(uuid(backend, "request_id").primary_key())
                .col(number("at"))
                .col(number("prompt_tokens"))
                .col(number("cached_tokens"))
                .col(number("completion_tokens"))
                .col(number("cost_micros"))
                .col(small("user_no"))
                .col(small("key_no"))
                .col(small("model_id"))
                .col(small("endpoint_id"))
                .col(tiny("source"))
                .col(ColumnDef::new("estimated").boolean().not_null()),
        ),
        changing(
            backend,
            Table::create()
                .table("localauth_usage_rollup")
                .col(number("at"))
                .col(number("prompt_tokens"))
                .col(number("cached_tokens"))
                .col(number("completion_tokens"))
                .col(number("cost_micros"))
                .col(number("requests"))
                .col(number("estimated_requests"))
                .col(number("last_at"))
                .col(number("version"))
                .col(small("user_no"))
                .col(small("model_id"))
                .col(small("key_no"))
                .col(small("user_label"))
                .col(small("key_label"))
                .col(tiny("grain"))
                .col(tiny("source"))
                .primary_key(
                    Index::create()
                        .col("grain")
                        .col("at")
                        .col("user_no")
                        .col("model_id")
                        .col("key_no")
                        .col("source"),
                ),
        ),
    ]
}

/// Rows in the order of their key: SQLite then has one tree and not two.
fn clustered(backend: DbBackend, table: &mut TableCreateStatement) -> TableCreateStatement {
    match backend {
        DbBackend::Sqlite => table.extra("WITHOUT ROWID"),
        _ => table,
    }
    .take()
}

/// The same for rows that change, those of the present hour and day all the time: PostgreSQL leaves room for that in
/// each of its blocks.
fn changing(backend: DbBackend, table: &mut TableCreateStatement) -> TableCreateStatement {
    match backend {
        DbBackend::Postgres => table.extra("WITH (fillfactor = 70)"),
        _ => table,
    };
    clustered(backend, table)
}

/// What the rows of before add up.
const SUMS: [&str; 4] = ["prompt_tokens", "completion_tokens", "requests", "estimated_requests"];

fn copy(backend: DbBackend) -> Vec<String> {
    let sqlite = backend == DbBackend::Sqlite;
    let (nil, greatest) = if sqlite {
        ("zeroblob(16)", "MAX")
    } else {
        ("'00000000-0000-0000-0000-000000000000'::uuid", "GREATEST")
    };
    let source = "CASE r.source WHEN 'apikey' THEN 1 WHEN 'web' THEN 2 ELSE 3 END";
    let user = "JOIN localauth_usage_party u ON u.id = r.user_id";
    let place = "r.grain, r.at, u.no, r.model_id, COALESCE(k.no, 0)";
    let names = "COALESCE(ul.id, (SELECT id FROM localauth_usage_label WHERE text = '')), COALESCE(kl.id, 0)";
    let rows = format!(
        "FROM localauth_usage_rollup_before r {user} \
         LEFT JOIN localauth_usage_party k ON k.id = r.key_id AND r.key_id <> {nil} \
         LEFT JOIN localauth_usage_name un ON un.kind = 1 AND un.id = r.user_id \
         LEFT JOIN localauth_usage_label ul ON ul.text = un.name \
         LEFT JOIN localauth_usage_name kn ON kn.kind = 2 AND kn.id = r.key_id AND r.key_id <> {nil} \
         LEFT JOIN localauth_usage_label kl ON kl.text = kn.name"
    );
    let columns = format!(
        "INSERT INTO localauth_usage_rollup (grain, at, user_no, model_id, key_no, source, user_label, key_label, \
         {}, last_at, cached_tokens, cost_micros, version)",
        SUMS.join(", ")
    );
    // PostgreSQL adds up to a larger type, SQLite would fail there; which adds row by row instead.
    let rollups = if sqlite {
        let sums = SUMS.map(|sum| {
            format!(
                "{sum} = CASE WHEN localauth_usage_rollup.{sum} > 9223372036854775807 - excluded.{sum} \
                 THEN 9223372036854775807 ELSE localauth_usage_rollup.{sum} + excluded.{sum} END"
            )
        });
        format!(
            "{columns} SELECT {place}, {source}, {names}, r.{}, r.last_at, 0, 0, 1 {rows} WHERE true \
             ON CONFLICT (grain, at, user_no, model_id, key_no, source) DO UPDATE SET {}, \
             last_at = {greatest}(localauth_usage_rollup.last_at, excluded.last_at)",
            SUMS.join(", r."),
            sums.join(", ")
        )
    } else {
        let sums = SUMS.map(|sum| format!("LEAST(SUM(r.{sum}), 9223372036854775807)"));
        format!(
            "{columns} SELECT {place}, {source}, {names}, {}, MAX(r.last_at), 0, 0, 1 {rows} \
             GROUP BY 1, 2, 3, 4, 5, 6, 7, 8",
            sums.join(", ")
        )
    };
    vec![
        format!(
            "INSERT INTO localauth_usage_party (id) SELECT user_id FROM localauth_usage_rollup_before \
             UNION SELECT key_id FROM localauth_usage_rollup_before WHERE key_id <> {nil}"
        ),
        "INSERT INTO localauth_usage_label (text) \
         SELECT name FROM (SELECT name FROM localauth_usage_name UNION SELECT '') AS named \
         WHERE name NOT IN (SELECT text FROM localauth_usage_label)"
            .to_owned(),
        rollups,
        "INSERT INTO localauth_usage_page (grain, at, version) \
         SELECT DISTINCT grain, at, 1 FROM localauth_usage_rollup"
            .to_owned(),
        format!(
            "INSERT INTO localauth_usage_event (request_id, at, user_no, key_no, model_id, endpoint_id, source, \
             prompt_tokens, cached_tokens, completion_tokens, cost_micros, estimated) \
             SELECT r.request_id, r.at, u.no, COALESCE(k.no, 0), r.model_id, r.endpoint_id, {source}, \
             r.prompt_tokens, 0, r.completion_tokens, 0, r.estimated FROM localauth_usage_event_before r {user} \
             LEFT JOIN localauth_usage_party k ON k.id = r.key_id"
        ),
    ]
}
