//! What is known of a provider: asked for when it is needed, kept for a while.

use std::time::Duration;

use localauth_core::Timestamp;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthType, ClientId, ClientSecret, DiscoveryError, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IssuerUrl, JsonWebKeySet, ProviderMetadata, RedirectUrl,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::oauth::config::{OAuthConfigError, OidcConfig, endpoint};
use crate::oauth::failure::{Failure, quoted, unreadable};
use crate::oauth::http::{Http, HttpError};

/// How long metadata and keys are kept.
const FRESH: Duration = Duration::from_hours(1);
/// How long a provider that could not be asked is left alone.
const PAUSE: Duration = Duration::from_secs(5);
/// The least time between two looks for new keys.
const BETWEEN_KEYS: Duration = Duration::from_secs(10);

/// What we read of the metadata besides what openidconnect reads.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct MoreMetadata {
    /// RFC 9207, section 3.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for MoreMetadata {}

pub(super) type Metadata = ProviderMetadata<
    MoreMetadata,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

pub(super) type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The provider.
pub(in crate::oauth) struct Oidc {
    pub(super) config: OidcConfig,
    pub(super) issuer: IssuerUrl,
    pub(super) http: Http,
    known: Mutex<Known>,
}

/// Behind one lock: while one request asks, the others wait for its answer instead of asking as well.
#[derive(Default)]
struct Known {
    metadata: Option<(Metadata, Timestamp)>,
    failed: Option<(String, Timestamp)>,
    looked_for_keys: Option<Timestamp>,
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Oidc").field(&self.config).finish()
    }
}

impl Oidc {
    pub(in crate::oauth) fn new(config: OidcConfig, http: Http) -> Result<Self, OAuthConfigError> {
        config.check()?;
        let issuer = IssuerUrl::new(config.issuer.clone()).map_err(|_| OAuthConfigError::Url {
            name: "the issuer of OpenID Connect",
            url: config.issuer.clone(),
            reason: "is no URL",
        })?;
        Ok(Self {
            config,
            issuer,
            http,
            known: Mutex::default(),
        })
    }

    /// The provider's metadata and keys, at most an hour old. When it cannot be asked again, what is known stays good.
    pub(super) async fn metadata(&self, now: Timestamp) -> Result<Metadata, Failure> {
        let mut known = self.known.lock().await;
        if let Some((metadata, since)) = &known.metadata
            && is_within(*since, FRESH, now)
        {
            return Ok(metadata.clone());
        }
        let paused = known.failed.as_ref().filter(|(_, since)| is_within(*since, PAUSE, now));
        let error = if let Some((error, _)) = paused {
            error.clone()
        } else {
            match self.discover().await {
                Ok(metadata) => {
                    known.metadata = Some((metadata.clone(), now));
                    known.failed = None;
                    return Ok(metadata);
                }
                Err(error) => {
                    tracing::warn!(issuer = %self.config.issuer, cause = error, "the provider's metadata cannot be had");
                    known.failed = Some((error.clone(), now));
                    error
                }
            }
        };
        match &known.metadata {
            Some((metadata, _)) => Ok(metadata.clone()),
            None => Err(Failure::provider(format!("discovery: {error}"))),
        }
    }

    async fn discover(&self) -> Result<Metadata, String> {
        let metadata = Metadata::discover_async(self.issuer.clone(), &self.http)
            .await
            .map_err(|error| told(&error))?;
        // Exactly, without the liberties of URLs (OpenID Connect Discovery 1.0, section 4.3).
        if metadata.issuer().as_str() != self.config.issuer {
            return Err("the metadata is of another issuer".to_owned());
        }
        let urls = [
            Some(metadata.authorization_endpoint().as_str()),
            metadata.token_endpoint().map(|url| url.as_str()),
            metadata.userinfo_endpoint().map(|url| url.as_str()),
            Some(metadata.jwks_uri().as_str()),
        ];
        for url in urls.into_iter().flatten() {
            // Endpoints, unlike issuers, may have a query (RFC 6749, section 3.1).
            let bare = url.split('?').next().unwrap_or_default();
            endpoint("an endpoint in the provider's metadata", bare).map_err(|error| error.to_string())?;
        }
        Ok(metadata)
    }

    /// Looks whether the provider has other keys by now, unless somebody just did: the ID token decides how often this is
    /// called, and anybody may send one.
    pub(super) async fn newer_keys(&self, now: Timestamp) -> Result<Option<Metadata>, Failure> {
        let mut known = self.known.lock().await;
        if known.looked_for_keys.is_some_and(|at| is_within(at, BETWEEN_KEYS, now)) {
            return Ok(known.metadata.as_ref().map(|(metadata, _)| metadata.clone()));
        }
        known.looked_for_keys = Some(now);
        let Some((metadata, since)) = known.metadata.take() else {
            return Ok(None);
        };
        let fetched = JsonWebKeySet::fetch_async(metadata.jwks_uri(), &self.http).await;
        let (metadata, result) = match fetched {
            Ok(keys) => {
                let metadata = metadata.set_jwks(keys);
                (metadata.clone(), Ok(Some(metadata)))
            }
            Err(error) => (metadata, Err(Failure::provider(format!("the keys: {}", told(&error))))),
        };
        known.metadata = Some((metadata, since));
        result
    }

    /// A client of the provider, which leads back to `redirect_uri`.
    pub(super) fn client(&self, metadata: &Metadata, redirect_uri: &str) -> Result<Client, Failure> {
        let redirect = RedirectUrl::new(redirect_uri.to_owned())
            .map_err(|_| Failure::provider("the address of this server, as the request says it, is no URL"))?;
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            ClientId::new(self.config.client_id.clone()),
            self.config.client_secret.clone().map(ClientSecret::new),
        );
        // Basic, unless the provider takes only the other one. Not saying is Basic (OpenID Connect Discovery 1.0, section 3).
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes = |method| methods.is_none_or(|methods| methods.contains(&method));
        let post = !takes(CoreClientAuthMethod::ClientSecretBasic) && takes(CoreClientAuthMethod::ClientSecretPost);
        let auth = if post {
            AuthType::RequestBody
        } else {
            AuthType::BasicAuth
        };
        Ok(client.set_redirect_uri(redirect).set_auth_type(auth))
    }
}

/// Whether `now` is less than `time` after `since`, and not before it: a clock that was set back makes nothing last.
fn is_within(since: Timestamp, time: Duration, now: Timestamp) -> bool {
    now >= since && now.since(since) < time
}

fn told(error: &DiscoveryError<HttpError>) -> String {
    match error {
        DiscoveryError::Request(error) => error.to_string(),
        DiscoveryError::Parse(error) => {
            let path = error.path().to_string();
            format!(
                "what it says cannot be read at `{}`: {}",
                quoted(&path, &[]),
                unreadable(error.inner())
            )
        }
        DiscoveryError::Response(status, _, text) => format!("{status}: {}", quoted(text, &[])),
        other => quoted(&other.to_string(), &[]),
    }
}
