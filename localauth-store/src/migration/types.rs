//! Column types that are not called the same everywhere.

use sea_orm::DbBackend;
use sea_orm::sea_query::{ColumnDef, Expr, IntoIden};

/// An id: PostgreSQL's own type; 16 bytes on SQLite, where sea-query would declare a text and store bytes.
pub(super) fn uuid(backend: DbBackend, name: impl IntoIden) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    match backend {
        DbBackend::Sqlite => column.blob(),
        _ => column.uuid(),
    };
    column.not_null().take()
}

pub(super) fn text(name: impl IntoIden) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

/// A time in milliseconds, an epoch or a count.
pub(super) fn number(name: impl IntoIden) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

/// A digest, of 32 bytes.
pub(super) fn digest(name: &'static str) -> ColumnDef {
    ColumnDef::new(name)
        .blob()
        .not_null()
        .check(Expr::cust(format!("length({name}) = 32")))
        .take()
}
