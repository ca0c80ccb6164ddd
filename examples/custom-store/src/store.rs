//! [`FileStore`]: what a read and a change are.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use localauth_core::{StoreError, StoreErrorKind};
use tokio::sync::Mutex;

use crate::error::OpenError;
use crate::tables::Tables;
use crate::{file, format};

/// Users, and all that depends on them, in one JSON file. Clones are handles on the same store.
///
/// The whole file is in memory, and written anew at each change: right for as many users as one would keep in a file
/// that one can read. One process has it at a time.
#[derive(Clone)]
pub struct FileStore(Arc<Shared>);

struct Shared {
    /// What the file says. Never changed, only replaced by the next: whoever reads keeps what there was at one moment,
    /// and waits neither for a change nor for the disk.
    current: RwLock<Arc<Tables>>,
    /// Who writes. tokio's lock lets changes in one by one and in the order they came.
    writer: Arc<Mutex<Writer>>,
}

struct Writer {
    path: PathBuf,
    /// Held for as long as the store is: another process would overwrite our changes with its own.
    _lock: File,
}

impl FileStore {
    /// Opens the store in the file at `path`. Where there is no file an empty one is made, so that a folder that cannot
    /// be written shows now, and not when the first user registers.
    ///
    /// Blocks for a moment: to be called before the server begins to serve.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when the file cannot be used, is in use already or is damaged. It is not touched then.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let path = path.into();
        let unusable = |source| OpenError::Unusable {
            path: path.clone(),
            source,
        };
        let lock = file::lock(&file::beside(&path, "lock"))
            .map_err(unusable)?
            .ok_or_else(|| OpenError::InUse(path.clone()))?;
        let tables = if let Some(bytes) = file::read(&path).map_err(unusable)? {
            load(&path, &bytes)?
        } else {
            let nobody = Tables::default();
            write(&path, &nobody).map_err(unusable)?;
            nobody
        };
        Ok(Self(Arc::new(Shared {
            current: RwLock::new(Arc::new(tables)),
            writer: Arc::new(Mutex::new(Writer { path, _lock: lock })),
        })))
    }

    /// The tables as they are now: all of one moment, however long one looks at them.
    ///
    /// With a database: one statement, or a transaction that sees one snapshot.
    pub(crate) fn read(&self) -> Arc<Tables> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tries `change` on a copy of the tables, writes the copy to the file and only then lets others see it. When
    /// `change` or the writing fails, nothing has changed. Nothing is written either when `change` left all as it was.
    ///
    /// With a database: a transaction that is alone (one writer at a time, or a lock on the row with the counter of
    /// epochs, taken first), so that what `change` has seen is still so when it is written.
    ///
    /// Runs on the blocking pool, to its end even if the caller walks away: that one sees all of it or nothing, and the
    /// next change is not let in before.
    pub(crate) async fn change<T, F>(&self, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tables) -> Result<T, StoreError> + Send + 'static,
    {
        // Taken here, where waiting is in turns, and let go over there.
        let writer = Arc::clone(&self.0.writer).lock_owned().await;
        let store = self.clone();
        let work = move || {
            let before = store.read();
            let mut after = Tables::clone(&before);
            let answer = change(&mut after)?;
            if after != *before {
                write(&writer.path, &after).map_err(not_written)?;
                *store.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
            }
            Ok(answer)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            // The runtime is shutting down.
            Err(error) => Err(StoreError::unavailable(error)),
        }
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").finish_non_exhaustive()
    }
}

fn load(path: &Path, bytes: &[u8]) -> Result<Tables, OpenError> {
    let damaged = |reason| OpenError::Damaged {
        path: path.to_owned(),
        reason,
    };
    let tables = format::from_json(bytes).map_err(|error| damaged(error.into()))?;
    tables.check().map_err(|broken| damaged(broken.into()))?;
    Ok(tables)
}

fn write(path: &Path, tables: &Tables) -> io::Result<()> {
    file::replace(path, &format::to_json(tables)?)
}

/// Tells what an operator can mend (rights, space) from what may pass by itself.
fn not_written(error: io::Error) -> StoreError {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let kind = match error.kind() {
        PermissionDenied | ReadOnlyFilesystem | StorageFull | QuotaExceeded => StoreErrorKind::ReadOnly,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_passing_failure() {
        for (kind, expected) in [
            (io::ErrorKind::StorageFull, StoreErrorKind::ReadOnly),
            (io::ErrorKind::PermissionDenied, StoreErrorKind::ReadOnly),
            (io::ErrorKind::ReadOnlyFilesystem, StoreErrorKind::ReadOnly),
            (io::ErrorKind::TimedOut, StoreErrorKind::Unavailable),
        ] {
            assert_eq!(not_written(kind.into()).kind(), expected, "{kind}");
        }
    }
}
