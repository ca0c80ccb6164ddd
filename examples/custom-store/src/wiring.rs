//! From a file to an [`Auth`].

use std::path::Path;
use std::sync::Arc;

use localauth_core::{Auth, AuthBuilder, MemoryStore, Stores};

use crate::error::OpenError;
use crate::secret;
use crate::store::FileStore;

/// The stores: users, keys, sessions, invites, shared keys and limits in the file; the audit log, attempts to sign in, usage and
/// settings in memory.
///
/// Each trait can have a store of its own, so that one may begin with what matters and take the rest as it is. What is in
/// memory is gone when the process ends: here the reports of usage and the audit log begin anew with it.
pub fn stores(file: FileStore) -> Stores {
    let file = Arc::new(file);
    let memory = Arc::new(MemoryStore::new());
    Stores {
        users: file.clone(),
        keys: file.clone(),
        sessions: file.clone(),
        invites: file.clone(),
        shared_keys: file.clone(),
        limits: file,
        audit: memory.clone(),
        attempts: memory.clone(),
        usage_sink: memory.clone(),
        usage_reader: memory.clone(),
        settings: memory,
    }
}

/// An `Auth` over the file at `path`, to be built after whatever else is to be set. The server's secret is beside it.
///
/// # Errors
///
/// [`OpenError`] when the file or its secret cannot be used.
pub fn builder(path: &Path) -> Result<AuthBuilder, OpenError> {
    let file = FileStore::open(path)?;
    // After opening, because that makes sure that nobody else is doing the same.
    let secret = secret::of(path, &file)?;
    Ok(Auth::builder_with(stores(file)).secret(secret))
}
