//! Why there is no connection, in one line for whoever started the server.

use std::error::Error as StdError;
use std::fmt;

/// The database cannot be used. The text is one line that says why and what to do; it never holds the URL's password.
#[derive(Debug)]
pub struct ConnectError {
    kind: ConnectErrorKind,
    message: String,
}

/// What kind of failure a [`ConnectError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// The URL is not one of a database that localauth knows.
    BadUrl,
    /// The driver for this kind of database was left out when the program was built.
    NoDriver,
    /// The database cannot be reached, or did not answer in time. Trying again later may help.
    Unreachable,
    /// The database does not let this user in.
    AccessDenied,
    /// There is no database of this name.
    NoSuchDatabase,
    /// The database, or its folder, cannot be written.
    NotWritable,
    /// What is there is not a database, or a damaged one.
    Damaged,
    /// The database was made by a newer version.
    Newer,
    /// Something else; the text has what the database said.
    Other,
}

impl ConnectError {
    pub(super) fn new(kind: ConnectErrorKind, message: impl Into<String>) -> Self {
        // What databases say may have several lines.
        let message = message.into().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { kind, message }
    }

    #[cfg(not(all(feature = "sqlite", feature = "postgres")))]
    pub(super) fn no_driver(scheme: &str) -> Self {
        let feature = if scheme == "sqlite" { "sqlite" } else { "postgres" };
        let message = if cfg!(any(feature = "sqlite", feature = "postgres")) {
            format!(
                "no database driver for `{scheme}:` compiled in: build localauth-store with the feature `{feature}`"
            )
        } else {
            format!("no database driver compiled in: build localauth-store with the feature `{feature}`")
        };
        Self::new(ConnectErrorKind::NoDriver, message)
    }

    /// Says nothing of the URL: the password of one that cannot be read may be anywhere in it.
    pub(super) fn unknown_scheme() -> Self {
        Self::new(
            ConnectErrorKind::BadUrl,
            "the database URL must begin with `sqlite:` or `postgres:`, \
             as `sqlite://localauth.db` or `postgres://user:password@host/name`",
        )
    }

    /// What kind of failure this is.
    pub const fn kind(&self) -> ConnectErrorKind {
        self.kind
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for ConnectError {}
