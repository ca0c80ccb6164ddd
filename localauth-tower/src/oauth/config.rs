//! What a provider needs to be told, and to tell.

use std::fmt;

use localauth_core::GroupGrant;
use url::{Host, Url};

/// Sign-in with GitHub was set up wrongly, or with OpenID Connect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OAuthConfigError {
    /// An address is none, or one that strangers on the way could answer for.
    #[error("{name} `{url}` {reason}")]
    Url {
        /// What it is the address of.
        name: &'static str,
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something needed is empty.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// Groups are mapped to a feature that there is not.
    #[error("groups are mapped to the unknown feature `{0}`")]
    UnknownFeature(String),
    /// No client for HTTPS can be made.
    #[error("no HTTPS client can be made: {0}")]
    Client(String),
}

/// An OpenID Connect provider, and what it knows this server as.
///
/// ```
/// use localauth_tower::oauth::{GroupMapping, OidcConfig};
///
/// let config = OidcConfig::new("https://id.example.org", "localauth")
///     .client_secret("hunter2")
///     .scopes(["profile", "email", "groups"])
///     .groups(GroupMapping::new("groups").admin("ops").feature("artists", "images"));
/// assert!(!format!("{config:?}").contains("hunter2"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct OidcConfig {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) client_secret: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) groups: Option<GroupMapping>,
}

impl OidcConfig {
    /// The provider that calls itself `issuer`, letter by letter as in its metadata. HTTPS, unless it is on this machine.
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            client_id: client_id.into(),
            client_secret: None,
            scopes: vec!["profile".to_owned(), "email".to_owned()],
            groups: None,
        }
    }

    /// The client's secret. Without it this is a public client, held by PKCE alone.
    pub fn client_secret(mut self, secret: impl Into<String>) -> Self {
        self.client_secret = Some(secret.into());
        self
    }

    /// What to ask for besides `openid`; several may stand in one text, between spaces. Without it `profile email`.
    pub fn scopes<S: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes.clear();
        for text in scopes {
            self.scopes.extend(
                text.as_ref()
                    .split_whitespace()
                    .filter(|s| *s != "openid")
                    .map(str::to_owned),
            );
        }
        self
    }

    /// What groups at the provider give here.
    pub fn groups(mut self, mapping: GroupMapping) -> Self {
        self.groups = Some(mapping);
        self
    }

    pub(super) fn check(&self) -> Result<(), OAuthConfigError> {
        endpoint("the issuer of OpenID Connect", &self.issuer)?;
        if self.client_id.is_empty() {
            return Err(OAuthConfigError::Empty("the client id for OpenID Connect"));
        }
        if self.client_secret.as_deref() == Some("") {
            return Err(OAuthConfigError::Empty("the client secret for OpenID Connect"));
        }
        Ok(())
    }
}

impl fmt::Debug for OidcConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcConfig")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// GitHub, or an Enterprise server, and what it knows this server as.
///
/// People are recognised by their number there. Another GitHub has other numbers: do not point a server that has users at
/// another one.
///
/// ```
/// use localauth_tower::oauth::GithubConfig;
///
/// let config = GithubConfig::new("Iv1.0123456789abcdef", "hunter2")
///     .url("https://github.example.org")
///     .api_url("https://github.example.org/api/v3");
/// assert!(!format!("{config:?}").contains("hunter2"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct GithubConfig {
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) url: String,
    pub(super) api_url: String,
}

impl GithubConfig {
    /// The app with this id and secret at `github.com`.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            url: "https://github.com".to_owned(),
            api_url: "https://api.github.com".to_owned(),
        }
    }

    /// Where people sign in.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Where programs ask.
    pub fn api_url(mut self, url: impl Into<String>) -> Self {
        self.api_url = url.into();
        self
    }

    pub(super) fn check(&self) -> Result<(), OAuthConfigError> {
        endpoint("the URL of GitHub", &self.url)?;
        endpoint("the API's URL of GitHub", &self.api_url)?;
        if self.client_id.is_empty() {
            return Err(OAuthConfigError::Empty("the client id for GitHub"));
        }
        if self.client_secret.is_empty() {
            return Err(OAuthConfigError::Empty("the client secret for GitHub"));
        }
        Ok(())
    }
}

impl fmt::Debug for GithubConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GithubConfig")
            .field("client_id", &self.client_id)
            .field("url", &self.url)
            .field("api_url", &self.api_url)
            .finish_non_exhaustive()
    }
}

/// What groups at the provider give here, each time somebody signs in.
///
/// ```
/// use localauth_tower::oauth::GroupMapping;
///
/// // The members of `ops` are administrators, nobody else who signs in this way is; `images` is on for the members of
/// // `artists` and off for others.
/// let mapping = GroupMapping::new("groups").admin("ops").feature("artists", "images");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct GroupMapping {
    pub(super) claim: String,
    admin: Vec<String>,
    features: Vec<(String, String)>,
}

impl GroupMapping {
    /// The groups are in this claim, a list of texts. A name that begins with `/` is a path into the claims (RFC 6901), such
    /// as `/realm_access/roles`.
    pub fn new(claim: impl Into<String>) -> Self {
        Self {
            claim: claim.into(),
            admin: Vec::new(),
            features: Vec::new(),
        }
    }

    /// The members of `group` are administrators; once there is such a group, nobody else who signs in this way is.
    pub fn admin(mut self, group: impl Into<String>) -> Self {
        self.admin.push(group.into());
        self
    }

    /// The members of `group` have `feature`. A feature that is mapped is off for whoever is in none of its groups.
    pub fn feature(mut self, group: impl Into<String>, feature: impl Into<String>) -> Self {
        self.features.push((group.into(), feature.into()));
        self
    }

    pub(super) fn features(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(|(_, feature)| feature.as_str())
    }

    pub(super) fn grant(&self, groups: &[&str]) -> GroupGrant {
        let is_in = |group: &String| groups.contains(&group.as_str());
        let mut features: Vec<(String, bool)> = Vec::new();
        for (group, feature) in &self.features {
            match features.iter_mut().find(|(name, _)| name == feature) {
                Some((_, on)) => *on |= is_in(group),
                None => features.push((feature.clone(), is_in(group))),
            }
        }
        GroupGrant {
            admin: (!self.admin.is_empty()).then(|| self.admin.iter().any(is_in)),
            features,
        }
    }
}

/// Reads the address of something that is trusted with codes and tokens: HTTPS (RFC 6749, section 10.9), unless it is on
/// this machine, where nobody stands between.
pub(super) fn endpoint(name: &'static str, text: &str) -> Result<Url, OAuthConfigError> {
    let wrong = |reason| OAuthConfigError::Url {
        name,
        url: text.to_owned(),
        reason,
    };
    // What is wrong with it might be a password in it: it is not repeated then.
    let hidden = |reason| OAuthConfigError::Url {
        name,
        url: "…".to_owned(),
        reason,
    };
    let url = Url::parse(text).map_err(|_| wrong("is no URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(hidden("has a name or password in it"));
    }
    if url.fragment().is_some() || url.query().is_some() {
        return Err(wrong("has a query or fragment"));
    }
    if url.scheme() == "https" && url.host().is_some() || url.scheme() == "http" && is_loopback(&url) {
        Ok(url)
    } else {
        Err(wrong("must begin with https:// (http:// only on this machine)"))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_goes_without_tls() {
        for good in [
            "https://id.example.org",
            "https://id.example.org:8443/realms/x/",
            "http://localhost:9090",
            "http://127.0.0.1",
            "http://127.8.9.1:1",
            "http://[::1]:9090",
        ] {
            assert!(endpoint("x", good).is_ok(), "{good}");
        }
        for bad in [
            "http://id.example.org",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://10.0.0.1",
            "http://[::2]",
            "ftp://localhost",
            "javascript:alert(1)",
            "https://",
            "https://user@id.example.org",
            "https://id.example.org?x=1",
            "https://id.example.org#x",
            "id.example.org",
            "",
        ] {
            assert!(endpoint("x", bad).is_err(), "{bad}");
        }
        let error = endpoint("x", "https://user:hunter2@id.example.org").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn groups_become_a_grant() {
        let mapping = GroupMapping::new("groups")
            .admin("ops")
            .admin("root")
            .feature("artists", "images")
            .feature("everybody", "images")
            .feature("talkers", "chat");
        let features = |images, chat| vec![("images".to_owned(), images), ("chat".to_owned(), chat)];
        let grant = mapping.grant(&["root", "everybody"]);
        assert_eq!((grant.admin, grant.features), (Some(true), features(true, false)));
        let grant = mapping.grant(&[]);
        assert_eq!((grant.admin, grant.features), (Some(false), features(false, false)));
        assert_eq!(GroupMapping::new("groups").grant(&["ops"]), GroupGrant::default());
    }

    #[test]
    fn scopes_come_in_any_form() {
        let config = OidcConfig::new("https://a.example", "b").scopes(["openid email", "groups"]);
        assert_eq!(config.scopes, ["email", "groups"]);
    }
}
