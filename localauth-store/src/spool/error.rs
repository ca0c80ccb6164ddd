//! Why a spool cannot be opened.

use std::io;
use std::path::PathBuf;

/// A spool cannot be opened. One line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenSpoolError {
    /// Another process uses it.
    #[error("another process uses the usage spool {}: stop it, or give this one a folder of its own", .path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// It holds what only a later version understands.
    #[error(
        "the usage spool file {} is of a later version: start that one once, so that it writes what is in there",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// The system does not let it be used.
    #[error("the usage spool {} cannot be used: {cause}", .path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}
