//! Why a store cannot be opened.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// The store cannot be opened. Whatever is in its file is left as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file or its folder cannot be used.
    #[error("{} cannot be read and written: {source}", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another store works with this file.
    #[error("{} is in use by another process: stop that one first", .0.display())]
    InUse(PathBuf),
    /// The content is not what a store wrote.
    #[error("{} is damaged or not a file of this store: {reason}; restore a backup, or name another file", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: Box<dyn Error + Send + Sync>,
    },
    /// There are users, but the secret that their keys were made with is not there.
    #[error("the server's secret {} is missing: restore it; without it every key and session is worthless", .0.display())]
    NoSecret(PathBuf),
}
