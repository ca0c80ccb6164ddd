//! Who is at the other end of the connection, as far as that can be believed.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::HeaderMap;
use http::request::Parts;
use ipnet::IpNet;

use super::Api;

/// The proxies whose forwarding headers are believed.
///
/// ```
/// use localauth_tower::api::Proxies;
///
/// let proxies = Proxies::new(["10.0.0.0/8".parse()?]);
/// assert!(proxies.contains("10.1.2.3".parse()?));
/// assert!(proxies.contains("::ffff:10.1.2.3".parse()?), "an IPv4 address in IPv6 clothes");
/// assert!(!proxies.contains("192.0.2.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

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
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) proxies: Proxies,
    pub(crate) base_url: Option<String>,
}

/// Who is at the other end.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The address; `None` when the server did not say.
    pub(crate) ip: Option<IpAddr>,
    /// The browser's name for itself.
    pub(crate) user_agent: String,
    /// Whether they came over HTTPS.
    pub(crate) https: bool,
}

impl Client {
    pub(crate) fn ip_text(&self) -> String {
        self.ip.map(|ip| ip.to_string()).unwrap_or_default()
    }

    fn find(peer: Option<IpAddr>, headers: &HeaderMap, settings: &Settings) -> Self {
        let peer = peer.map(|ip| ip.to_canonical());
        let trusted = peer.is_some_and(|ip| settings.proxies.contains(ip));
        let ip = if trusted {
            forwarded_for(headers, &settings.proxies).or(peer)
        } else {
            peer
        };
        let https = match &settings.base_url {
            Some(url) => url
                .split(':')
                .next()
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
            None => trusted && last(headers, "x-forwarded-proto").is_some_and(|p| p.eq_ignore_ascii_case("https")),
        };
        let user_agent = headers
            .get(http::header::USER_AGENT)
            .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
            .unwrap_or_default();
        Self { ip, user_agent, https }
    }
}

/// The rightmost address that is not one of our proxies: the last one that somebody we trust has seen. What stands to
/// the left of it anybody could have written.
fn forwarded_for(headers: &HeaderMap, proxies: &Proxies) -> Option<IpAddr> {
    let mut all: Vec<&str> = Vec::new();
    for value in headers.get_all("x-forwarded-for") {
        all.extend(value.to_str().ok()?.split(','));
    }
    for text in all.iter().rev() {
        let text = text.trim();
        let address = text
            .parse::<IpAddr>()
            .or_else(|_| text.parse::<SocketAddr>().map(|a| a.ip()))
            .ok()?
            .to_canonical();
        if !proxies.contains(address) {
            return Some(address);
        }
    }
    None
}

fn last<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(name)
        .iter()
        .next_back()?
        .to_str()
        .ok()?
        .rsplit(',')
        .next()
        .map(str::trim)
}

impl FromRequestParts<Api> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Self::Rejection> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip());
        Ok(Self::find(peer, &parts.headers, &api.client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, forwarded: &[&str]) -> Option<String> {
        let settings = Settings {
            proxies: Proxies::new(["10.0.0.0/8".parse().unwrap()]),
            base_url: None,
        };
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        Client::find(Some(peer.parse().unwrap()), &headers, &settings)
            .ip
            .map(|ip| ip.to_string())
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
            ("10.0.0.1", &["nonsense"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1, nonsense"], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("::ffff:192.0.2.1", &["1.1.1.1"], "192.0.2.1"),
        ] {
            assert_eq!(
                found(peer, forwarded).as_deref(),
                Some(expected),
                "{peer} {forwarded:?}"
            );
        }
    }
}
