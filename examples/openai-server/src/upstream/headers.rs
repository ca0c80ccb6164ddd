//! Which headers pass. Both ways a list of those that may: what is not on it stays behind, whatever it means to somebody.
//!
//! So none of our credentials reaches an upstream, nobody can claim there to be somebody (`X-Auth-User`, `Remote-User`,
//! `X-Forwarded-User`, and whatever the next proxy calls it), name another method or path (`X-HTTP-Method-Override`,
//! `X-Original-URL`), or say how the message is framed. And nothing an upstream answers sets cookies or rules for browsers
//! under this server's name, grants other sites anything, or tells what runs behind it.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What of a request is handed on. `content-length` is said anew by whoever sends.
const ASKED: &[&str] = &[
    "accept",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "openai-beta",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-request-id",
];

/// What of an answer is handed on.
const ANSWERED: &[&str] = &[
    "accept-ranges",
    "allow",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "openai-model",
    "openai-processing-ms",
    "openai-version",
    "retry-after",
    // Tells a proxy in front of us not to hold a stream back.
    "x-accel-buffering",
];

/// How a request that opens a socket says so.
const SOCKET: &[&str] = &[
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-accept",
];

/// What an upstream learns about who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Forwarded {
    pub(super) address: Option<std::net::IpAddr>,
    pub(super) is_https: bool,
    pub(super) host: Option<HeaderValue>,
}

/// The headers for an upstream. `key` is its own.
pub(super) fn asked(from: &HeaderMap, forwarded: &Forwarded, key: Option<&HeaderValue>) -> HeaderMap {
    let mut headers = pick(from, ASKED);
    // What is encoded cannot be read by whoever counts what it used.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(address) = forwarded.address
        && let Ok(address) = HeaderValue::try_from(address.to_string())
    {
        headers.insert("x-forwarded-for", address);
    }
    let proto = HeaderValue::from_static(if forwarded.is_https { "https" } else { "http" });
    headers.insert("x-forwarded-proto", proto);
    if let Some(host) = &forwarded.host {
        headers.insert("x-forwarded-host", host.clone());
    }
    if let Some(key) = key {
        headers.insert(header::AUTHORIZATION, key.clone());
    }
    headers
}

/// The headers for a client.
pub(super) fn answered(from: &HeaderMap) -> HeaderMap {
    pick(from, ANSWERED)
}

/// Those that are about a socket.
pub(super) fn of_socket(from: &HeaderMap) -> HeaderMap {
    let mut headers = pick(from, SOCKET);
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers
}

/// Those of `names`, unless the message says that they are for the next one only (RFC 9110, section 7.6.1).
fn pick(from: &HeaderMap, names: &[&'static str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for &name in names {
        let name = HeaderName::from_static(name);
        if is_of_connection(from, &name) {
            continue;
        }
        for value in from.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

fn is_of_connection(from: &HeaderMap, name: &HeaderName) -> bool {
    let values = from.get_all(header::CONNECTION).iter();
    let mut options = values.flat_map(|value| value.as_bytes().split(|&b| b == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    /// Whoever adds to a list sees here what must never be on it.
    #[test]
    fn nothing_that_says_who_somebody_is_passes() {
        let hostile: Vec<&'static str> = "authorization proxy-authorization cookie set-cookie x-api-key xi-api-key \
            api-key x-auth-token x-auth-user x-auth-role x-auth-key x-auth-email x-forwarded-user x-forwarded-email \
            x-forwarded-preferred-username x-forwarded-groups x-forwarded-access-token remote-user remote-groups \
            x-remote-user x-remote-group x-webauth-user x-user x-user-id x-authenticated-user x-goog-iap-jwt-assertion \
            cf-access-jwt-assertion x-amzn-oidc-identity x-ms-client-principal tailscale-user-login \
            x-http-method-override x-http-method x-method-override x-original-url x-rewrite-url x-original-method \
            x-original-uri x-forwarded-uri x-forwarded-method x-forwarded-prefix x-real-ip true-client-ip forwarded via \
            host connection keep-alive proxy-connection proxy-authenticate te trailer trailers transfer-encoding \
            upgrade expect http2-settings content-length early-data range www-authenticate authentication-info \
            server x-powered-by alt-svc strict-transport-security content-security-policy clear-site-data \
            access-control-allow-origin access-control-allow-credentials link refresh location report-to nel \
            service-worker-allowed x-ratelimit-limit-requests"
            .split_whitespace()
            .collect();
        let all: Vec<_> = hostile.iter().map(|name| (*name, "evil")).collect();
        let sent = asked(&map(&all), &Forwarded::default(), None);
        let names: Vec<_> = sent.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["accept-encoding", "x-forwarded-proto"], "{sent:?}");
        let answered = answered(&map(&all));
        let names: Vec<_> = answered.keys().map(HeaderName::as_str).collect();
        // Its length an answer may tell.
        assert_eq!(names, ["content-length"]);
    }

    #[test]
    fn what_is_known_is_said_anew() {
        let from = map(&[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-host", "evil"),
            ("x-forwarded-proto", "ftp"),
            ("accept-encoding", "br"),
            ("accept", "text/event-stream"),
            ("x-request-id", "r1"),
        ]);
        let forwarded = Forwarded {
            address: Some("192.0.2.7".parse().unwrap()),
            is_https: true,
            host: Some(HeaderValue::from_static("ai.example.org")),
        };
        let key = HeaderValue::from_static("Bearer theirs");
        let sent = asked(&from, &forwarded, Some(&key));
        for (name, value) in [
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-host", "ai.example.org"),
            ("x-forwarded-proto", "https"),
            ("accept-encoding", "identity"),
            ("accept", "text/event-stream"),
            ("x-request-id", "r1"),
            ("authorization", "Bearer theirs"),
        ] {
            assert_eq!(sent[name], value, "{name}");
        }
        assert_eq!(sent.len(), 7);
    }

    #[test]
    fn what_is_for_the_connection_stays_on_it() {
        let from = map(&[
            ("connection", "close, X-Request-Id ,Accept"),
            ("x-request-id", "r1"),
            ("accept", "x"),
            ("user-agent", "u"),
        ]);
        let sent = asked(&from, &Forwarded::default(), None);
        assert!(!sent.contains_key("x-request-id") && !sent.contains_key("accept"));
        assert_eq!(sent["user-agent"], "u");
    }
}
