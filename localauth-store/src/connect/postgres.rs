//! Connecting to PostgreSQL.

use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _};
use sea_orm::{DbErr, RuntimeErr, SqlxPostgresConnector};

use super::ConnectOptions;
use super::error::{ConnectError, ConnectErrorKind};
use super::migrate::{Direction, MigrateError, migrate};
use crate::sql_store::SqlStore;

pub(super) async fn connect(options: &ConnectOptions, direction: Direction) -> Result<SqlStore, ConnectError> {
    check_form(&options.url)?;
    let postgres: PgConnectOptions = options.url.parse().map_err(|_| bad_url())?;
    let postgres = postgres
        .application_name("localauth")
        // Statements have digests among their values.
        .disable_statement_logging();
    let place = Place::of(&postgres);

    // One by itself first: a pool tries until its time is up, and then says that it was up, not why.
    let probe = tokio::time::timeout(options.acquire_timeout, PgConnection::connect_with(&postgres)).await;
    let mut probe = probe
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(|error| place.explain(&error))?;
    let encoding: Result<String, _> = sqlx::query_scalar("SHOW server_encoding").fetch_one(&mut probe).await;
    drop(probe.close().await);
    place.check_encoding(&encoding.map_err(|error| place.explain(&error))?)?;

    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections.max(1))
        .acquire_timeout(options.acquire_timeout)
        .connect_lazy_with(postgres);
    let pool = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    migrate(&pool, direction).await.map_err(|error| match error {
        MigrateError::Newer(error) => error,
        MigrateError::Database(error) => place.explain_orm(&error),
    })?;
    Ok(SqlStore::new(pool.clone(), pool, options.answer_timeout))
}

/// The parameters of a URL that the driver knows, besides `options`.
const PARAMETERS: [&str; 17] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
];

/// Refuses what the driver would take as something else: `postgres:password` as the name of a database, and a mistyped
/// parameter as one to pass over, with its value in the log.
fn check_form(url: &str) -> Result<(), ConnectError> {
    let (_, rest) = url.split_once("://").ok_or_else(bad_url)?;
    let parameters = rest.split_once('?').map_or("", |(_, query)| query);
    for parameter in parameters.split('&').filter(|p| !p.is_empty()) {
        let name = parameter.split_once('=').map_or(parameter, |(name, _)| name);
        if !PARAMETERS.contains(&name) && !name.starts_with("options") {
            return Err(ConnectError::new(
                ConnectErrorKind::BadUrl,
                format!(
                    "the database URL has a parameter unknown to PostgreSQL: it knows {}",
                    PARAMETERS.join(", ")
                ),
            ));
        }
    }
    Ok(())
}

fn bad_url() -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::BadUrl,
        "the database URL cannot be read: write `postgres://user:password@host:5432/name`, \
         with the special characters in the password percent-encoded",
    )
}

/// What may be said of the URL.
struct Place {
    host: String,
    user: String,
    database: String,
}

impl Place {
    fn of(options: &PgConnectOptions) -> Self {
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let user = options.get_username().to_owned();
        // PostgreSQL's own default.
        let database = options.get_database().unwrap_or(&user).to_owned();
        Self { host, user, database }
    }

    /// Any other encoding refuses names and models that have a character it lacks.
    fn check_encoding(&self, encoding: &str) -> Result<(), ConnectError> {
        if encoding == "UTF8" {
            return Ok(());
        }
        let Self { host, database, .. } = self;
        Err(ConnectError::new(
            ConnectErrorKind::Other,
            format!(
                "the database `{database}` on {host} has the encoding {encoding}: \
                 make one with `createdb -E UTF8 -T template0 NAME`"
            ),
        ))
    }

    fn explain_orm(&self, error: &DbErr) -> ConnectError {
        match error {
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => self.explain(error),
            DbErr::ConnectionAcquire(_) => self.explain(&sqlx::Error::PoolTimedOut),
            _ => self.other(error),
        }
    }

    fn other(&self, error: &impl std::fmt::Display) -> ConnectError {
        let Self { host, database, .. } = self;
        ConnectError::new(
            ConnectErrorKind::Other,
            format!("cannot use the database `{database}` on {host}: {error}"),
        )
    }

    fn unreachable(&self, why: &impl std::fmt::Display) -> ConnectError {
        ConnectError::new(
            ConnectErrorKind::Unreachable,
            format!(
                "cannot reach PostgreSQL at {}: {why}: check the address, and that it runs",
                self.host
            ),
        )
    }

    fn explain(&self, error: &sqlx::Error) -> ConnectError {
        match error {
            sqlx::Error::Io(error) => self.unreachable(error),
            sqlx::Error::PoolTimedOut => self.unreachable(&"it does not answer"),
            sqlx::Error::Tls(error) => self.unreachable(error),
            sqlx::Error::Database(error) => match error.code() {
                Some(code) => self.explain_code(&code, error.message()),
                None => self.other(&error.message()),
            },
            _ => self.other(error),
        }
    }

    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    fn explain_code(&self, code: &str, message: &str) -> ConnectError {
        let Self { host, user, database } = self;
        let (kind, message) = match code {
            "28P01" | "28000" => (
                ConnectErrorKind::AccessDenied,
                format!("PostgreSQL at {host} does not let `{user}` in: {message}: check user and password in the URL"),
            ),
            "3D000" => (
                ConnectErrorKind::NoSuchDatabase,
                format!("PostgreSQL at {host} has no database `{database}`: make it with `createdb {database}`"),
            ),
            "42501" => (
                ConnectErrorKind::NotWritable,
                format!(
                    "`{user}` may not make tables in the database `{database}` on {host}: {message}: \
                     `GRANT CREATE ON SCHEMA public TO {user}`"
                ),
            ),
            "25006" => (
                ConnectErrorKind::NotWritable,
                format!("the database `{database}` on {host} is read-only: connect to the primary"),
            ),
            // too_many_connections, cannot_connect_now, admin_shutdown
            "53300" | "57P03" | "57P01" => return self.unreachable(&message),
            _ => return self.other(&message),
        };
        ConnectError::new(kind, message)
    }
}
