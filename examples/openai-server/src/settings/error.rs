//! What can be wrong with settings. Each message is one line that names the setting, and never shows a secret.

use std::{fmt, io, path::PathBuf};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// An environment variable with our prefix that no setting has.
    #[error("{variable} is not a setting: did you mean {nearest}?")]
    UnknownVariable {
        /// As it was given.
        variable: String,
        /// The nearest that there is.
        nearest: String,
    },
    /// A key of the configuration file that no setting has.
    #[error("`{key}` in {} is not a setting: did you mean `{nearest}`?", .file.display())]
    UnknownKey {
        /// As it was given.
        key: String,
        /// The configuration file.
        file: PathBuf,
        /// The nearest that there is.
        nearest: String,
    },
    /// A setting of a part that this version does not have.
    #[error("{0} is not available in this version: leave it out")]
    NotAvailable(Origin),
    /// A setting that means nothing without another, which is missing.
    #[error("{origin} is set without {missing}: set that too, or leave the first one out")]
    Incomplete {
        /// Which one is set.
        origin: Origin,
        /// Which one is not.
        missing: &'static str,
    },
    /// Two settings of which only one can be.
    #[error("{0} and {1} exclude each other: leave one of them out")]
    Conflict(Origin, Origin),
    /// A value that is not what the setting wants.
    #[error("{origin} {problem}; {wanted}")]
    Malformed {
        /// Where the value came from.
        origin: Origin,
        /// What is wrong with it.
        problem: String,
        /// What would be right.
        wanted: &'static str,
    },
    /// A value and a file with the value.
    #[error("both {0} and {0}_FILE are set: leave one of them out")]
    Twice(&'static str),
    /// A file that a setting names cannot be read.
    #[error("{origin} names {}, which cannot be read: {cause}", .path.display())]
    Unreadable {
        /// Which setting.
        origin: Origin,
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The configuration file is not TOML.
    #[error("{}, line {line}, is not TOML: {message}", .file.display())]
    NotToml {
        /// The configuration file.
        file: PathBuf,
        /// Where.
        line: usize,
        /// What the parser said.
        message: String,
    },
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag, with its dashes.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A key of the configuration file.
    Key(String, PathBuf),
    /// Nobody gave one.
    Default(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) => f.write_str(name),
            Self::Key(key, file) => write!(f, "`{key}` in {}", file.display()),
            Self::Default(name) => write!(f, "the default of {name}"),
        }
    }
}
