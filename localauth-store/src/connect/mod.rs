//! From a URL to a [`SqlStore`].

mod error;
mod migrate;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;
use std::time::Duration;

pub use self::error::{ConnectError, ConnectErrorKind};
use self::migrate::Direction;
use crate::sql_store::SqlStore;

/// Connects to the database at `url`, and brings it up to date.
///
/// | URL | database |
/// |---|---|
/// | `sqlite://localauth.db` | a file, made if it is missing, readable for its owner only |
/// | `sqlite:///var/lib/localauth.db` | the same by its whole path |
/// | `sqlite::memory:` | gone when the store is dropped, for tests |
/// | `postgres://user:password@host:5432/name` | PostgreSQL; the database must exist |
///
/// Several processes may do this at once: one of them migrates, the others wait for it.
///
/// # Errors
///
/// [`ConnectError`], in one line that says what to do. It never holds the password.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use localauth_core::UserStore;
///
/// let folder = tempfile::tempdir()?;
/// let url = format!("sqlite://{}/localauth.db", folder.path().display());
/// let store = localauth_store::connect(&url).await?;
/// assert!(!store.has_users().await?);
///
/// let error = localauth_store::connect("mysql://root:hunter2@localhost/auth").await.unwrap_err();
/// assert!(!error.to_string().contains("hunter2"));
/// # store.close().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn connect(url: &str) -> Result<SqlStore, ConnectError> {
    ConnectOptions::new(url).connect().await
}

/// How to connect: [`connect`] with the defaults, or set what should be otherwise.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::time::Duration;
/// use localauth_store::ConnectOptions;
///
/// let store = ConnectOptions::new("sqlite::memory:").acquire_timeout(Duration::from_secs(2)).connect().await?;
/// # store.close().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is connected until `connect` is called"]
pub struct ConnectOptions {
    url: String,
    max_connections: u32,
    acquire_timeout: Duration,
    answer_timeout: Duration,
}

impl ConnectOptions {
    /// The defaults for the database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
        }
    }

    /// The most connections at once: 10 unless set. On SQLite, those for reading; one more writes.
    pub const fn max_connections(mut self, most: u32) -> Self {
        self.max_connections = most;
        self
    }

    /// How long to wait for the database to be reached, for a free connection, and for SQLite's lock while another
    /// process writes: 5 seconds unless set.
    pub const fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// How long to wait for an answer in all: 30 seconds unless set. A change that is answered too late may still be
    /// carried out.
    pub const fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = timeout;
        self
    }

    /// Connects, and brings the database up to date.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], as [`connect`].
    pub async fn connect(self) -> Result<SqlStore, ConnectError> {
        self.run(Direction::Up).await
    }

    /// Takes localauth out of the database: drops its tables, **with all users, keys and usage in them**. Everything else
    /// in the database stays.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], as [`connect`]; nothing is dropped then.
    pub async fn uninstall(self) -> Result<(), ConnectError> {
        self.run(Direction::Down).await?.close().await;
        Ok(())
    }

    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres")),
        expect(clippy::unused_async, reason = "without a driver there is nothing to wait for")
    )]
    async fn run(self, direction: Direction) -> Result<SqlStore, ConnectError> {
        match self.url.split_once(':').map(|(scheme, _)| scheme) {
            #[cfg(feature = "sqlite")]
            Some("sqlite") => sqlite::connect(&self, direction).await,
            #[cfg(feature = "postgres")]
            Some("postgres" | "postgresql") => postgres::connect(&self, direction).await,
            #[cfg(not(feature = "sqlite"))]
            Some(scheme @ "sqlite") => Err(ConnectError::no_driver(scheme)),
            #[cfg(not(feature = "postgres"))]
            Some(scheme @ ("postgres" | "postgresql")) => Err(ConnectError::no_driver(scheme)),
            _ => Err(ConnectError::unknown_scheme()),
        }
    }
}

impl fmt::Debug for ConnectOptions {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("answer_timeout", &self.answer_timeout)
            .finish_non_exhaustive()
    }
}
