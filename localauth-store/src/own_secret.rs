//! The server's secret beside an SQLite file, for programs that give none.
//!
//! It is beside the data and not in it: whoever gets hold of the database alone, in a backup say, can do nothing with the
//! digests in it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use localauth_core::{OsEntropy, ServerSecret};

/// Where the secret is, and whether one may be made.
#[derive(Debug, Clone)]
pub(crate) struct OwnSecret {
    path: PathBuf,
    /// Whether nobody has a key yet that another secret would make worthless.
    fresh: bool,
}

impl OwnSecret {
    /// The secret of the database at `database`, which has no users when `fresh`.
    pub(crate) fn beside(database: &Path, fresh: bool) -> Self {
        let mut name = database.as_os_str().to_owned();
        name.push(".secret");
        Self {
            path: name.into(),
            fresh,
        }
    }

    /// Reads it, or makes it for a fresh database.
    pub(crate) fn get(&self) -> Option<ServerSecret> {
        match self.read_or_make() {
            Ok(secret) => Some(secret),
            Err(error) => {
                tracing::error!(path = %self.path.display(), "the server's secret cannot be used: {error}");
                None
            }
        }
    }

    fn read_or_make(&self) -> io::Result<ServerSecret> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.fresh => self.make()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = "it is missing, and a new one would make all keys worthless: restore it, or give one";
                return Err(io::Error::new(io::ErrorKind::NotFound, text));
            }
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        ServerSecret::new(fs::read(&self.path)?.trim_ascii()).map_err(io::Error::other)
    }

    /// Written under a name of its own and linked into place: nobody reads half of it, and of many servers that start
    /// together the first one's is everybody's.
    fn make(&self) -> io::Result<()> {
        let secret = ServerSecret::generate(&OsEntropy).map_err(io::Error::other)?;
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{}", std::process::id()));
        let fresh = PathBuf::from(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&fresh).and_then(|mut file| {
            file.write_all(secret.expose())?;
            file.sync_all()
        });
        let linked = written.and_then(|()| fs::hard_link(&fresh, &self.path));
        fs::remove_file(&fresh)?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }
}
