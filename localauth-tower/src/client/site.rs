//! How this server looks from outside.

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

use super::{OverTls, Proxies};

/// How this server looks from outside: under which origin browsers know it, and whose forwarding headers say so.
///
/// ```
/// use localauth_tower::Site;
///
/// let site = Site::new().base_url("https://ai.example.org");
/// assert!(site.proxies().contains("127.0.0.1".parse()?) == false);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Site {
    proxies: Proxies,
    base_url: Option<String>,
}

impl Site {
    /// As the request says, and no proxy is believed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Believes the forwarding headers of these proxies, and of nobody else.
    pub fn trusted_proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// The public URL. Without it, from the request.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into().trim_end_matches('/').to_owned());
        self
    }

    /// [`base_url`](Self::base_url), where there may be none.
    pub fn maybe_base_url(self, url: Option<String>) -> Self {
        match url {
            Some(url) => self.base_url(url),
            None => self,
        }
    }

    /// The proxies that are believed.
    pub const fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// Whether browsers reach this server over HTTPS.
    pub(crate) fn is_https(&self, extensions: &http::Extensions, headers: &HeaderMap) -> bool {
        if let Some(url) = &self.base_url {
            return url
                .split(':')
                .next()
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        }
        if self.proxies.sent(extensions)
            && let Some(proto) = last(headers, "x-forwarded-proto")
        {
            // Of the browser's connection, which may be another than the proxy's.
            return proto.eq_ignore_ascii_case("https");
        }
        extensions.get::<OverTls>().is_some()
    }

    /// The URL under which browsers reach what a proxy asks about by forward auth, which may be another host than ours:
    /// what a trusted proxy says, else our own.
    pub(crate) fn url_behind_proxy(
        &self,
        extensions: &http::Extensions,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Option<String> {
        let Some(host) = self
            .proxies
            .sent(extensions)
            .then(|| last(headers, "x-forwarded-host"))
            .flatten()
        else {
            return self.url(extensions, headers, uri);
        };
        let is_https = last(headers, "x-forwarded-proto").is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
        url_of(host, is_https)
    }

    /// The URL under which browsers reach this server, without a slash at its end; `None` when nothing says so.
    pub(crate) fn url(&self, extensions: &http::Extensions, headers: &HeaderMap, uri: &Uri) -> Option<String> {
        if let Some(url) = &self.base_url {
            return Some(url.clone());
        }
        let forwarded = self.proxies.sent(extensions).then(|| last(headers, "x-forwarded-host"));
        let host = match forwarded.flatten() {
            Some(host) => host.to_owned(),
            None => match headers.get(header::HOST) {
                Some(host) => host.to_str().ok()?.to_owned(),
                // HTTP/2 has it in `:authority` (RFC 9113, section 8.3.1).
                None => uri.authority()?.to_string(),
            },
        };
        url_of(&host, self.is_https(extensions, headers))
    }
}

fn url_of(host: &str, is_https: bool) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return None;
    }
    let scheme = if is_https { "https" } else { "http" };
    Some(format!("{scheme}://{}", authority.as_str().to_ascii_lowercase()))
}

/// Whether `origin`, as a browser sends it (RFC 6454, section 7), is that of `url`.
pub(crate) fn is_origin_of(origin: &str, url: Option<&str>) -> bool {
    url.and_then(parts).is_some_and(|own| parts(origin) == Some(own))
}

/// Scheme, host and port of a URL.
fn parts(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let host = uri.host()?.to_ascii_lowercase();
    let port = match (uri.port_u16(), scheme.as_str()) {
        (Some(port), _) => port,
        (None, "https") => 443,
        (None, "http") => 80,
        (None, _) => return None,
    };
    Some((scheme, host, port))
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

#[cfg(test)]
mod tests {
    use super::super::PeerAddress;
    use super::*;

    fn own(site: &Site, peer: &str, headers: &[(&'static str, &str)], origin: &str) -> bool {
        let mut extensions = http::Extensions::new();
        extensions.insert(PeerAddress(peer.parse().unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let url = site.url(&extensions, &map, &Uri::from_static("/x"));
        is_origin_of(origin, url.as_deref())
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let site = Site::new();
        let host = &[("host", "ai.example.org:8080")][..];
        assert!(own(&site, "192.0.2.1", host, "http://ai.example.org:8080"));
        assert!(own(&site, "192.0.2.1", host, "http://AI.example.org:8080"));
        for foreign in [
            "https://ai.example.org:8080",
            "http://ai.example.org",
            "http://ai.example.org:80",
            "http://example.org:8080",
            "http://ai.example.org.evil:8080",
            "null",
            "",
        ] {
            assert!(!own(&site, "192.0.2.1", host, foreign), "{foreign}");
        }
        assert!(own(&site, "192.0.2.1", &[("host", "a.example")], "http://a.example:80"));
        assert!(
            !own(&site, "192.0.2.1", &[], "http://a.example"),
            "nothing says who we are"
        );
    }

    #[test]
    fn only_a_trusted_proxy_says_who_we_are() {
        let site = Site::new().trusted_proxies(Proxies::new(["10.0.0.0/8".parse().unwrap()]));
        let headers = &[
            ("host", "backend:1"),
            ("x-forwarded-host", "ai.example.org"),
            ("x-forwarded-proto", "https"),
        ][..];
        assert!(own(&site, "10.0.0.1", headers, "https://ai.example.org"));
        assert!(!own(&site, "192.0.2.1", headers, "https://ai.example.org"));
        assert!(own(&site, "192.0.2.1", headers, "http://backend:1"));
        let fixed = Site::new().base_url("https://ai.example.org/");
        assert!(own(&fixed, "192.0.2.1", headers, "https://ai.example.org:443"));
        assert!(!own(&fixed, "192.0.2.1", headers, "http://backend:1"));
    }

    #[test]
    fn a_connection_of_our_own_over_tls_is_https() {
        let site = Site::new().trusted_proxies(Proxies::new(["10.0.0.0/8".parse().unwrap()]));
        let https = |site: &Site, peer: &str, proto: Option<&str>, over_tls: bool| {
            let mut extensions = http::Extensions::new();
            extensions.insert(PeerAddress(peer.parse().unwrap()));
            if over_tls {
                extensions.insert(OverTls);
            }
            let mut headers = HeaderMap::new();
            if let Some(proto) = proto {
                headers.insert("x-forwarded-proto", proto.parse().unwrap());
            }
            site.is_https(&extensions, &headers)
        };
        assert!(https(&site, "192.0.2.1", None, true));
        assert!(https(&site, "192.0.2.1", Some("http"), true), "a stranger says nothing");
        assert!(
            !https(&site, "192.0.2.1", Some("https"), false),
            "a stranger says nothing"
        );
        assert!(
            !https(&site, "10.0.0.1", Some("http"), true),
            "the browser speaks to the proxy"
        );
        assert!(https(&site, "10.0.0.1", Some("https"), false));
        let fixed = Site::new().base_url("http://ai.example.org");
        assert!(!https(&fixed, "192.0.2.1", None, true), "the public URL wins");
    }

    #[test]
    fn what_is_behind_a_proxy_may_be_another_host() {
        let site = Site::new()
            .base_url("https://auth.example.org")
            .trusted_proxies(Proxies::new(["10.0.0.0/8".parse().unwrap()]));
        let url = |peer: &str| {
            let mut extensions = http::Extensions::new();
            extensions.insert(PeerAddress(peer.parse().unwrap()));
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-host", "app.example.org".parse().unwrap());
            headers.insert("x-forwarded-proto", "https".parse().unwrap());
            site.url_behind_proxy(&extensions, &headers, &Uri::from_static("/x"))
        };
        assert_eq!(url("10.0.0.1").as_deref(), Some("https://app.example.org"));
        assert_eq!(url("192.0.2.1").as_deref(), Some("https://auth.example.org"));
    }
}
