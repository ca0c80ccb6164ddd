//! What kind of body a request says it has.

use http::{HeaderMap, header};
use localauth_core::Denial;

/// The kinds of body that can be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Form,
    /// Its parts stand between lines of this.
    Multipart(Box<str>),
    /// There is none: the address says it all.
    Nothing,
}

impl Kind {
    /// What the headers say.
    ///
    /// # Errors
    ///
    /// [`Denial::UnsupportedMediaType`] for anything else, for what is said twice, and for a body that is encoded: who
    /// does not undo it judges other bytes than are read.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Denial> {
        let is_plain = |coding: &http::HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
        if !headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
            return Err(Denial::UnsupportedMediaType);
        }
        let mut types = headers.get_all(header::CONTENT_TYPE).iter();
        match (types.next(), types.next()) {
            (Some(one), None) => one.to_str().ok().and_then(Self::parse),
            _ => None,
        }
        .ok_or(Denial::UnsupportedMediaType)
    }

    /// How such a body names a model: the text that takes the place of what named it before.
    pub(super) fn model(&self, name: &str) -> String {
        match self {
            Self::Json => serde_json::Value::from(name).to_string(),
            Self::Form => form_urlencoded::Serializer::new(String::new())
                .append_pair("model", name)
                .finish(),
            Self::Multipart(_) | Self::Nothing => name.to_owned(),
        }
    }

    /// Whether `name` can stand in such a body for what it is.
    pub(super) fn can_name(&self, name: &str) -> bool {
        match self {
            Self::Multipart(boundary) => !name.contains(&format!("--{boundary}")),
            Self::Json | Self::Form | Self::Nothing => true,
        }
    }

    fn parse(value: &str) -> Option<Self> {
        // What nearly every client sends.
        if value == "application/json" {
            return Some(Self::Json);
        }
        let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
        let essence = essence.trim().to_ascii_lowercase();
        if essence == "multipart/form-data" {
            return boundary(parameters).map(|boundary| Self::Multipart(boundary.into()));
        }
        // JSON is UTF-8 (RFC 8259, section 8.1); whatever else it says it is, somebody may believe it.
        let is_utf8 = parameters.split(';').all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"');
            !name.trim().eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
        });
        match essence.strip_prefix("application/")? {
            _ if !is_utf8 => None,
            "x-www-form-urlencoded" => Some(Self::Form),
            subtype if subtype == "json" || subtype.ends_with("+json") => Some(Self::Json),
            _ => None,
        }
    }
}

/// The one parameter that a form in parts has (RFC 2046, section 5.1.1).
fn boundary(parameters: &str) -> Option<&str> {
    let (name, value) = parameters.trim().split_once('=')?;
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let boundary = unquoted.unwrap_or(value);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    (name.eq_ignore_ascii_case("boundary") && (1..=70).contains(&boundary.len()) && boundary.bytes().all(is_plain))
        .then_some(boundary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(headers: &[(&str, &str)]) -> Option<Kind> {
        let headers = headers.iter().map(|(name, value)| {
            let name: http::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        Kind::of(&map).ok()
    }

    #[test]
    fn a_body_says_what_it_is() {
        for (value, expected) in [
            ("application/json", Some(Kind::Json)),
            ("Application/JSON; charset=utf-8", Some(Kind::Json)),
            ("application/json;charset=\"UTF-8\"", Some(Kind::Json)),
            ("application/vnd.api+json", Some(Kind::Json)),
            ("application/json; charset=utf-16", None),
            ("application/json-seq", None),
            ("application/jsonx", None),
            ("text/json", None),
            ("text/plain", None),
            ("json", None),
            ("", None),
            ("application/x-www-form-urlencoded", Some(Kind::Form)),
            ("multipart/form-data; boundary=abc", Some(Kind::Multipart("abc".into()))),
            (
                "multipart/form-data; boundary=\"a'b\"",
                Some(Kind::Multipart("a'b".into())),
            ),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=a b", None),
            ("multipart/form-data", None),
            ("multipart/mixed; boundary=abc", None),
        ] {
            assert_eq!(kind(&[("content-type", value)]), expected, "{value}");
        }
        assert_eq!(kind(&[]), None);
    }

    #[test]
    fn what_is_encoded_or_said_twice_is_not_read() {
        let json = ("content-type", "application/json");
        assert_eq!(kind(&[json, ("content-encoding", "identity")]), Some(Kind::Json));
        assert_eq!(kind(&[json, ("content-encoding", "gzip")]), None);
        assert_eq!(
            kind(&[json, ("content-encoding", "identity"), ("content-encoding", "br")]),
            None
        );
        assert_eq!(kind(&[json, ("content-type", "text/plain")]), None);
    }
}
