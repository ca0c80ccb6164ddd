//! The folder of a spool: its lock, and its files.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::OpenSpoolError;

/// A folder that no other process uses.
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
}

impl Folder {
    /// Takes the folder, and makes it where there is none.
    pub(super) fn take(path: &Path) -> Result<Self, OpenSpoolError> {
        let path = path.to_owned();
        match lock(&path) {
            Ok(lock) => Ok(Self { path, lock }),
            Err(TryLockError::WouldBlock) => Err(OpenSpoolError::InUse { path }),
            Err(TryLockError::Error(cause)) => Err(OpenSpoolError::Unusable { path, cause }),
        }
    }

    /// The files there are, by number.
    pub(super) fn files(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let number = path
                .file_name()
                .and_then(|name| name.to_str()?.strip_suffix(".usage")?.parse().ok());
            if let Some(number) = number {
                files.push((number, path));
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    pub(super) fn file(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:020}.usage"))
    }

    /// Makes a file to append to, for the owner's eyes only.
    pub(super) fn create(&self, number: u64) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(self.file(number))
    }

    /// Makes that files were made or removed outlive a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        // Elsewhere a folder cannot be opened, and need not be.
        if cfg!(unix) {
            File::open(&self.path)?.sync_all()?;
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closing would do, unless a child was being started at this moment, which has a copy of it for a while.
        let _ = self.lock.unlock();
    }
}

fn lock(path: &Path) -> Result<File, TryLockError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(TryLockError::Error)?;

    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let lock = options.open(path.join("lock")).map_err(TryLockError::Error)?;
    lock.try_lock()?;
    Ok(lock)
}
