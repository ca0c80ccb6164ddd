//! The request that opens a socket: whether it is one, from whom, and what of it is sent on.

use http::{HeaderMap, HeaderValue, Method, Version, header, request::Parts, uri::PathAndQuery};
use hyper::upgrade::OnUpgrade;
use localauth_core::Denial;

use super::{
    super::{failure::Failure, headers::Forwarded},
    PATH,
};
use crate::settings::UpstreamOrigin;

/// Languages that are spoken in sockets. In this place browsers send keys, too, which are for nobody but us.
const PROTOCOLS: [&str; 2] = ["realtime", "openai-beta.realtime-v1"];

/// Whether it is a request for a `WebSocket` (RFC 6455, section 4.2.1); and our end of it.
pub(super) fn admit(head: &mut Parts) -> Result<OnUpgrade, Failure> {
    let one = |name: &str| {
        let mut values = head.headers.get_all(name).iter();
        values
            .next()
            .filter(|_| values.next().is_none())
            .map(HeaderValue::as_bytes)
    };
    let connection = head.headers.get_all(header::CONNECTION).iter();
    let mut options = connection.flat_map(|value| value.as_bytes().split(|&b| b == b','));
    let fits = head.method == Method::GET
        && head.version == Version::HTTP_11
        && one("upgrade").is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"websocket"))
        && options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        && one("sec-websocket-version") == Some(b"13")
        && one("sec-websocket-key").is_some_and(|key| key.len() == 24);
    let upgrade = head.extensions.remove::<OnUpgrade>();
    upgrade.filter(|_| fits).ok_or(Failure::Invalid(
        "This route opens a WebSocket over HTTP/1.1, and nothing else.",
    ))
}

/// Whether it is no other site that acts in a browser's name. No rule of browsers holds sockets back, and cookies go with
/// them. A credential in a header, which no browser adds by itself, stands for itself.
pub(super) fn check_origin(headers: &HeaderMap, seen: &Forwarded) -> Result<(), Failure> {
    if [header::AUTHORIZATION.as_str(), "x-api-key", "xi-api-key"]
        .iter()
        .any(|name| headers.contains_key(*name))
    {
        return Ok(());
    }
    let scheme = if seen.is_https { "https" } else { "http" };
    let own = seen.host.as_ref().and_then(|host| {
        let host = host.to_str().ok()?;
        UpstreamOrigin::parse(&format!("{scheme}://{host}")).ok()
    });
    let is_own = |origin: &HeaderValue| {
        let origin = origin
            .to_str()
            .ok()
            .and_then(|origin| UpstreamOrigin::parse(origin).ok());
        let place = |origin: &UpstreamOrigin| (origin.is_tls(), origin.host().to_owned(), origin.port());
        origin.is_some_and(|origin| own.as_ref().is_some_and(|own| place(own) == place(&origin)))
    };
    let is_at_home = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    let fits =
        headers.get_all(header::ORIGIN).iter().all(is_own) && headers.get_all("sec-fetch-site").iter().all(is_at_home);
    if fits {
        Ok(())
    } else {
        Err(Failure::Denied(Denial::CrossSite))
    }
}

/// The model, once, and what it is for. What is not known could name another model.
pub(super) fn query(query: &str) -> Result<(String, Option<String>), Failure> {
    if query.contains(';') {
        return Err(Failure::Ambiguous("the query can be parted in two ways"));
    }
    let (mut model, mut intent) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "model" => &mut model,
            "intent" => &mut intent,
            _ => {
                return Err(Failure::Invalid(
                    "The query of a socket has a `model`, and an `intent` at most.",
                ));
            }
        };
        let is_plain = !value.contains(char::is_control) && !value.contains(char::REPLACEMENT_CHARACTER);
        if value.is_empty() || !is_plain || place.replace(value.into_owned()).is_some() {
            return Err(Failure::Ambiguous("the query names the model twice, or not at all"));
        }
    }
    Ok((model.ok_or(Failure::NoModel)?, intent))
}

pub(super) fn path(model: &str, intent: Option<&str>) -> Option<PathAndQuery> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("model", model);
    if let Some(intent) = intent {
        query.append_pair("intent", intent);
    }
    format!("{PATH}?{}", query.finish()).parse().ok()
}

/// Leaves of the languages that were offered those that are known.
pub(super) fn speak(headers: &mut HeaderMap) {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let known: Vec<_> = offered
        .map(str::trim)
        .filter(|language| PROTOCOLS.contains(language))
        .collect();
    let known = HeaderValue::try_from(known.join(", "));
    headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
    if let Ok(known) = known
        && !known.is_empty()
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_model_and_nothing_unknown() {
        let model = |text: &str| query(text).ok().map(|(model, _)| model);
        assert_eq!(model("model=gpt-realtime").as_deref(), Some("gpt-realtime"));
        assert_eq!(model("intent=transcription&model=a%2Fb").as_deref(), Some("a/b"));
        for wrong in [
            "",
            "model=",
            "model=a&model=b",
            "model=a&model=a",
            "Model=a",
            "model=a&Model=b",
            "model=a;model=b",
            "mod%65l=a&model=b",
            "model=a%00b",
            "model=%ff",
            "intent=x",
            "model=a&deployment=b",
            "model=a&call_id=c",
        ] {
            assert_eq!(model(wrong), None, "{wrong}");
        }
        assert_eq!(
            path("a/b c&model=x", None).unwrap().as_str(),
            "/v1/realtime?model=a%2Fb+c%26model%3Dx"
        );
    }

    #[test]
    fn a_key_among_the_languages_stays_here() {
        let mut headers = HeaderMap::new();
        let offered = "realtime, openai-insecure-api-key.sk-local-secret,openai-beta.realtime-v1";
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, offered.parse().unwrap());
        speak(&mut headers);
        assert_eq!(
            headers[header::SEC_WEBSOCKET_PROTOCOL],
            "realtime, openai-beta.realtime-v1"
        );
        headers.insert(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("openai-insecure-api-key.x"),
        );
        speak(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn a_foreign_site_does_not_open_sockets_with_a_cookie() {
        let seen = Forwarded {
            host: Some(HeaderValue::from_static("ai.example.org:8080")),
            ..Forwarded::default()
        };
        let may = |headers: &[(&'static str, &'static str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            check_origin(&headers.collect(), &seen).is_ok()
        };
        assert!(may(&[]) && may(&[("origin", "http://ai.example.org:8080")]));
        assert!(may(&[
            ("origin", "http://AI.example.org:8080"),
            ("sec-fetch-site", "same-origin")
        ]));
        for foreign in [
            "http://evil",
            "http://ai.example.org",
            "https://ai.example.org:8080",
            "null",
            "",
        ] {
            assert!(!may(&[("cookie", "session=x"), ("origin", foreign)]), "{foreign}");
            assert!(may(&[("authorization", "Bearer x"), ("origin", foreign)]), "{foreign}");
        }
        assert!(!may(&[("sec-fetch-site", "cross-site")]) && !may(&[("sec-fetch-site", "same-site")]));
    }
}
