//! What a request carries to prove who it comes from. Pure: no store, no clock.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName};

use crate::error::Denial;
use crate::session::SESSION_PREFIX;

/// Where a credential was found. The order is the order of precedence in the wire contract, section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Carrier {
    /// Cookie `session`, or `__Host-session` over HTTPS.
    SessionCookie,
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Basic NAME:KEY`.
    Basic,
    /// Header `x-api-key`.
    XApiKey,
    /// Header `xi-api-key`.
    XiApiKey,
    /// Cookie `token`.
    TokenCookie,
    /// An `Authorization` that is none of ours, or is broken.
    Foreign,
}

impl Carrier {
    /// Whether a session token may come this way.
    pub(crate) const fn takes_sessions(self) -> bool {
        matches!(self, Self::SessionCookie | Self::Bearer)
    }

    /// Whether an API key may come this way.
    pub(crate) const fn takes_keys(self) -> bool {
        !matches!(self, Self::SessionCookie | Self::Foreign)
    }
}

/// One credential as it came. `Debug` shows where it was found, never the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential<'h> {
    /// Where it was found.
    pub carrier: Carrier,
    /// The token.
    pub token: Cow<'h, [u8]>,
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({:?}, ..)", self.carrier)
    }
}

impl Credential<'_> {
    /// What to answer when this credential is not a good one.
    pub(crate) fn denial(&self) -> Denial {
        match self.carrier {
            Carrier::SessionCookie => Denial::InvalidSession,
            Carrier::Bearer if self.token.starts_with(SESSION_PREFIX.as_bytes()) => Denial::InvalidSession,
            // The form of a JSON web token (RFC 7519, section 3): three parts.
            Carrier::Bearer if self.token.split(|&b| b == b'.').count() == 3 => Denial::InvalidToken,
            Carrier::Foreign => Denial::InvalidToken,
            _ => Denial::InvalidApiKey,
        }
    }
}

// Parsed once: compared as names, the common headers differ at the first look.
static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
static XI_API_KEY: HeaderName = HeaderName::from_static("xi-api-key");

/// At most this many credentials are looked at; a request with more is refused.
const MOST: usize = 6;

/// The credentials of one request, in the order of precedence. Allocates nothing (but for `Basic`).
#[derive(Debug)]
pub struct Credentials<'h> {
    found: [Option<Credential<'h>>; MOST],
    len: usize,
    too_many: bool,
}

impl<'h> Credentials<'h> {
    /// Finds every credential in `headers`.
    ///
    /// Scheme names are matched without case (RFC 9110, section 11.1). A `Bearer` without a token counts as none, as
    /// clients send it when nobody gave them a key.
    pub fn from_headers(headers: &'h HeaderMap) -> Self {
        let mut all = Self {
            found: [const { None }; MOST],
            len: 0,
            too_many: false,
        };
        for (name, value) in headers {
            if *name == AUTHORIZATION {
                all.authorization(value.as_bytes());
            } else if *name == COOKIE {
                all.cookies(value.as_bytes());
            } else if *name == X_API_KEY {
                all.push(Carrier::XApiKey, Cow::Borrowed(value.as_bytes()));
            } else if *name == XI_API_KEY {
                all.push(Carrier::XiApiKey, Cow::Borrowed(value.as_bytes()));
            }
        }
        if all.len > 1 {
            all.found[..all.len].sort_by_key(|c| c.as_ref().map(|c| c.carrier));
        }
        all
    }

    fn authorization(&mut self, value: &'h [u8]) {
        let value = value.trim_ascii();
        let (scheme, rest) = match value.iter().position(|&b| b == b' ') {
            Some(at) => (&value[..at], value[at..].trim_ascii()),
            None => (value, &[][..]),
        };
        if scheme.eq_ignore_ascii_case(b"bearer") {
            self.push(Carrier::Bearer, Cow::Borrowed(rest));
        } else if scheme.eq_ignore_ascii_case(b"basic") {
            // RFC 7617: the name ends at the first colon, the password may hold more of them.
            let key = STANDARD.decode(rest).ok().and_then(|plain| {
                let colon = plain.iter().position(|&b| b == b':')?;
                Some(plain[colon + 1..].to_vec())
            });
            match key {
                Some(key) => self.push(Carrier::Basic, Cow::Owned(key)),
                None => self.push(Carrier::Foreign, Cow::Borrowed(value)),
            }
        } else if !value.is_empty() {
            self.push(Carrier::Foreign, Cow::Borrowed(value));
        }
    }

    fn cookies(&mut self, value: &'h [u8]) {
        for pair in value.split(|&b| b == b';') {
            let pair = pair.trim_ascii();
            let Some(eq) = pair.iter().position(|&b| b == b'=') else {
                continue;
            };
            let carrier = match &pair[..eq] {
                b"session" | b"__Host-session" => Carrier::SessionCookie,
                b"token" => Carrier::TokenCookie,
                _ => continue,
            };
            self.push(carrier, Cow::Borrowed(&pair[eq + 1..]));
        }
    }

    fn push(&mut self, carrier: Carrier, token: Cow<'h, [u8]>) {
        if token.is_empty() {
            return;
        }
        match self.found.get_mut(self.len) {
            Some(place) => {
                *place = Some(Credential { carrier, token });
                self.len += 1;
            }
            None => self.too_many = true,
        }
    }

    /// The credentials, the one with the highest precedence first.
    pub fn iter(&self) -> impl Iterator<Item = &Credential<'h>> {
        self.found[..self.len].iter().flatten()
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there were more than are looked at.
    pub const fn too_many(&self) -> bool {
        self.too_many
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn found(headers: &[(&'static str, &str)]) -> Vec<(Carrier, String)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Credentials::from_headers(&map)
            .iter()
            .map(|c| (c.carrier, String::from_utf8(c.token.to_vec()).unwrap()))
            .collect()
    }

    #[test]
    fn every_carrier_is_found_in_the_order_of_precedence() {
        let all = found(&[
            ("x-api-key", "x"),
            ("cookie", "a=b; token=t; session=s"),
            ("xi-api-key", "xi"),
            ("authorization", "Basic bmFtZTprZXk6d2l0aDpjb2xvbnM="),
            ("authorization", "bEaReR  b "),
        ]);
        assert_eq!(
            all,
            [
                (Carrier::SessionCookie, "s".to_owned()),
                (Carrier::Bearer, "b".to_owned()),
                (Carrier::Basic, "key:with:colons".to_owned()),
                (Carrier::XApiKey, "x".to_owned()),
                (Carrier::XiApiKey, "xi".to_owned()),
                (Carrier::TokenCookie, "t".to_owned()),
            ]
        );
    }

    #[test]
    fn nothing_sent_is_nothing_and_nonsense_is_a_bad_credential() {
        assert!(found(&[]).is_empty());
        assert!(
            found(&[
                ("authorization", "Bearer "),
                ("x-api-key", ""),
                ("cookie", "session=; x; ;")
            ])
            .is_empty()
        );
        for broken in ["Digest x", "Basic ???", "Basic bmFtZQ==", "sk-local-x", "Negotiate"] {
            assert_eq!(found(&[("authorization", broken)])[0].0, Carrier::Foreign, "{broken}");
        }
        assert_eq!(found(&[("cookie", "xsession=1; session=2; __Host-session=3")]).len(), 2);
    }

    #[test]
    fn a_flood_of_credentials_is_noticed() {
        let mut map = HeaderMap::new();
        for _ in 0..9 {
            map.append("x-api-key", HeaderValue::from_static("k"));
        }
        assert!(Credentials::from_headers(&map).too_many());
    }
}
