//! The data directory and the secret in it, both for the owner's eyes only.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use localauth_core::{OsEntropy, ServerSecret};

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// The directory cannot be made or written.
    #[error("the data directory {} cannot be used: {cause}; name another with --data-dir", .path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The secret cannot be read.
    #[error("the secret {} cannot be read: {cause}", .path.display())]
    UnreadableSecret {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The secret is not the one that was written there.
    #[error(
        "the secret in {} is empty or too short: restore it from a backup; a new one makes all keys and sessions \
         worthless", .0.display()
    )]
    ShortSecret(PathBuf),
}

/// Makes the directory where there is none, mode 0700, and makes sure that it can be written.
///
/// # Errors
///
/// When it cannot be made or written.
pub fn prepare(path: &Path) -> Result<(), DataDirError> {
    make(path).map_err(|cause| DataDirError::Unusable {
        path: path.to_owned(),
        cause,
    })
}

fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;

    // A directory that exists may still be read-only, which would otherwise show in the middle of a request.
    let probe = path.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)
}

/// The secret of the data directory. Made on the first start, mode 0600: 64 random hexadecimal digits.
///
/// # Errors
///
/// When it can be neither read nor made, or is too short to be one of ours.
pub fn secret(path: &Path) -> Result<ServerSecret, DataDirError> {
    let file = path.join("secret");
    for _ in 0..2 {
        match fs::read(&file) {
            Ok(content) => {
                return ServerSecret::new(content.trim_ascii()).map_err(|_| DataDirError::ShortSecret(file));
            }
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(DataDirError::UnreadableSecret { path: file, cause });
            }
            Err(_) => {}
        }
        match write_secret(path, &file) {
            // Another server was quicker: its secret is the one.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => {
                return Err(DataDirError::Unusable {
                    path: path.to_owned(),
                    cause,
                });
            }
            Ok(()) => {}
        }
    }
    Err(DataDirError::ShortSecret(file))
}

/// Keeps threads of one process apart, as its id does with processes.
static COUNTER: AtomicUsize = AtomicUsize::new(0);

/// Writes a new secret under a name of its own and links it into place, so that nobody ever reads half of it and the
/// first of many servers wins.
fn write_secret(folder: &Path, file: &Path) -> io::Result<()> {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let fresh = folder.join(format!(".secret-{}-{count}", std::process::id()));

    let secret = ServerSecret::generate(&OsEntropy).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(&fresh)
        .and_then(|mut open| {
            open.write_all(secret.expose())?;
            open.write_all(b"\n")?;
            open.sync_all()
        })
        .and_then(|()| match fs::hard_link(&fresh, file) {
            // Some file systems have no links. There the last of servers that start at the same time wins.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(&fresh, file),
            other => other,
        });
    let _ = fs::remove_file(&fresh);
    written
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn both_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a/b");
        prepare(&data).unwrap();
        assert_eq!(mode(&data), 0o700);

        let made = secret(&data).unwrap();
        assert_eq!(made.expose().len(), 64);
        assert!(made.expose().iter().all(u8::is_ascii_hexdigit));
        assert_eq!(mode(&data.join("secret")), 0o600);

        prepare(&data).unwrap();
        assert_eq!(secret(&data).unwrap().expose(), made.expose(), "made once");
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn servers_that_start_together_agree() {
        let folder = tempfile::tempdir().unwrap();
        let secrets: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| secret(folder.path()).unwrap()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(secrets.iter().all(|secret| secret.expose() == secrets[0].expose()));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = prepare(&file.join("data")).unwrap_err().to_string();
        assert!(error.contains("file/data") && error.contains("--data-dir"), "{error}");

        fs::write(folder.path().join("secret"), "short").unwrap();
        assert!(matches!(secret(folder.path()), Err(DataDirError::ShortSecret(_))));
    }
}
