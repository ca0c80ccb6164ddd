//! Connecting to SQLite.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _};
use sea_orm::{DbErr, RuntimeErr, SqlxSqliteConnector};

use super::ConnectOptions;
use super::error::{ConnectError, ConnectErrorKind};
use super::migrate::{Direction, MigrateError, migrate};
use crate::own_secret::OwnSecret;
use crate::sql_store::SqlStore;
use localauth_core::UserStore as _;

pub(super) async fn connect(options: &ConnectOptions, direction: Direction) -> Result<SqlStore, ConnectError> {
    let sqlite: SqliteConnectOptions = options.url.parse().map_err(|_| bad_url())?;
    let in_memory = options.url.contains(":memory:") || options.url.contains("mode=memory");
    let path = sqlite.get_filename().to_owned();
    if path.as_os_str().is_empty() {
        return Err(bad_url());
    }
    if !in_memory && !options.url.contains("mode=") {
        create(&path)?;
    }
    let sqlite = sqlite
        .busy_timeout(options.acquire_timeout)
        .foreign_keys(true)
        // With the write-ahead log, NORMAL would do for a `kill -9`; a revocation should outlive a power cut, too.
        .synchronous(SqliteSynchronous::Full)
        // Statements have digests among their values.
        .disable_statement_logging();

    if !in_memory {
        let mut connection = sqlite.connect().await.map_err(|error| explain(&error, &path))?;
        use_wal(&mut connection, options.acquire_timeout, &path).await;
        drop(connection.close().await);
    }
    let pool = |most: u32| {
        let pool = SqlitePoolOptions::new()
            .max_connections(most.max(1))
            .acquire_timeout(options.acquire_timeout);
        // A connection that is never closed keeps a database alive that is only in memory, and costs nothing elsewhere.
        let pool = pool
            .min_connections(u32::from(in_memory))
            .idle_timeout(None)
            .max_lifetime(None);
        SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.connect_lazy_with(sqlite.clone()))
    };
    let write = pool(1);
    let read = if in_memory {
        write.clone()
    } else {
        pool(options.max_connections)
    };

    migrate(&write, direction).await.map_err(|error| match error {
        MigrateError::Newer(error) => error,
        MigrateError::Database(error) => explain_orm(&error, &path),
    })?;
    let store = SqlStore::new(read, write, options.answer_timeout);
    if in_memory || matches!(direction, Direction::Down) {
        return Ok(store);
    }
    let fresh = !store.has_users().await.map_err(|error| {
        ConnectError::new(
            ConnectErrorKind::Unreachable,
            format!("the database {}: {error}", path.display()),
        )
    })?;
    Ok(store.with_own_secret(OwnSecret::beside(&path, fresh)))
}

/// Makes the file if it is missing, readable and writable for its owner only. SQLite gives its log the same rights.
fn create(path: &Path) -> Result<(), ConnectError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        // There already, perhaps since a moment ago; a folder or a file without rights is noticed when it is opened.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(ConnectError::new(
            ConnectErrorKind::NotWritable,
            format!(
                "cannot create the database {}: {error}: {}",
                path.display(),
                advice(&error)
            ),
        )),
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "make its folder first, or name another one",
        _ => "make its folder writable, or name another one",
    }
}

/// Goes over to the write-ahead log, with which readers and the writer do not wait for each other. The file remembers
/// it. A file system without shared memory does not allow it; all promises hold there too, only slower.
async fn use_wal(connection: &mut SqliteConnection, within: Duration, path: &Path) {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut waited = Duration::ZERO;
    loop {
        let mode: Result<String, sqlx::Error> = sqlx::query_scalar("PRAGMA journal_mode = WAL")
            .fetch_one(&mut *connection)
            .await;
        let reason = match mode {
            Ok(mode) if mode == "wal" => return,
            Ok(mode) => format!("it stays with `{mode}`"),
            // Going over needs the file alone, and SQLite does not wait for that by itself.
            Err(error) if is_busy(&error) && waited < within => {
                tokio::time::sleep(PAUSE).await;
                waited += PAUSE;
                continue;
            }
            Err(error) => error.to_string(),
        };
        tracing::warn!(path = %path.display(), reason, "no write-ahead log for this database: it will be slower");
        return;
    }
}

fn code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}

fn is_busy(error: &sqlx::Error) -> bool {
    // BUSY, LOCKED
    code(error).is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

fn bad_url() -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::BadUrl,
        "the database URL must name a file, as `sqlite://localauth.db` or `sqlite:///var/lib/localauth.db`",
    )
}

fn explain_orm(error: &DbErr, path: &Path) -> ConnectError {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => explain(error, path),
        DbErr::ConnectionAcquire(_) => explain(&sqlx::Error::PoolTimedOut, path),
        _ => ConnectError::new(
            ConnectErrorKind::Other,
            format!("cannot use the database {}: {error}", path.display()),
        ),
    }
}

/// <https://www.sqlite.org/rescode.html>
fn explain(error: &sqlx::Error, path: &Path) -> ConnectError {
    let path = path.display();
    let (kind, message) = match code(error).map(|code| code & 0xff) {
        // PERM, READONLY, CANTOPEN, AUTH
        Some(3 | 8 | 14 | 23) => (
            ConnectErrorKind::NotWritable,
            format!("cannot write the database {path}: {error}: make the file and its folder writable"),
        ),
        // FULL
        Some(13) => (
            ConnectErrorKind::NotWritable,
            format!("cannot write the database {path}: the disk is full: make some room"),
        ),
        // CORRUPT, NOTADB
        Some(11 | 26) => (
            ConnectErrorKind::Damaged,
            format!("{path} is not an SQLite database, or a damaged one: name another file, or restore this one"),
        ),
        // BUSY, LOCKED
        Some(5 | 6) => (
            ConnectErrorKind::Unreachable,
            format!("another process keeps the database {path} locked: stop it, or try again"),
        ),
        _ => match error {
            sqlx::Error::PoolTimedOut => (
                ConnectErrorKind::Unreachable,
                format!("the database {path} did not answer in time: try again"),
            ),
            _ => (
                ConnectErrorKind::Other,
                format!("cannot use the database {path}: {error}"),
            ),
        },
    };
    ConnectError::new(kind, message)
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait as _};

    use super::*;

    async fn pragma(database: &impl ConnectionTrait, name: &str) -> i64 {
        let statement = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    async fn check(database: &DatabaseConnection, connections: usize) {
        // Held all at once, so that each is a connection of its own.
        let mut held = Vec::new();
        for _ in 0..connections {
            held.push(database.begin().await.unwrap());
        }
        for connection in &held {
            assert_eq!(pragma(connection, "foreign_keys").await, 1);
            assert_eq!(pragma(connection, "synchronous").await, 2, "FULL");
            assert_eq!(pragma(connection, "busy_timeout").await, 12_345);
        }
    }

    #[tokio::test]
    async fn every_connection_is_set_up_alike() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/x.db", folder.path().display());
        let options = ConnectOptions::new(url)
            .max_connections(3)
            .acquire_timeout(Duration::from_millis(12_345));
        let store = options.connect().await.unwrap();
        check(store.reader(), 3).await;
        check(store.writer(), 1).await;
    }

    #[tokio::test]
    async fn a_database_in_memory_is_set_up_like_a_file() {
        let options = ConnectOptions::new("sqlite::memory:").acquire_timeout(Duration::from_millis(12_345));
        let store = options.connect().await.unwrap();
        check(store.writer(), 1).await;
    }
}
