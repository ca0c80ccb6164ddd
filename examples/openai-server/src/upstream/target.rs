//! Which address a request is forwarded to: the one that was judged, to the byte.

use http::{HeaderMap, Method, Uri, header, request::Parts, uri::PathAndQuery};
use localauth_core::policy::is_plain_path;
use localauth_tower::query_names_method;

use super::{failure::Failure, headers};
use crate::settings::UpstreamOrigin;

/// The longest path and query.
const LONGEST: usize = 8 * 1024;

/// The path and query to ask for.
///
/// # Errors
///
/// Where somebody behind us might read another path than was judged: `%2e`, `//`, `..`, `;` and their like are not
/// forwarded, percent-encoding of any kind included. A model whose name needs it has to be named in the body.
pub(super) fn path(uri: &Uri) -> Result<PathAndQuery, Failure> {
    let whole = uri.path_and_query().ok_or(Failure::UnknownRoute)?;
    let is_visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if whole.as_str().len() > LONGEST {
        return Err(Failure::Invalid("The request URL is too long."));
    }
    if !is_plain_path(whole.path()) || !is_visible(whole.as_str()) {
        return Err(Failure::Ambiguous(
            "the path has characters that servers read differently",
        ));
    }
    if whole.query().is_some_and(query_names_method) {
        return Err(Failure::Ambiguous("the query names another method"));
    }
    Ok(whole.clone())
}

/// Whether the request can be sent on at all.
///
/// # Errors
///
/// For what servers read in two ways: two hosts, or a body where none belongs, which an upstream could take for the next
/// request on the same connection.
pub(super) fn check(head: &Parts, has_body: bool) -> Result<(), Failure> {
    let hosts: Vec<_> = head.headers.get_all(header::HOST).iter().collect();
    if hosts.len() > 1 {
        return Err(Failure::Ambiguous("there is more than one `Host`"));
    }
    if has_body && matches!(head.method, Method::GET | Method::HEAD) {
        return Err(Failure::Ambiguous("a body belongs to no request with this method"));
    }
    if headers::names_others_for_connection(&head.headers) {
        return Err(Failure::Ambiguous(
            "`Connection` names a header that is not for the connection",
        ));
    }
    if head.method != Method::GET && is_upgrade(&head.headers) {
        return Err(Failure::Invalid("This route opens no socket."));
    }
    Ok(())
}

/// Whether a request asks for another protocol.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(header::UPGRADE)
}

/// The address at an upstream.
pub(super) fn at(origin: &UpstreamOrigin, path: PathAndQuery) -> Result<Uri, Failure> {
    Uri::builder()
        .scheme(origin.scheme())
        .authority(origin.authority().clone())
        .path_and_query(path)
        .build()
        .map_err(|_| Failure::UnknownRoute)
}

/// Where an upstream's redirect leads, if that is a place of its own; then it is one of ours too, and is judged when
/// somebody goes there. Never followed here.
pub(super) fn redirect(origin: &UpstreamOrigin, headers: &HeaderMap) -> Option<PathAndQuery> {
    let mut locations = headers.get_all(header::LOCATION).iter();
    let (location, None) = (locations.next()?, locations.next()) else {
        return None;
    };
    let uri: Uri = location.to_str().ok()?.parse().ok()?;
    let is_own = match (uri.scheme_str(), uri.authority()) {
        (None, None) => true,
        (Some(scheme), Some(authority)) => {
            let there = UpstreamOrigin::parse(&format!("{scheme}://{authority}"));
            there.is_ok_and(|there| {
                (there.is_tls(), there.host(), there.port()) == (origin.is_tls(), origin.host(), origin.port())
            })
        }
        _ => false,
    };
    uri.path_and_query().filter(|_| is_own).and_then(|there| {
        let uri = Uri::from(there.clone());
        path(&uri).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_everybody_reads_alike() {
        for (uri, plain) in [
            ("/v1/models", true),
            ("/v1/models?x=%2F..", true),
            ("/v1/engines/llama3:8b/completions", true),
            ("http://evil/v1/models?x", true),
            ("/v1//models", false),
            ("/v1/engines/../completions", false),
            ("/v1/engines/%2e%2e/completions", false),
            ("/v1/engines/a%2Fb/completions", false),
            ("/v1/engines/a;b/completions", false),
            ("/v1/engines/a\\b/completions", false),
            ("/v1/models?_method=DELETE", false),
            ("/v1/models?a;_Method=DELETE", false),
            ("/v1/models?%5fmethod=DELETE", false),
        ] {
            let got = path(&uri.parse().unwrap());
            assert_eq!(got.is_ok(), plain, "{uri}");
            if let Ok(got) = got {
                assert!(uri.ends_with(got.as_str()), "to the byte: {uri}");
            }
        }
        let long = format!("/v1/models?{}", "x".repeat(LONGEST));
        assert!(path(&long.parse().unwrap()).is_err());
    }

    #[test]
    fn redirects_stay_where_they_are() {
        let origin = UpstreamOrigin::parse("http://engine:8000").unwrap();
        for (location, expected) in [
            ("/v1/models/", Some("/v1/models/")),
            ("http://engine:8000/v1/models?x=1", Some("/v1/models?x=1")),
            ("http://ENGINE:8000/x", Some("/x")),
            ("http://engine/x", None),
            ("https://engine:8000/x", None),
            ("http://169.254.169.254/latest", None),
            ("//evil/x", None),
            ("/\\evil", None),
            ("/%2f/evil", None),
            ("javascript:alert(1)", None),
            ("evil", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, location.parse().unwrap());
            let got = redirect(&origin, &headers);
            assert_eq!(got.as_ref().map(PathAndQuery::as_str), expected, "{location}");
        }
        assert_eq!(redirect(&origin, &HeaderMap::new()), None);
    }
}
