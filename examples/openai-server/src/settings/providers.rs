//! The providers of identity that people may sign in with. Half a configuration is an error: a provider that was meant
//! to be on and is not would be found out by whoever cannot sign in.

use localauth_core::FeatureRegistry;

use super::{Secret, error::SettingsError, gather::Gathered, values};

const GITHUB_URL: &str = "https://github.com";
const GITHUB_API_URL: &str = "https://api.github.com";
const DEFAULT_SCOPES: &str = "openid profile email";

/// Sign-in with GitHub, or with a GitHub Enterprise server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Github {
    /// The application's name at GitHub.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: Secret,
    /// Where people sign in, without a slash at its end.
    pub url: String,
    /// Where the API is, without a slash at its end.
    pub api_url: String,
}

/// Sign-in with a provider of OpenID Connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oidc {
    /// The provider's name for itself, to the letter: it is compared.
    pub issuer: String,
    /// Our name at the provider.
    pub client_id: String,
    /// Our secret; none for a public client.
    pub client_secret: Option<Secret>,
    /// What is asked for, `openid` first.
    pub scopes: Vec<String>,
    /// What the provider's groups mean here.
    pub groups: Option<Groups>,
}

/// What the provider's groups mean here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// The claim that lists somebody's groups.
    pub claim: String,
    /// Whose members are administrators.
    pub admins: Vec<String>,
    /// What the members of groups may use besides the defaults.
    pub features: Vec<GroupFeature>,
}

/// A feature for the members of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFeature {
    /// The group, as the provider calls it.
    pub group: String,
    /// The key of the feature.
    pub feature: String,
}

/// The settings of GitHub, if it is to be on.
pub(super) fn github(given: &mut Gathered) -> Result<Option<Github>, SettingsError> {
    for other in [
        "LOCALAUTH_GITHUB_URL",
        "LOCALAUTH_GITHUB_API_URL",
        "GITHUB_CLIENT_SECRET",
    ] {
        given.needs(other, "GITHUB_CLIENT_ID")?;
    }
    given.needs("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET")?;
    // What somebody is given by one server is shown to the other: the two belong together.
    given.needs("LOCALAUTH_GITHUB_URL", "LOCALAUTH_GITHUB_API_URL")?;
    given.needs("LOCALAUTH_GITHUB_API_URL", "LOCALAUTH_GITHUB_URL")?;

    let client_id = given.optional("GITHUB_CLIENT_ID", word)?;
    let client_secret = given.optional("GITHUB_CLIENT_SECRET", client_secret)?;
    let url = given.or("LOCALAUTH_GITHUB_URL", GITHUB_URL, values::server_url)?;
    let api_url = given.or("LOCALAUTH_GITHUB_API_URL", GITHUB_API_URL, values::server_url)?;
    Ok(client_id.zip(client_secret).map(|(client_id, client_secret)| Github {
        client_id,
        client_secret,
        url,
        api_url,
    }))
}

/// The settings of OpenID Connect, if it is to be on.
pub(super) fn oidc(given: &mut Gathered) -> Result<Option<Oidc>, SettingsError> {
    for other in [
        "LOCALAUTH_OIDC_CLIENT_ID",
        "LOCALAUTH_OIDC_CLIENT_SECRET",
        "LOCALAUTH_OIDC_SCOPES",
        "LOCALAUTH_OIDC_GROUPS_CLAIM",
        "LOCALAUTH_OIDC_ADMIN_GROUPS",
        "LOCALAUTH_OIDC_GROUP_FEATURES",
    ] {
        given.needs(other, "LOCALAUTH_OIDC_ISSUER")?;
    }
    given.needs("LOCALAUTH_OIDC_ISSUER", "LOCALAUTH_OIDC_CLIENT_ID")?;

    let issuer = given.optional("LOCALAUTH_OIDC_ISSUER", values::issuer)?;
    let client_id = given.optional("LOCALAUTH_OIDC_CLIENT_ID", word)?;
    let client_secret = given.optional("LOCALAUTH_OIDC_CLIENT_SECRET", client_secret)?;
    let scopes = given.or("LOCALAUTH_OIDC_SCOPES", DEFAULT_SCOPES, scopes)?;
    let groups = groups(given)?;
    Ok(issuer.zip(client_id).map(|(issuer, client_id)| Oidc {
        issuer,
        client_id,
        client_secret,
        scopes,
        groups,
    }))
}

fn groups(given: &mut Gathered) -> Result<Option<Groups>, SettingsError> {
    for other in ["LOCALAUTH_OIDC_ADMIN_GROUPS", "LOCALAUTH_OIDC_GROUP_FEATURES"] {
        given.needs(other, "LOCALAUTH_OIDC_GROUPS_CLAIM")?;
    }
    if !given.has("LOCALAUTH_OIDC_GROUP_FEATURES") {
        given.needs("LOCALAUTH_OIDC_GROUPS_CLAIM", "LOCALAUTH_OIDC_ADMIN_GROUPS")?;
    }
    let claim = given.optional("LOCALAUTH_OIDC_GROUPS_CLAIM", word)?;
    let admins = given.optional("LOCALAUTH_OIDC_ADMIN_GROUPS", names)?;
    let features = given.optional("LOCALAUTH_OIDC_GROUP_FEATURES", group_features)?;
    Ok(claim.map(|claim| Groups {
        claim,
        admins: admins.unwrap_or_default(),
        features: features.unwrap_or_default(),
    }))
}

fn word(text: &str) -> Result<String, &'static str> {
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("write it without spaces");
    }
    Ok(text.to_owned())
}

fn client_secret(text: &str) -> Result<Secret, &'static str> {
    if text.contains(char::is_control) {
        return Err("it has to be one line");
    }
    Ok(Secret(text.to_owned()))
}

/// Scopes between spaces or commas. Without `openid` it would not be OpenID Connect.
fn scopes(text: &str) -> Result<Vec<String>, &'static str> {
    let mut scopes = vec!["openid".to_owned()];
    for scope in text.split([' ', ',', '\n']).filter(|scope| !scope.is_empty()) {
        // RFC 6749, section 3.3.
        if !scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
            return Err("write scopes like `openid profile email`");
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Ok(scopes)
}

fn names(text: &str) -> Result<Vec<String>, &'static str> {
    let names: Vec<_> = values::items(text).map(ToOwned::to_owned).collect();
    if names.is_empty() {
        return Err("write names of groups, separated by commas");
    }
    Ok(names)
}

fn group_features(text: &str) -> Result<Vec<GroupFeature>, &'static str> {
    const WANTED: &str = "write groups and features that exist, like `artists:images, staff:fine_tuning`";
    let registry = FeatureRegistry::preset();
    let pairs: Vec<_> = values::items(text)
        .map(|item| {
            // The last colon: names of groups may be URNs.
            let (group, feature) = item.rsplit_once(':').ok_or(WANTED)?;
            let (group, feature) = (group.trim(), feature.trim());
            if group.is_empty() || registry.get(feature).is_none() {
                return Err(WANTED);
            }
            Ok(GroupFeature {
                group: group.to_owned(),
                feature: feature.to_owned(),
            })
        })
        .collect::<Result<_, _>>()?;
    if pairs.is_empty() { Err(WANTED) } else { Ok(pairs) }
}
