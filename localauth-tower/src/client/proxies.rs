//! The proxies whose forwarding headers are believed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;
use ipnet::IpNet;

use super::peer;

/// The proxies whose forwarding headers are believed.
///
/// ```
/// use localauth_tower::Proxies;
///
/// let proxies = Proxies::new(["10.0.0.0/8".parse()?]);
/// assert!(proxies.contains("10.1.2.3".parse()?));
/// assert!(proxies.contains("::ffff:10.1.2.3".parse()?), "an IPv4 address in IPv6 clothes");
/// assert!(!proxies.contains("192.0.2.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Proxies(Arc<[IpNet]>);

impl Proxies {
    /// These networks, and no others.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether `address` is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether the request comes straight from one of them.
    #[cfg(feature = "api")]
    pub(crate) fn sent(&self, extensions: &http::Extensions) -> bool {
        !self.0.is_empty() && peer(extensions).is_some_and(|peer| self.contains(peer))
    }

    /// Where the request comes from: whoever opened the connection; when that is one of these proxies, whoever it says.
    pub(crate) fn client(&self, extensions: &http::Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer(extensions)?;
        if !self.0.is_empty() && self.contains(peer) {
            self.forwarded_for(headers, peer)
        } else {
            Some(peer)
        }
    }

    /// The rightmost address that is not one of our proxies: the last one that somebody we trust has seen. What stands to
    /// the left of it anybody could have written.
    /// Where that part cannot be read nobody knows who it is: not the proxy, or one odd byte would make anybody it.
    fn forwarded_for(&self, headers: &HeaderMap, peer: IpAddr) -> Option<IpAddr> {
        // Bytes, and only as far as is needed: what anybody could have written keeps nobody from reading what a proxy did.
        let values: Vec<&[u8]> = headers
            .get_all("x-forwarded-for")
            .iter()
            .map(http::HeaderValue::as_bytes)
            .collect();
        let mut nearest = peer;
        for part in values.iter().rev().flat_map(|value| value.rsplit(|&b| b == b',')) {
            let text = std::str::from_utf8(part.trim_ascii()).ok()?;
            let address = text
                .parse::<IpAddr>()
                .or_else(|_| text.parse::<SocketAddr>().map(|a| a.ip()))
                .ok()?
                .to_canonical();
            if !self.contains(address) {
                return Some(address);
            }
            nearest = address;
        }
        Some(nearest)
    }
}

#[cfg(test)]
mod tests {
    use super::super::PeerAddress;
    use super::*;

    fn found(from: &str, forwarded: &[&str]) -> Option<String> {
        let proxies = Proxies::new(["10.0.0.0/8".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(
                "x-forwarded-for",
                http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let mut extensions = http::Extensions::new();
        extensions.insert(PeerAddress(from.parse().unwrap()));
        proxies.client(&extensions, &headers).map(|ip| ip.to_string())
    }

    #[test]
    fn a_forged_header_changes_nothing() {
        for (peer, forwarded, expected) in [
            ("192.0.2.1", &["1.1.1.1"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["1.1.1.1, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            ("10.0.0.1", &["1.1.1.1", "192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["192.0.2.7:4711"], "192.0.2.7"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["\u{ff}, 192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", &["nonsense, 192.0.2.7"], "192.0.2.7"),
            ("::ffff:10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("::ffff:192.0.2.1", &["1.1.1.1"], "192.0.2.1"),
        ] {
            assert_eq!(
                found(peer, forwarded).as_deref(),
                Some(expected),
                "{peer} {forwarded:?}"
            );
        }
        for unreadable in ["nonsense", "1.1.1.1, nonsense", "", "192.0.2.7, \u{ff}"] {
            assert_eq!(found("10.0.0.1", &[unreadable]), None, "{unreadable}");
        }
        assert_eq!(
            Proxies::default().client(&http::Extensions::new(), &HeaderMap::new()),
            None
        );
    }
}
