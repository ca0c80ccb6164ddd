//! Sign-in through providers, as the settings say.

use anyhow::Context as _;
use localauth_core::Auth;
use localauth_tower::oauth::{GithubConfig, GroupMapping, OAuth, OidcConfig};

use crate::settings::{Groups, Settings};

/// What people can sign in with besides an address and a password. Asks no provider anything: a server whose provider is
/// away starts all the same.
///
/// # Errors
///
/// When what was set cannot be right.
pub fn configure(settings: &Settings, auth: &Auth) -> anyhow::Result<OAuth> {
    let mut builder = OAuth::builder(auth);
    if let Some(github) = &settings.github {
        let config = GithubConfig::new(&github.client_id, github.client_secret.expose());
        builder = builder.github(config.url(&github.url).api_url(&github.api_url));
    }
    if let Some(oidc) = &settings.oidc {
        let mut config = OidcConfig::new(&oidc.issuer, &oidc.client_id).scopes(&oidc.scopes);
        if let Some(secret) = &oidc.client_secret {
            config = config.client_secret(secret.expose());
        }
        if let Some(groups) = &oidc.groups {
            config = config.groups(mapping(groups));
        }
        builder = builder.oidc(config);
    }
    builder.build().context("sign-in through a provider")
}

fn mapping(groups: &Groups) -> GroupMapping {
    let mut mapping = GroupMapping::new(&groups.claim);
    for group in &groups.admins {
        mapping = mapping.admin(group);
    }
    for given in &groups.features {
        mapping = mapping.feature(&given.group, &given.feature);
    }
    mapping
}
