//! Which headers pass. Both ways a list of those that may: what is not on it stays behind, whatever it means to somebody.
//!
//! So none of our credentials reaches an upstream, nobody can claim there to be somebody (`X-Auth-User`, `Remote-User`,
//! `X-Forwarded-User`, and whatever the next proxy calls it), name another method or path (`X-HTTP-Method-Override`,
//! `X-Original-URL`), or say how the message is framed. And nothing an upstream answers sets cookies or rules for browsers
//! under this server's name, grants other sites anything, or tells what runs behind it.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What of a request is handed on. `content-length` is said anew by whoever sends.
static ASKED: [HeaderName; 13] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    HeaderName::from_static("anthropic-beta"),
    HeaderName::from_static("anthropic-version"),
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    header::USER_AGENT,
    HeaderName::from_static("x-request-id"),
];

/// What of an answer is handed on.
static ANSWERED: [HeaderName; 15] = [
    header::ACCEPT_RANGES,
    header::ALLOW,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    HeaderName::from_static("openai-model"),
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-version"),
    header::RETRY_AFTER,
    // Tells a proxy in front of us not to hold a stream back.
    HeaderName::from_static("x-accel-buffering"),
];

/// How a request that opens a socket says so.
static SOCKET: [HeaderName; 5] = [
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_ACCEPT,
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What an upstream learns about who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Forwarded {
    pub(super) address: Option<std::net::IpAddr>,
    pub(super) is_https: bool,
    pub(super) host: Option<HeaderValue>,
}

/// The headers for an upstream. `key` is its own.
pub(super) fn asked(from: &HeaderMap, forwarded: &Forwarded, key: Option<&HeaderValue>) -> HeaderMap {
    let mut headers = pick(from, &ASKED);
    // What is encoded cannot be read by whoever counts what it used.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(address) = forwarded.address
        && let Ok(address) = HeaderValue::try_from(address.to_string())
    {
        headers.insert(FORWARDED_FOR, address);
    }
    let proto = HeaderValue::from_static(if forwarded.is_https { "https" } else { "http" });
    headers.insert(FORWARDED_PROTO, proto);
    if let Some(host) = &forwarded.host {
        headers.insert(FORWARDED_HOST, host.clone());
    }
    if let Some(key) = key {
        headers.insert(header::AUTHORIZATION, key.clone());
    }
    headers
}

/// The headers for a client.
pub(super) fn answered(from: &HeaderMap) -> HeaderMap {
    let mut headers = pick(from, &ANSWERED);
    // How an answer is to be read is for everybody, whatever the upstream calls it: we read it by that, too.
    for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING] {
        if let Some(value) = from.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let lengths = headers.get_all(header::CONTENT_LENGTH).iter().count();
    if lengths > 1 || from.contains_key(header::TRANSFER_ENCODING) {
        // The chunks say how long it is (RFC 9112, section 6.3).
        headers.remove(header::CONTENT_LENGTH);
    }
    headers.insert(header::CACHE_CONTROL, caching(from));
    headers
}

/// What caches may do with an answer. Whoever asks is judged each time: so a cache that many share has none of it, whatever
/// the upstream says, and that of a browser asks again.
fn caching(from: &HeaderMap) -> HeaderValue {
    let has = |name: &str| {
        let said = from.get_all(header::CACHE_CONTROL).iter();
        let mut directives = said.flat_map(|value| value.as_bytes().split(|&b| b == b','));
        directives.any(|directive| directive.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
    };
    let can_be_asked_again = from.contains_key(header::ETAG) || from.contains_key(header::LAST_MODIFIED);
    HeaderValue::from_static(match (can_be_asked_again && !has("no-store"), has("no-transform")) {
        (true, true) => "private, no-cache, no-transform",
        (true, false) => "private, no-cache",
        (false, true) => "no-store, no-transform",
        (false, false) => "no-store",
    })
}

/// Those that are about a socket.
pub(super) fn of_socket(from: &HeaderMap) -> HeaderMap {
    let mut headers = pick(from, &SOCKET);
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers
}

/// Those of `names`, unless the message says that they are for the next one only (RFC 9110, section 7.6.1).
fn pick(from: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    // With what is said anew: what most messages have fits.
    let mut headers = HeaderMap::with_capacity(12);
    for name in names {
        for (nth, value) in from.get_all(name).iter().enumerate() {
            if nth == 0 && is_of_connection(from, name) {
                break;
            }
            headers.append(name.clone(), value.clone());
        }
    }
    headers
}

fn is_of_connection(from: &HeaderMap, name: &HeaderName) -> bool {
    connection_options(from).any(|option| option.eq_ignore_ascii_case(name.as_str().as_bytes()))
}

fn connection_options(from: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = from.get_all(header::CONNECTION).iter();
    let options = values.flat_map(|value| value.as_bytes().split(|&b| b == b','));
    options.map(<[u8]>::trim_ascii)
}

/// What is for the connection by its nature.
const OF_CONNECTION: [&str; 7] = [
    "close",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
];

/// What is not, though it may be gone by the time that this is asked: whoever read the body has said its length.
const NEVER_OF_CONNECTION: [HeaderName; 3] = [header::CONTENT_LENGTH, header::HOST, header::TRANSFER_ENCODING];

/// Whether a request says that one of its headers is for the connection only which is not: what it was judged by would not
/// be what arrives.
pub(super) fn names_others_for_connection(from: &HeaderMap) -> bool {
    connection_options(from).any(|option| {
        let is_usual = OF_CONNECTION
            .iter()
            .any(|name| option.eq_ignore_ascii_case(name.as_bytes()));
        let is_there = |name: HeaderName| NEVER_OF_CONNECTION.contains(&name) || from.contains_key(name);
        !is_usual && HeaderName::from_bytes(option).is_ok_and(is_there)
    })
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
        // What caches may do is said anew. Its length it has by its chunks.
        assert_eq!(names, ["cache-control"]);
        assert_eq!(super::answered(&map(&[("content-length", "5")]))["content-length"], "5");
    }

    #[test]
    fn no_cache_that_many_share_has_an_answer() {
        for (said, told) in [
            (&[][..], "no-store"),
            (&[("cache-control", "public, max-age=600")], "no-store"),
            (&[("cache-control", "no-cache, no-transform")], "no-store, no-transform"),
            (
                &[("cache-control", "public, s-maxage=9, immutable"), ("etag", "\"x\"")],
                "private, no-cache",
            ),
            (
                &[("cache-control", "NO-STORE"), ("last-modified", "x"), ("expires", "x")],
                "no-store",
            ),
            (
                &[
                    ("cache-control", "public"),
                    ("cache-control", "no-transform"),
                    ("etag", "x"),
                ],
                "private, no-cache, no-transform",
            ),
        ] {
            let answered = answered(&map(said));
            let all: Vec<_> = answered.get_all("cache-control").iter().collect();
            assert_eq!(all, [told], "{said:?}");
            assert!(!answered.contains_key("expires"));
        }
    }

    #[test]
    fn how_an_answer_is_read_stays() {
        let said = map(&[
            ("connection", "content-type, content-encoding, etag"),
            ("content-type", "text/event-stream"),
            ("content-encoding", "br"),
            ("etag", "x"),
        ]);
        let answered = answered(&said);
        assert_eq!(answered["content-type"], "text/event-stream");
        assert_eq!(answered["content-encoding"], "br");
        assert!(!answered.contains_key("etag"));
    }

    #[test]
    fn who_takes_headers_away_is_found() {
        let all = [
            ("content-type", "x"),
            ("x-request-id", "x"),
            ("te", "trailers"),
            ("keep-alive", "x"),
        ];
        for (options, names) in [
            ("close", false),
            ("keep-alive, TE, Upgrade, foo", false),
            ("authorization", false),
            ("Content-Type", true),
            ("close,x-request-id ,", true),
            ("a b", false),
        ] {
            let mut headers = map(&all);
            headers.insert("connection", options.parse().unwrap());
            assert_eq!(names_others_for_connection(&headers), names, "{options}");
        }
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
