//! The server's secret, which must outlive the process as the keys do.
//!
//! [`Auth`](localauth_core::Auth) would take the secret that the store of settings keeps. Ours is in memory, and makes a
//! new one for each process: after a restart every key in the file would be wrong. So it is given to the builder.
//!
//! It is beside the data and not in it, so that whoever gets hold of the data alone, in a backup say, can do nothing with
//! it. A server with somewhere better to keep secrets takes it from there.

use std::io;
use std::path::Path;

use localauth_core::{OsEntropy, ServerSecret};

use crate::error::OpenError;
use crate::file;
use crate::store::FileStore;

/// The secret of the store in the file at `path`. Made while there is nobody who could have a key.
pub(crate) fn of(path: &Path, store: &FileStore) -> Result<ServerSecret, OpenError> {
    let path = file::beside(path, "secret");
    let unusable = |source| OpenError::Unusable {
        path: path.clone(),
        source,
    };
    match file::read(&path).map_err(unusable)? {
        Some(bytes) => ServerSecret::new(bytes.trim_ascii()).map_err(|error| OpenError::Damaged {
            path: path.clone(),
            reason: error.into(),
        }),
        None if store.read().users.is_empty() => {
            let secret = ServerSecret::generate(&OsEntropy).map_err(|error| unusable(io::Error::other(error)))?;
            file::replace(&path, secret.expose()).map_err(unusable)?;
            Ok(secret)
        }
        None => Err(OpenError::NoSecret(path)),
    }
}
