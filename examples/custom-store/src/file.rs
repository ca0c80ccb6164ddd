//! Files that are replaced as a whole, for their owner's eyes only.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// `users.json` and `lock` make `users.json.lock`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(suffix);
    name.into()
}

/// To create files that only their owner can read and write, from the first moment on.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// What is in the file; `None` when there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts `bytes` into the place of what is in the file, if there is one.
///
/// After a crash at any point, of the process or the machine, the file has either the old content or the new one, and
/// after `Ok` the new one. An error before the renaming leaves the file as it was. If only the last step fails, the new
/// content is there, but may be gone after a crash: as with a database whose answer to `commit` got lost, what was
/// reported as failed may still turn out to be done.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = beside(path, "tmp");
    match fs::remove_file(&draft) {
        // Left over from a crash.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = private().create_new(true).open(&draft)?;
    file.write_all(bytes)?;
    // Without this the new name could reach the disk before the content does.
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_folder(path)
}

/// Makes a renaming in the folder of `path` last: a file's name is content of its folder.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    if cfg!(unix) {
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Locks the file until what is returned is dropped, or the process ends in whatever way. `None` when somebody else has
/// it. The file itself means nothing, and stays.
pub(crate) fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = private().create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
