//! What the two files hold.

use std::{fs, path::Path};

use rustls::{ServerConfig, crypto::aws_lc_rs};
use tracing::warn;
use zeroize::Zeroizing;

use super::{TlsError, certificates, private_key};
use crate::settings::Tls;

/// HTTP/2 where the client can, HTTP/1.1 elsewhere (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What the two files hold. Has no `Debug` of what is in them.
#[derive(PartialEq, Eq)]
pub(super) struct Files {
    cert: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files(..)")
    }
}

/// Reads both.
pub(super) fn read(settings: &Tls) -> Result<Files, TlsError> {
    let read = |setting, path: &Path| {
        fs::read(path).map_err(|cause| TlsError::Unreadable {
            setting,
            path: path.to_owned(),
            cause,
        })
    };
    Ok(Files {
        cert: read("LOCALAUTH_TLS_CERT", &settings.cert)?,
        key: Zeroizing::new(read("LOCALAUTH_TLS_KEY", &settings.key)?),
    })
}

impl Files {
    /// What is left when they cannot be read.
    pub(super) fn gone() -> Self {
        Self {
            cert: Vec::new(),
            key: Zeroizing::default(),
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.cert.is_empty() && self.key.is_empty()
    }

    /// What to speak TLS with. rustls compares the key with the certificate.
    pub(super) fn config(&self, settings: &Tls) -> Result<ServerConfig, TlsError> {
        let chain = certificates(&self.cert, settings)?;
        let key = private_key(&self.key, settings)?;
        let mut config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(TlsError::Unusable)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(config)
    }

    /// A key that everybody on this machine can read is nobody's.
    #[cfg(unix)]
    pub(super) fn warn_when_open_to_others(settings: &Tls) {
        use std::os::unix::fs::PermissionsExt as _;

        const OTHERS: u32 = 0o007;
        let mode = fs::metadata(&settings.key).map(|data| data.permissions().mode());
        if mode.is_ok_and(|mode| mode & OTHERS != 0) {
            warn!(
                "every user of this machine can read {0}, the key of the certificate: `chmod o= {0}`",
                settings.key.display()
            );
        }
    }

    #[cfg(not(unix))]
    pub(super) const fn warn_when_open_to_others(_: &Tls) {}
}
