//! The certificate and key that the server speaks TLS with, as the files have them now.
//!
//! By rustls, with the cryptography that the tree has already for its HTTP client (aws-lc).

mod files;
mod watch;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem},
};

use crate::settings::Tls;

use self::files::{Files, read};
pub use self::watch::{EVERY, follow};

/// Why there is no TLS with these files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting} names {}, which cannot be read: {cause}", .path.display())]
    Unreadable {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file is not what it should be.
    #[error("{setting} names {}, which holds no {wanted} in PEM", .path.display())]
    NotPem {
        /// Which setting names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// The two do not belong together, or are of a kind that is not supported.
    #[error("LOCALAUTH_TLS_CERT and LOCALAUTH_TLS_KEY cannot be used: {0}")]
    Unusable(rustls::Error),
}

/// The pair, as it is now. It changes when [`reload`](Self::reload) finds other files.
#[derive(Debug)]
pub struct Pair {
    settings: Tls,
    config: ArcSwap<ServerConfig>,
    /// What the files held when somebody last looked.
    seen: Mutex<Files>,
}

/// What [`Pair::reload`] found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reload {
    /// What is in use, or what was found unusable before.
    Same,
    /// Another pair, which is in use from now on.
    Changed,
}

impl Pair {
    /// Reads the pair.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when it cannot be used.
    pub fn open(settings: Tls) -> Result<Self, TlsError> {
        let files = read(&settings)?;
        let config = files.config(&settings)?;
        Files::warn_when_open_to_others(&settings);
        Ok(Self {
            settings,
            config: ArcSwap::from_pointee(config),
            seen: Mutex::new(files),
        })
    }

    /// What the next connection is spoken with.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }

    /// Looks whether the files have changed. What cannot be used leaves the old pair in use.
    ///
    /// # Errors
    ///
    /// [`TlsError`], once for each state of the files that cannot be used.
    pub fn reload(&self) -> Result<Reload, TlsError> {
        let files = match read(&self.settings) {
            Ok(files) => files,
            Err(error) => {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                return if seen.is_gone() {
                    Ok(Reload::Same)
                } else {
                    *seen = Files::gone();
                    Err(error)
                };
            }
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == files {
            return Ok(Reload::Same);
        }
        let config = files.config(&self.settings);
        if config.is_ok() {
            Files::warn_when_open_to_others(&self.settings);
        }
        *seen = files;
        self.config.store(Arc::new(config?));
        Ok(Reload::Changed)
    }
}

fn certificates(text: &[u8], settings: &Tls) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    use pem::PemObject as _;
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text).collect();
    all.ok().filter(|all| !all.is_empty()).ok_or_else(|| TlsError::NotPem {
        setting: "LOCALAUTH_TLS_CERT",
        path: settings.cert.clone(),
        wanted: "certificate",
    })
}

fn private_key(text: &[u8], settings: &Tls) -> Result<PrivateKeyDer<'static>, TlsError> {
    use pem::PemObject as _;
    // What the parser says may quote the file.
    PrivateKeyDer::from_pem_slice(text).map_err(|_| TlsError::NotPem {
        setting: "LOCALAUTH_TLS_KEY",
        path: settings.key.clone(),
        wanted: "private key",
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{fs, path::Path};

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    /// Writes a fresh pair for `localhost` into a folder, and gives the certificate.
    pub(crate) fn write(folder: &Path) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.join("tls.crt"), cert.pem()).unwrap();
        fs::write(folder.join("tls.key"), signing_key.serialize_pem()).unwrap();
        cert.der().clone()
    }

    /// Settings for a pair in a folder.
    pub(crate) fn settings(folder: &Path) -> Tls {
        Tls {
            cert: folder.join("tls.crt"),
            key: folder.join("tls.key"),
        }
    }

    fn pair() -> (tempfile::TempDir, Pair) {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let pair = Pair::open(settings(folder.path())).unwrap();
        (folder, pair)
    }

    #[test]
    fn what_cannot_be_used_is_said_in_one_line_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Pair::open(settings(folder.path())).unwrap_err().to_string();
        assert!(open().starts_with("LOCALAUTH_TLS_CERT names "), "{}", open());
        write(folder.path());
        let (cert, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let (good_cert, good_key) = (fs::read(&cert).unwrap(), fs::read(&key).unwrap());
        fs::write(
            &key,
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        )
        .unwrap();
        assert!(
            open().contains("cannot be used: ") && !open().contains("hunter2"),
            "{}",
            open()
        );
        fs::write(&key, &good_cert).unwrap();
        assert!(open().contains("holds no private key"), "{}", open());
        fs::write(&key, &good_key).unwrap();
        fs::write(&cert, "").unwrap();
        assert!(open().contains("holds no certificate"), "{}", open());
        // The key of another certificate.
        write(folder.path());
        fs::write(&key, &good_key).unwrap();
        assert!(open().contains("cannot be used: "), "{}", open());
        fs::write(&cert, &good_cert).unwrap();
        assert!(Pair::open(settings(folder.path())).is_ok());
    }

    #[test]
    fn a_new_pair_is_taken_and_a_broken_one_is_not() {
        let (folder, pair) = pair();
        let first = pair.config();
        assert!(matches!(pair.reload(), Ok(Reload::Same)));
        // One file after the other: between the two they do not belong together.
        let key = fs::read(folder.path().join("tls.key")).unwrap();
        write(folder.path());
        let new_key = fs::read(folder.path().join("tls.key")).unwrap();
        fs::write(folder.path().join("tls.key"), key).unwrap();
        assert!(matches!(pair.reload(), Err(TlsError::Unusable(_))));
        assert!(Arc::ptr_eq(&first, &pair.config()), "the old one stays");
        assert!(matches!(pair.reload(), Ok(Reload::Same)), "said once");
        fs::write(folder.path().join("tls.key"), new_key).unwrap();
        assert!(matches!(pair.reload(), Ok(Reload::Changed)));
        assert!(!Arc::ptr_eq(&first, &pair.config()));
    }

    #[test]
    fn files_that_go_away_leave_the_pair() {
        let (folder, pair) = pair();
        let first = pair.config();
        let key = fs::read(folder.path().join("tls.key")).unwrap();
        fs::remove_file(folder.path().join("tls.key")).unwrap();
        assert!(matches!(pair.reload(), Err(TlsError::Unreadable { .. })));
        assert!(matches!(pair.reload(), Ok(Reload::Same)), "said once");
        assert!(Arc::ptr_eq(&first, &pair.config()));
        fs::write(folder.path().join("tls.key"), key).unwrap();
        assert!(matches!(pair.reload(), Ok(Reload::Changed)));
    }

    /// As Kubernetes does: the files are links into `..data`, which is a link that is replaced.
    #[cfg(unix)]
    #[test]
    fn links_that_lead_elsewhere_are_followed() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["v1", "v2"] {
            fs::create_dir(at(version)).unwrap();
            write(&at(version));
        }
        symlink("v1", at("..data")).unwrap();
        symlink("..data/tls.crt", at("tls.crt")).unwrap();
        symlink("..data/tls.key", at("tls.key")).unwrap();
        let pair = Pair::open(settings(folder.path())).unwrap();
        let first = pair.config();
        symlink("v2", at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        assert!(matches!(pair.reload(), Ok(Reload::Changed)));
        assert!(!Arc::ptr_eq(&first, &pair.config()));
    }
}
