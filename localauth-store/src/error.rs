//! What can go wrong between a question and its answer, and what of it the caller is told.

use std::time::Duration;

use localauth_core::{StoreError, StoreErrorKind};
use sea_orm::DbErr;

/// A row that this version cannot read, by the column that is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the column `{0}` of a row holds something unknown")]
pub(crate) struct BadRow(pub(crate) &'static str);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error(transparent)]
    BadRow(#[from] BadRow),
    #[error("a text with a null character cannot be stored")]
    NullCharacter,
    #[error("{0}")]
    Broken(&'static str),
    #[error("no answer within {0:?}")]
    TooLate(Duration),
    #[error("the task that asked the database ended early")]
    Interrupted,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl From<sea_orm::sqlx::Error> for Failure {
    fn from(error: sea_orm::sqlx::Error) -> Self {
        Self::Database(DbErr::Query(sea_orm::RuntimeErr::SqlxError(error.into())))
    }
}

impl From<Failure> for StoreError {
    /// Keeps the cause as text: the drivers' errors print the offending values in `Debug`.
    fn from(failure: Failure) -> Self {
        let kind = match &failure {
            Failure::Database(error) => kind(error),
            Failure::BadRow(_) | Failure::NullCharacter | Failure::Broken(_) => StoreErrorKind::Inconsistent,
            Failure::TooLate(_) | Failure::Interrupted => StoreErrorKind::Unavailable,
        };
        Self::new(kind, failure.to_string())
    }
}

/// Which kind of failure a database's error is.
pub(crate) fn kind(error: &DbErr) -> StoreErrorKind {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => StoreErrorKind::Unavailable,
        #[cfg(any(feature = "sqlite", feature = "postgres"))]
        DbErr::Exec(sea_orm::RuntimeErr::SqlxError(error)) | DbErr::Query(sea_orm::RuntimeErr::SqlxError(error)) => {
            driver_kind(error)
        }
        _ => StoreErrorKind::Inconsistent,
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) fn driver_kind(error: &sea_orm::sqlx::Error) -> StoreErrorKind {
    use sea_orm::sqlx::Error;
    match error {
        Error::Database(error) => error
            .code()
            .map_or(StoreErrorKind::Inconsistent, |code| code_kind(&code)),
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed
        | Error::BeginFailed => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Inconsistent,
    }
}

/// PostgreSQL's codes have five characters, SQLite's are numbers of at most four digits.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn code_kind(code: &str) -> StoreErrorKind {
    if code.len() == 5 {
        postgres_kind(code)
    } else {
        sqlite_kind(code.parse().unwrap_or(0))
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn postgres_kind(code: &str) -> StoreErrorKind {
    match code {
        // read_only_sql_transaction, insufficient_privilege, disk_full
        "25006" | "42501" | "53100" => StoreErrorKind::ReadOnly,
        // lock_not_available
        "55P03" => StoreErrorKind::Unavailable,
        _ => match &code[..2] {
            // connection, authorization, catalog name, rollback (deadlock), resources, operator intervention, system
            "08" | "28" | "3D" | "40" | "53" | "57" | "58" | "XX" => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Inconsistent,
        },
    }
}

/// <https://www.sqlite.org/rescode.html>
#[cfg(any(feature = "sqlite", feature = "postgres"))]
const fn sqlite_kind(code: u32) -> StoreErrorKind {
    // The low byte of an extended code is the primary one.
    match code & 0xff {
        // PERM, READONLY, FULL, AUTH
        3 | 8 | 13 | 23 => StoreErrorKind::ReadOnly,
        // BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, CANTOPEN, PROTOCOL
        5 | 6 | 7 | 9 | 10 | 14 | 15 => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Inconsistent,
    }
}

#[cfg(all(test, any(feature = "sqlite", feature = "postgres")))]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart_by_their_length() {
        for (code, kind) in [
            ("5", StoreErrorKind::Unavailable),
            ("517", StoreErrorKind::Unavailable),
            ("8", StoreErrorKind::ReadOnly),
            ("1544", StoreErrorKind::ReadOnly),
            ("13", StoreErrorKind::ReadOnly),
            ("2067", StoreErrorKind::Inconsistent),
            ("11", StoreErrorKind::Inconsistent),
            ("57P01", StoreErrorKind::Unavailable),
            ("40P01", StoreErrorKind::Unavailable),
            ("53300", StoreErrorKind::Unavailable),
            ("53100", StoreErrorKind::ReadOnly),
            ("25006", StoreErrorKind::ReadOnly),
            ("23505", StoreErrorKind::Inconsistent),
            ("42P01", StoreErrorKind::Inconsistent),
        ] {
            assert_eq!(code_kind(code), kind, "{code}");
        }
    }
}
