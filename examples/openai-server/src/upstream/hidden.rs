//! What nobody learns from the words of an upstream: its key, and where it is.

use std::{borrow::Cow, net::IpAddr};

use zeroize::Zeroizing;

use crate::settings::{Secret, UpstreamOrigin, UpstreamServer};

/// What stands in its place.
const MARK: &str = "[hidden]";

/// Texts that are taken out of what upstreams say in their errors.
#[derive(Default)]
pub(super) struct Hidden(Vec<Zeroizing<String>>);

impl Hidden {
    /// The keys and places of these.
    pub(super) fn of(servers: &[UpstreamServer]) -> Self {
        Self::new(
            servers
                .iter()
                .map(|server| (&server.origin, server.key.as_ref().map(Secret::expose))),
        )
    }

    fn new<'s>(servers: impl Iterator<Item = (&'s UpstreamOrigin, Option<&'s str>)>) -> Self {
        let mut texts = Vec::new();
        for (origin, key) in servers {
            if let Some(key) = key {
                // As it is, and as it stands in a text of JSON.
                let quoted = Zeroizing::new(serde_json::Value::from(key).to_string());
                let within = quoted.get(1..quoted.len() - 1).unwrap_or_default();
                texts.push(Zeroizing::new(within.to_owned()));
                texts.push(Zeroizing::new(key.to_owned()));
            }
            let (authority, host, port) = (origin.authority().as_str(), origin.host(), origin.port());
            texts.push(Zeroizing::new(origin.to_string()));
            texts.push(Zeroizing::new(authority.to_owned()));
            texts.push(Zeroizing::new(format!("{host}:{port}")));
            // A name without dots may be any word.
            if host.contains('.') || host.parse::<IpAddr>().is_ok() {
                texts.push(Zeroizing::new(host.to_owned()));
            }
        }
        texts.retain(|text| !text.is_empty());
        // A part of another one last, or the rest of that would stay.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts.dedup();
        Self(texts)
    }

    /// `text` without them, in whatever case.
    pub(super) fn strip<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for hidden in &self.0 {
            if let Some(stripped) = without(&text, hidden) {
                text = Cow::Owned(stripped);
            }
        }
        text
    }
}

/// `text` without `hidden`, where it has it.
fn without(text: &str, hidden: &str) -> Option<String> {
    // Same lengths: only ASCII changes.
    let (lower, hidden) = (text.to_ascii_lowercase(), Zeroizing::new(hidden.to_ascii_lowercase()));
    let mut places = lower.match_indices(hidden.as_str()).peekable();
    places.peek()?;
    let (mut stripped, mut from) = (String::with_capacity(text.len()), 0);
    for (at, _) in places {
        stripped.push_str(&text[from..at]);
        stripped.push_str(MARK);
        from = at + hidden.len();
    }
    stripped.push_str(&text[from..]);
    Some(stripped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(origin: &str, key: Option<&str>) -> Hidden {
        let origin = UpstreamOrigin::parse(origin).unwrap();
        Hidden::new([(&origin, key)].into_iter())
    }

    #[test]
    fn neither_key_nor_place_is_left() {
        let hidden = hidden("http://10.0.0.7:8000", Some("sk-Th\"eirs"));
        for (said, told) in [
            ("Bearer sk-Th\"eirs refused", "Bearer [hidden] refused"),
            (r#"{"key":"sk-th\"eirs"}"#, r#"{"key":"[hidden]"}"#),
            ("cannot reach http://10.0.0.7:8000/v1", "cannot reach [hidden]/v1"),
            ("HTTP://10.0.0.7:8000", "[hidden]"),
            ("host='10.0.0.7', port=8000", "host='[hidden]', port=8000"),
            ("10.0.0.7:8000 \u{e4} 10.0.0.7:8000", "[hidden] \u{e4} [hidden]"),
            ("nothing of it", "nothing of it"),
        ] {
            assert_eq!(hidden.strip(said), told, "{said}");
        }
    }

    #[test]
    fn a_place_is_known_by_each_of_its_names() {
        let named = hidden("https://gpu.example.org", None);
        assert_eq!(named.strip("at GPU.example.org:443!"), "at [hidden]!");
        assert_eq!(named.strip("at gpu.example.org!"), "at [hidden]!");
        let six = hidden("http://[fd00::7]:8000", None);
        assert_eq!(six.strip("[fd00::7]:8000 and fd00::7"), "[hidden] and [hidden]");
        // A word that may stand anywhere is one only with its port.
        let word = hidden("http://engine:8000", None);
        assert_eq!(
            word.strip("the engine engine:8000 failed"),
            "the engine [hidden] failed"
        );
    }
}
