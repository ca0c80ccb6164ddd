//! How long a client may take, and how much it may make the server hold.

use std::time::Duration;

use tracing::{info, warn};

/// The bounds of each connection.
///
/// Nothing of it is a setting: each is far above what a client needs that means well, and what one needs that does not is
/// many connections, which is a setting.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections at once.
    pub connections: usize,
    /// From the first byte of a TLS connection to the end of its handshake.
    pub handshake: Duration,
    /// From the opening of a connection to the end of the first head, and from the beginning of each later head to its
    /// end.
    pub head: Duration,
    /// How long a connection may be open without a request.
    pub idle: Duration,
    /// How long a request body may pause.
    pub pause: Duration,
    /// How many bytes a second of a request body are the least, over all of it. A body that drips is a pause in pieces.
    pub drip: u32,
    /// How long a client may read nothing of what is there for it.
    pub stall: Duration,
    /// The largest head of a request in bytes. Larger ones are answered 431.
    pub head_size: usize,
    /// The most headers of a request; the pieces of a cookie are one (RFC 9113, section 8.2.3). More are answered 431.
    pub headers: usize,
    /// The most requests at once on one HTTP/2 connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            pause: Duration::from_secs(30),
            drip: 1_000,
            stall: Duration::from_mins(1),
            head_size: 64 * 1024,
            headers: 100,
            streams: 128,
        }
    }
}

/// Files that are none of a client's: database, spool, log, certificates, connections to upstreams.
const OWN_FILES: u64 = 512;

/// Why so many connections cannot be.
#[derive(Debug, thiserror::Error)]
#[error(
    "LOCALAUTH_MAX_CONNECTIONS is {wanted}, but this process may open {files} files and needs {OWN_FILES} for itself: raise \
     the limit (LimitNOFILE= of systemd, `ulimit -n`), or lower the number"
)]
pub struct TooManyConnections {
    wanted: usize,
    files: u64,
}

/// How many connections there may be: as many as are `wanted`, or else as the system gives, up to the default. The
/// system's soft limit of open files, which is there for programs that use `select`, is raised to the hard one.
///
/// # Errors
///
/// When more are wanted than the system gives.
///
/// In front of upstreams, half of the files are for connections to these.
pub fn most_connections(wanted: Option<usize>, is_guard: bool) -> Result<usize, TooManyConnections> {
    let default = Limits::default().connections;
    let files = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => files,
        Err(error) => {
            warn!(%error, "the limit of open files cannot be told; running out of them refuses connections");
            return Ok(wanted.unwrap_or(default));
        }
    };
    let most = fit(wanted, default, if is_guard { files / 2 } else { files })?;
    if most < wanted.unwrap_or(default) {
        info!(
            most,
            files, "fewer connections than usual, since this process may not open more files"
        );
    }
    Ok(most)
}

/// How many requests to upstreams there may be at once: each takes a connection.
pub fn most_forwarded() -> usize {
    let files = rlimit::Resource::NOFILE.get_soft().unwrap_or(1_024);
    usize::try_from((files / 2).saturating_sub(OWN_FILES / 2)).map_or(usize::MAX, |most| most.max(16))
}

fn fit(wanted: Option<usize>, default: usize, files: u64) -> Result<usize, TooManyConnections> {
    let room = usize::try_from(files.saturating_sub(OWN_FILES))
        .unwrap_or(usize::MAX)
        .max(1);
    match wanted {
        Some(wanted) if wanted > room => Err(TooManyConnections { wanted, files }),
        Some(wanted) => Ok(wanted),
        None => Ok(default.min(room)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_room_for_our_own_files() {
        assert_eq!(fit(None, 10_000, 1_048_576).unwrap(), 10_000);
        assert_eq!(fit(None, 10_000, 1_024).unwrap(), 512);
        assert_eq!(fit(None, 10_000, 100).unwrap(), 1);
        assert_eq!(fit(Some(500), 10_000, 1_024).unwrap(), 500);
        let error = fit(Some(1_000), 10_000, 1_024).unwrap_err().to_string();
        assert!(
            error.contains("LOCALAUTH_MAX_CONNECTIONS is 1000") && !error.contains('\n'),
            "{error}"
        );
    }
}
