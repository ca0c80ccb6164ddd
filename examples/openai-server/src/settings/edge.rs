//! Settings about encryption, connections and the log.

use std::path::PathBuf;

use super::{Gathered, SettingsError, values};

/// The server speaks TLS itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and those that vouch for it, in PEM.
    pub cert: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// How much strangers may make the server hold.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The most connections at once; none means as many as the system gives, up to 10,000.
    pub connections: Option<usize>,
    /// The most bytes of request bodies that are held in memory at once, all requests together.
    pub body_memory: usize,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Reads the pair. Half of it is an error.
pub(super) fn tls(given: &mut Gathered) -> Result<Option<Tls>, SettingsError> {
    given.needs("LOCALAUTH_TLS_CERT", "LOCALAUTH_TLS_KEY")?;
    given.needs("LOCALAUTH_TLS_KEY", "LOCALAUTH_TLS_CERT")?;
    let cert = given.optional("LOCALAUTH_TLS_CERT", path)?;
    let key = given.optional("LOCALAUTH_TLS_KEY", path)?;
    Ok(cert.zip(key).map(|(cert, key)| Tls { cert, key }))
}

/// Reads the bounds. One body of the largest size has to fit.
pub(super) fn bounds(given: &mut Gathered, max_body: usize) -> Result<Bounds, SettingsError> {
    let origin = given.origin("LOCALAUTH_BODY_MEMORY").cloned();
    let connections = given.optional("LOCALAUTH_MAX_CONNECTIONS", connections)?;
    let body_memory = given.optional("LOCALAUTH_BODY_MEMORY", values::size)?;
    match (body_memory, origin) {
        (Some(bytes), Some(origin)) if bytes < max_body => Err(SettingsError::Malformed {
            origin,
            problem: format!("is {bytes}, which is less than one body of LOCALAUTH_MAX_BODY"),
            wanted: "make it larger, or LOCALAUTH_MAX_BODY smaller",
        }),
        _ => Ok(Bounds {
            connections,
            body_memory: body_memory.unwrap_or(max_body.saturating_mul(10)),
        }),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("write `text` or `json`"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "every text may be a path")]
fn path(text: &str) -> Result<PathBuf, &'static str> {
    Ok(PathBuf::from(text))
}

fn connections(text: &str) -> Result<usize, &'static str> {
    values::count(text)
        .ok()
        .filter(|count| *count > 0)
        .ok_or("write a number of connections from 1 to 1000000")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::new([], variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn half_a_pair_stops_the_start() {
        for (set, missing) in [
            ("LOCALAUTH_TLS_CERT", "LOCALAUTH_TLS_KEY"),
            ("LOCALAUTH_TLS_KEY", "LOCALAUTH_TLS_CERT"),
        ] {
            let error = settings(&[(set, "/x")]).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("{set} is set without {missing}")) && !error.contains('\n'),
                "{error}"
            );
        }
        let both = settings(&[("LOCALAUTH_TLS_CERT", "/c"), ("LOCALAUTH_TLS_KEY", "/k")]).unwrap();
        let tls = both.tls.unwrap();
        assert_eq!((tls.cert, tls.key), ("/c".into(), "/k".into()));
        assert_eq!(settings(&[]).unwrap().tls, None);
    }

    #[test]
    fn certificates_of_clients_are_for_another_version() {
        let error = settings(&[("LOCALAUTH_CLIENT_CA", "/x")]).unwrap_err().to_string();
        assert!(error.contains("LOCALAUTH_CLIENT_CA is not available"), "{error}");
    }

    #[test]
    fn bounds_leave_room_for_one_body() {
        assert_eq!(settings(&[]).unwrap().bounds.body_memory, 500_000_000);
        let one = settings(&[("LOCALAUTH_MAX_BODY", "1MB"), ("LOCALAUTH_BODY_MEMORY", "1MB")]).unwrap();
        assert_eq!(one.bounds.body_memory, 1_000_000);
        let error = settings(&[("LOCALAUTH_BODY_MEMORY", "1MB")]).unwrap_err().to_string();
        assert!(error.contains("less than one body"), "{error}");
        for wrong in ["0", "-1", "many", "1000001"] {
            assert!(settings(&[("LOCALAUTH_MAX_CONNECTIONS", wrong)]).is_err(), "{wrong}");
        }
        let some = settings(&[("LOCALAUTH_MAX_CONNECTIONS", "7")]).unwrap();
        assert_eq!(some.bounds.connections, Some(7));
    }

    #[test]
    fn the_log_has_two_forms() {
        assert_eq!(log_format("json"), Ok(LogFormat::Json));
        assert!(log_format("JSON").is_err() && log_format("").is_err());
    }
}
