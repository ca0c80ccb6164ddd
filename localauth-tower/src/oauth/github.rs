//! GitHub, which is OAuth 2 with habits of its own.

use http::{StatusCode, header};
use localauth_core::{ExternalIdentity, ExternalProfile, Provider};
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _, TokenUrl,
};
use serde_json::Value;

use super::attempt::{Attempt, Start};
use super::config::{GithubConfig, OAuthConfigError};
use super::failure::{Failure, no_token, unreadable};
use super::http::{Http, Watched};

/// Bytes of randomness in the state.
const RANDOM: u32 = 32;

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// GitHub.
#[derive(Debug)]
pub(super) struct Github {
    config: GithubConfig,
    auth_url: AuthUrl,
    token_url: TokenUrl,
    /// Without a slash at its end.
    api_url: String,
    http: Http,
}

impl Github {
    pub(super) fn new(config: GithubConfig, http: Http) -> Result<Self, OAuthConfigError> {
        config.check()?;
        let bad = |url: &str| OAuthConfigError::Url {
            name: "the URL of GitHub",
            url: url.to_owned(),
            reason: "is no URL",
        };
        let base = config.url.trim_end_matches('/');
        Ok(Self {
            auth_url: AuthUrl::new(format!("{base}/login/oauth/authorize")).map_err(|_| bad(base))?,
            token_url: TokenUrl::new(format!("{base}/login/oauth/access_token")).map_err(|_| bad(base))?,
            api_url: config.api_url.trim_end_matches('/').to_owned(),
            config,
            http,
        })
    }

    fn client(&self, redirect_uri: &str) -> Result<Client, Failure> {
        let redirect = RedirectUrl::new(redirect_uri.to_owned())
            .map_err(|_| Failure::provider("the address of this server, as the request says it, is no URL"))?;
        Ok(BasicClient::new(ClientId::new(self.config.client_id.clone()))
            .set_client_secret(ClientSecret::new(self.config.client_secret.clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(self.auth_url.clone())
            .set_token_uri(self.token_url.clone())
            .set_redirect_uri(redirect))
    }

    /// Where to send the browser.
    pub(super) fn begin(&self, redirect_uri: &str) -> Result<Start, Failure> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(redirect_uri)?;
        let (url, state) = client
            .authorize_url(|| CsrfToken::new_random_len(RANDOM))
            .add_scopes(["read:user", "user:email"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        Ok(Start {
            url: url.into(),
            state: state.into_secret(),
            nonce: None,
            verifier: verifier.into_secret(),
        })
    }

    /// Who comes back with `code`.
    pub(super) async fn finish(&self, code: String, attempt: &Attempt) -> Result<ExternalProfile, Failure> {
        let client = self.client(&attempt.redirect_uri)?;
        let http = Watched {
            http: &self.http,
            look: own_errors,
        };
        let answer: BasicTokenResponse = client
            .exchange_code(AuthorizationCode::new(code.clone()))
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.clone()))
            .request_async(&http)
            .await
            .map_err(|error| no_token(&error, &[&code, &attempt.verifier, &self.config.client_secret]))?;
        let token = answer.access_token().secret();
        // Looked at by name: serde would take a list for a structure.
        let person = self.get("/user", token).await?;
        let id = person["id"].as_u64();
        let id = id.ok_or_else(|| Failure::provider("GitHub's /user says no id"))?;
        let addresses = self.get("/user/emails?per_page=100", token).await?;
        let addresses = addresses.as_array();
        let addresses = addresses.ok_or_else(|| Failure::provider("GitHub's /user/emails is no list"))?;
        // What stands in the profile is what they like to show: only the list says what is verified.
        let address = addresses
            .iter()
            .find(|address| address["primary"] == Value::Bool(true) && address["verified"] == Value::Bool(true));
        let email = address.and_then(|address| filled(&address["email"]));
        if email.is_none() {
            tracing::warn!(id, "somebody at GitHub has no verified primary address");
        }
        Ok(ExternalProfile {
            identity: ExternalIdentity {
                provider: Provider::Github,
                subject: id.to_string(),
            },
            email_verified: email.is_some(),
            email,
            name: filled(&person["name"])
                .or_else(|| filled(&person["login"]))
                .unwrap_or_default(),
            avatar_url: filled(&person["avatar_url"]).unwrap_or_default(),
            grant: None,
        })
    }

    async fn get(&self, path: &str, token: &str) -> Result<Value, Failure> {
        let failed = |cause: String| Failure::provider(format!("GitHub's {path}: {cause}"));
        let request = http::Request::get(format!("{}{path}", self.api_url))
            .header(header::ACCEPT, "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Vec::new())
            // Not the error: the token could be in it.
            .map_err(|_| failed("the access token has characters that none may have".to_owned()))?;
        let response = self
            .http
            .send(request)
            .await
            .map_err(|error| failed(error.to_string()))?;
        if response.status() != StatusCode::OK {
            return Err(failed(format!("{}", response.status())));
        }
        serde_json::from_slice(response.body())
            .map_err(|error| failed(format!("it cannot be read: {}", unreadable(&error))))
    }
}

/// A text that says something.
fn filled(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

/// GitHub's errors come with 200, against RFC 6749, section 5.2.
fn own_errors(response: &mut HttpResponse) {
    if response.status() == StatusCode::OK && serde_json::from_slice::<BasicErrorResponse>(response.body()).is_ok() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
}
