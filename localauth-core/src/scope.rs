//! What a key is narrowed to.
//!
//! A scope only ever takes away: a key has what its owner has at that moment, less what the scope does not name. The
//! route and the address are compared with what the server is really asked, so whoever uses
//! [`Auth::authenticate`](crate::Auth::authenticate) without the layers must call
//! [`Identity::admit_request`](crate::Identity::admit_request) too.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Method;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::id::KeyId;
use crate::limit::{KeyLimit, TierName};
use crate::policy::is_plain_path;

/// What a key is narrowed to. Every list: `None` is no narrowing, an empty one allows nothing.
///
/// ```
/// use http::Method;
/// use localauth_core::KeyScope;
///
/// let scope = KeyScope { routes: Some(vec!["POST /v1/chat/*".parse()?]), ..KeyScope::default() };
/// assert!(scope.allows_route(&Method::POST, "/v1/chat/completions"));
/// assert!(!scope.allows_route(&Method::GET, "/v1/chat/completions"));
/// assert!(!scope.allows_route(&Method::POST, "/v1/chat/../admin"), "a path that may be read in two ways is none");
/// assert!(KeyScope::default().allows_route(&Method::GET, "/anything"));
/// # Ok::<(), localauth_core::InvalidRoutePattern>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyScope {
    /// Models, compared to the letter.
    pub models: Option<BTreeSet<String>>,
    /// Features, by key.
    pub features: Option<BTreeSet<String>>,
    /// Routes.
    pub routes: Option<Vec<RoutePattern>>,
    /// Networks the key may be used from.
    pub ips: Option<Vec<IpNet>>,
    /// Whether the key may make and change credentials of its owner.
    pub can_mint: bool,
    /// What may be used with the key, and with those made from it, together. They hold beside the user's own, and for
    /// administrators too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<KeyLimit>,
    /// The tier whose limits, features and models narrow the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<KeyTier>,
}

/// The tier a key is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTier {
    /// Which.
    pub name: TierName,
    /// The key it was made for, whose use counts together with that of those made from it; `None` is the key that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<KeyId>,
}

/// Why a key may not be made or changed by this maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key never has more than its maker: leave `{field}` out, or name only what the maker has")]
#[non_exhaustive]
pub struct ScopeExceeded {
    /// The list that goes too far.
    pub field: &'static str,
}

impl KeyScope {
    /// Whether nothing is narrowed.
    pub const fn is_unrestricted(&self) -> bool {
        self.models.is_none()
            && self.features.is_none()
            && self.routes.is_none()
            && self.ips.is_none()
            && self.limits.is_empty()
            && self.tier.is_none()
    }

    /// The same with `key` as the one whose limits these are, where nobody is named.
    #[must_use]
    pub fn held_by(mut self, key: KeyId) -> Self {
        for limit in &mut self.limits {
            limit.holder.get_or_insert(key);
        }
        if let Some(tier) = &mut self.tier {
            tier.holder.get_or_insert(key);
        }
        self
    }

    /// Whether `model` is within.
    pub fn allows_model(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.contains(model))
    }

    /// Whether `feature` is within.
    pub fn allows_feature(&self, feature: &str) -> bool {
        self.features.as_ref().is_none_or(|features| features.contains(feature))
    }

    /// Whether a request to `path` is within.
    pub fn allows_route(&self, method: &Method, path: &str) -> bool {
        self.routes
            .as_ref()
            .is_none_or(|routes| is_plain_path(path) && routes.iter().any(|route| route.matches(method, path)))
    }

    /// Whether a request from `address` is within. An unknown address is not, once there is a list.
    pub fn allows_address(&self, address: Option<IpAddr>) -> bool {
        self.ips.as_ref().is_none_or(|networks| {
            address
                .map(|ip| ip.to_canonical())
                .is_some_and(|ip| networks.iter().any(|network| network.contains(&ip)))
        })
    }

    /// This scope as one that a key made with `maker` may have: what was left open is narrowed as the maker is.
    ///
    /// # Errors
    ///
    /// [`ScopeExceeded`] when it names something that the maker does not have.
    pub fn within(mut self, maker: &Self) -> Result<Self, ScopeExceeded> {
        narrow(&mut self.models, maker.models.as_ref(), "models", BTreeSet::is_subset)?;
        narrow(
            &mut self.features,
            maker.features.as_ref(),
            "features",
            BTreeSet::is_subset,
        )?;
        narrow(&mut self.routes, maker.routes.as_ref(), "routes", |mine, makers| {
            mine.iter().all(|one| makers.iter().any(|other| other.covers(one)))
        })?;
        narrow(&mut self.ips, maker.ips.as_ref(), "ips", |mine, makers| {
            mine.iter().all(|one| makers.iter().any(|other| other.contains(one)))
        })?;
        // Children share the allowance of their maker, and may have less besides.
        let inherited = maker
            .limits
            .iter()
            .filter(|limit| !self.limits.contains(limit))
            .cloned();
        self.limits = inherited.collect::<Vec<_>>().into_iter().chain(self.limits).collect();
        match (&self.tier, &maker.tier) {
            (None, Some(_)) => self.tier.clone_from(&maker.tier),
            (Some(wanted), Some(makers)) if wanted.name == makers.name => self.tier.clone_from(&maker.tier),
            (Some(_), Some(_)) => return Err(ScopeExceeded { field: "tier" }),
            (_, None) => {}
        }
        if self.can_mint && !maker.can_mint {
            return Err(ScopeExceeded { field: "can_mint" });
        }
        Ok(self)
    }
}

fn narrow<T: Clone>(
    mine: &mut Option<T>,
    makers: Option<&T>,
    field: &'static str,
    is_within: impl Fn(&T, &T) -> bool,
) -> Result<(), ScopeExceeded> {
    match (&*mine, makers) {
        (_, None) => Ok(()),
        (None, Some(makers)) => {
            *mine = Some(makers.clone());
            Ok(())
        }
        (Some(wanted), Some(makers)) if is_within(wanted, makers) => Ok(()),
        (Some(_), Some(_)) => Err(ScopeExceeded { field }),
    }
}

/// A method and a path, such as `POST /v1/chat/completions`. A `*` at the end stands for any rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePattern {
    method: Method,
    path: Box<str>,
    is_prefix: bool,
}

impl RoutePattern {
    /// Whether a request is meant.
    pub fn matches(&self, method: &Method, path: &str) -> bool {
        self.method == *method
            && if self.is_prefix {
                path.starts_with(&*self.path)
            } else {
                path == &*self.path
            }
    }

    /// Whether every request that `other` means is meant by this one too.
    fn covers(&self, other: &Self) -> bool {
        self.method == other.method
            && if self.is_prefix {
                other.path.starts_with(&*self.path)
            } else {
                !other.is_prefix && other.path == self.path
            }
    }
}

/// A text that is no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a method and a path like `POST /v1/chat/completions`, with `*` only at its end")]
#[non_exhaustive]
pub struct InvalidRoutePattern;

impl FromStr for RoutePattern {
    type Err = InvalidRoutePattern;

    fn from_str(s: &str) -> Result<Self, InvalidRoutePattern> {
        let (method, path) = s.trim().split_once(' ').ok_or(InvalidRoutePattern)?;
        let known = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::HEAD,
            Method::OPTIONS,
        ];
        let method = known
            .into_iter()
            .find(|known| known.as_str() == method)
            .ok_or(InvalidRoutePattern)?;
        let path = path.trim_start();
        let (path, is_prefix) = path.strip_suffix('*').map_or((path, false), |path| (path, true));
        let good = path.len() <= 512 && is_plain_path(path) && path.bytes().all(|b| b.is_ascii_graphic() && b != b'*');
        if good {
            Ok(Self {
                method,
                path: path.into(),
                is_prefix,
            })
        } else {
            Err(InvalidRoutePattern)
        }
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.is_prefix { "*" } else { "" };
        write!(f, "{} {}{star}", self.method, self.path)
    }
}

impl Serialize for RoutePattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoutePattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn route(text: &str) -> RoutePattern {
        text.parse().unwrap()
    }

    #[test]
    fn routes_are_compared_whole_or_by_prefix() {
        let chat = route("POST /v1/chat/completions");
        assert!(chat.matches(&Method::POST, "/v1/chat/completions"));
        assert!(!chat.matches(&Method::POST, "/v1/chat/completions/x"));
        assert!(!chat.matches(&Method::GET, "/v1/chat/completions"));
        assert!(route("GET /v1/*").matches(&Method::GET, "/v1/models"));
        assert!(!route("GET /v1/*").matches(&Method::GET, "/v1"));
        assert_eq!(route("GET  /v1/*").to_string(), "GET /v1/*");
        for wrong in [
            "",
            "GET",
            "/v1",
            "get /v1",
            "GET v1",
            "GET /v1/*/x",
            "GET /a/../b",
            "GET //a",
            "GET /%61",
        ] {
            assert!(wrong.parse::<RoutePattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_within_no_list() {
        let scope = KeyScope {
            routes: Some(vec![route("GET /v1/*")]),
            ..KeyScope::default()
        };
        assert!(scope.allows_route(&Method::GET, "/v1/models"));
        for odd in [
            "/v1//models",
            "/v1/../admin",
            "/v1/%2e%2e/admin",
            "/v1/./x",
            "/v1/a\\b",
            "/v1/a;b",
            "v1/x",
        ] {
            assert!(!scope.allows_route(&Method::GET, odd), "{odd}");
        }
    }

    #[test]
    fn addresses_need_to_be_known() {
        let scope = KeyScope {
            ips: Some(vec!["10.0.0.0/8".parse().unwrap()]),
            ..KeyScope::default()
        };
        assert!(scope.allows_address(Some("10.1.2.3".parse().unwrap())));
        assert!(scope.allows_address(Some("::ffff:10.1.2.3".parse().unwrap())));
        assert!(!scope.allows_address(Some("192.0.2.1".parse().unwrap())));
        assert!(!scope.allows_address(None));
        assert!(KeyScope::default().allows_address(None));
    }

    fn scopes() -> impl Strategy<Value = KeyScope> {
        let names = || proptest::option::of(proptest::collection::btree_set("[a-c]", 0..3));
        let routes =
            proptest::sample::subsequence(vec!["GET /*", "GET /a/*", "GET /a/b", "POST /a/*", "POST /a/b"], 0..4)
                .prop_map(|list| list.into_iter().map(route).collect());
        let nets = proptest::sample::subsequence(vec!["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "::/0"], 0..4)
            .prop_map(|list| list.into_iter().map(|net| net.parse().unwrap()).collect());
        (
            names(),
            names(),
            proptest::option::of(routes),
            proptest::option::of(nets),
            any::<bool>(),
        )
            .prop_map(|(models, features, routes, ips, can_mint)| KeyScope {
                limits: Vec::new(),
                tier: None,
                models,
                features,
                routes,
                ips,
                can_mint,
            })
    }

    proptest! {
        #[test]
        fn a_key_never_has_more_than_its_maker(maker in scopes(), wanted in scopes()) {
            if let Ok(child) = wanted.within(&maker) {
                for name in ["a", "b", "c", "d"] {
                    prop_assert!(!child.allows_model(name) || maker.allows_model(name));
                    prop_assert!(!child.allows_feature(name) || maker.allows_feature(name));
                }
                for path in ["/", "/a/", "/a/b", "/a/b/c", "/x"] {
                    for method in [Method::GET, Method::POST] {
                        prop_assert!(!child.allows_route(&method, path) || maker.allows_route(&method, path));
                    }
                }
                for ip in ["10.0.0.1", "10.1.9.9", "10.1.2.3", "::1", "192.0.2.1"] {
                    let ip = ip.parse().ok();
                    prop_assert!(!child.allows_address(ip) || maker.allows_address(ip));
                }
                prop_assert!(!child.can_mint || maker.can_mint);
            }
        }

        #[test]
        fn a_scope_survives_being_stored(scope in scopes()) {
            let stored = serde_json::to_string(&scope).unwrap();
            prop_assert_eq!(serde_json::from_str::<KeyScope>(&stored).unwrap(), scope);
        }
    }
}
