//! Who can reach the server, and whether that is as it should be.

use std::net::SocketAddr;

use tracing::warn;

use crate::settings::Settings;

/// What is wrong with how a server can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Exposure {
    /// Nobody is asked anything.
    #[error(
        "AUTH IS OFF and {0} can be reached from other machines: whoever reaches it may use everything, and nobody is asked \
         anything. Set LOCALAUTH_AUTH=true, or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// The same, for whoever is on this machine.
    #[error("auth is off: whoever reaches this address may use everything")]
    OpenHere,
    /// Passwords and keys can be read on the way.
    #[error(
        "NO ENCRYPTION: {0} can be reached from other machines, and passwords, keys and answers can be read on the way. Set \
         LOCALAUTH_TLS_CERT and LOCALAUTH_TLS_KEY; or put a proxy with TLS in front, listen where only it gets to, and name \
         it in LOCALAUTH_TRUSTED_PROXIES"
    )]
    Plain(SocketAddr),
}

impl Exposure {
    /// All that is wrong.
    pub fn find(settings: &Settings, address: SocketAddr) -> Vec<Self> {
        let is_reachable = !address.ip().to_canonical().is_loopback();
        let is_open = !settings.auth && settings.api_keys.is_empty();
        let mut found = Vec::new();
        match (is_open, is_reachable) {
            (true, true) => found.push(Self::Open(address)),
            (true, false) => found.push(Self::OpenHere),
            (false, _) => {}
        }
        if is_reachable && settings.tls.is_none() && settings.trusted_proxies.is_empty() {
            found.push(Self::Plain(address));
        }
        found
    }
}

/// Says so, loudly.
pub fn warn_about(settings: &Settings, address: SocketAddr) {
    for exposure in Exposure::find(settings, address) {
        warn!("{exposure}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)], address: &str) -> Vec<Exposure> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        let settings = Settings::new([], variables).unwrap();
        Exposure::find(&settings, address.parse().unwrap())
    }

    #[test]
    fn who_can_be_reached_without_protection_is_told() {
        let far = "0.0.0.0:80";
        let at = |address: &str| address.parse().unwrap();
        let tls = [("LOCALAUTH_TLS_CERT", "/c"), ("LOCALAUTH_TLS_KEY", "/k")];
        assert_eq!(found(&[], far), [Exposure::Plain(at(far))]);
        assert_eq!(found(&[], "[::]:80"), [Exposure::Plain(at("[::]:80"))]);
        assert_eq!(found(&tls, far), []);
        assert_eq!(found(&[("LOCALAUTH_TRUSTED_PROXIES", "10.0.0.1")], far), []);
        for here in ["127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            assert_eq!(found(&[], here), [], "{here}");
            assert_eq!(
                found(&[("LOCALAUTH_AUTH", "false")], here),
                [Exposure::OpenHere],
                "{here}"
            );
        }
        let open = found(&[("LOCALAUTH_AUTH", "false"), tls[0], tls[1]], far);
        assert_eq!(open, [Exposure::Open(at(far))], "TLS is no help against that");
        let keys = [
            ("LOCALAUTH_AUTH", "false"),
            ("LOCALAUTH_API_KEYS", "some-shared-key-of-ours"),
        ];
        assert_eq!(found(&keys, far), [Exposure::Plain(at(far))]);
        for exposure in found(&[("LOCALAUTH_AUTH", "false")], far) {
            assert!(!exposure.to_string().contains('\n'));
        }
    }
}
