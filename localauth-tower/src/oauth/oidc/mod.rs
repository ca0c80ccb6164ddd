//! OpenID Connect: the code flow, with everything that OpenID Connect Core 1.0 (section 3.1.3.7) asks to be looked at.

mod claims;
mod provider;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use localauth_core::{ExternalProfile, Timestamp};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreGenderClaim, CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier,
    CoreJwsSigningAlgorithm, CoreTokenResponse,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClaimsVerificationError, CsrfToken, EmptyAdditionalClaims, HttpResponse, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, Scope, SignatureVerificationError,
    TokenResponse as _, UserInfoClaims, UserInfoError,
};
use serde_json::Value;

use self::claims::Claims;
use self::provider::{Client, Metadata};
use super::attempt::{Attempt, Start};
use super::failure::{Failure, no_token, quoted, unreadable};
use super::handlers::Returned;
use super::http::{HttpError, Watched};

pub(super) use self::provider::Oidc;

/// How far the provider's clock may be off.
const SKEW: Duration = Duration::from_mins(1);
/// The longest `sub`, in bytes (OpenID Connect Core 1.0, section 2).
const MAX_SUB: usize = 255;
/// Bytes of randomness in state and nonce.
const RANDOM: u32 = 32;

/// What an ID token may be signed with. Never with a secret or not at all: that leaves the confusion of a public key with a
/// secret no room (RFC 8725, section 2.1). openidconnect cannot check `ES512`.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

impl Oidc {
    /// Where to send the browser.
    pub(super) async fn begin(&self, redirect_uri: &str, now: Timestamp) -> Result<Start, Failure> {
        let client = self.client(&self.metadata(now).await?, redirect_uri)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new_random_len(RANDOM),
                || Nonce::new_random_len(RANDOM),
            )
            .add_scopes(self.config.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        Ok(Start {
            url: url.into(),
            state: state.into_secret(),
            nonce: Some(nonce.secret().clone()),
            verifier: verifier.into_secret(),
        })
    }

    /// Whether the answer comes from this provider (RFC 9207, section 2.4), error or not.
    pub(super) async fn check_issuer(&self, returned: &Returned, now: Timestamp) -> Result<(), Failure> {
        match returned.iss.as_deref() {
            Some(iss) if iss == self.config.issuer => Ok(()),
            Some(iss) => Err(Failure::provider(format!(
                "the answer is of another issuer: {}",
                quoted(iss, &[])
            ))),
            None if self
                .metadata(now)
                .await?
                .additional_metadata()
                .authorization_response_iss_parameter_supported =>
            {
                Err(Failure::provider("the answer does not say which issuer it is of"))
            }
            None => Ok(()),
        }
    }

    /// Who comes back with `code`.
    pub(super) async fn finish(
        &self,
        code: String,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<ExternalProfile, Failure> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata, &attempt.redirect_uri)?;
        let answer: CoreTokenResponse = client
            .exchange_code(AuthorizationCode::new(code.clone()))
            .map_err(|_| Failure::provider("the metadata names no token endpoint"))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.clone()))
            .request_async(&self.http)
            .await
            .map_err(|error| no_token(&error, &[&code, &attempt.verifier]))?;
        let nonce = attempt.nonce.clone().map(Nonce::new);
        let nonce = nonce.ok_or_else(|| Failure::provider("the sign-in has no nonce"))?;
        let subject = self
            .subject(&answer, &nonce, metadata, &attempt.redirect_uri, now)
            .await?;
        let token = answer.id_token().map(payload).transpose()?.unwrap_or_default();
        // What openidconnect leaves out (RFC 7519, section 4.1.5).
        let not_before = token.get("nbf").and_then(Value::as_f64);
        #[expect(clippy::cast_precision_loss, reason = "a minute of leeway swallows it")]
        if not_before.is_some_and(|nbf| nbf * 1_000.0 > (now + SKEW).as_millis() as f64) {
            return Err(Failure::provider("the ID token is not yet valid"));
        }
        let mut claims = Claims {
            token,
            userinfo: Value::Null,
        };
        if client.user_info_url().is_some() && Claims::is_incomplete(&claims.token, self.config.groups.as_ref()) {
            claims.userinfo = self.userinfo(&client, &answer, &subject).await?;
        }
        // Neither alone is unique (section 5.7).
        let subject = format!("{} {subject}", self.config.issuer);
        Ok(claims.profile(subject, self.config.groups.as_ref()))
    }

    /// Verifies the ID token, if need be with keys that the provider has got since, and says whom it is about.
    async fn subject(
        &self,
        answer: &CoreTokenResponse,
        nonce: &Nonce,
        metadata: Metadata,
        redirect_uri: &str,
        now: Timestamp,
    ) -> Result<String, Failure> {
        use SignatureVerificationError::{CryptoError, NoMatchingKey};

        let token = answer
            .id_token()
            .ok_or_else(|| Failure::provider("the token endpoint gave no ID token"))?;
        let mut client = self.client(&metadata, redirect_uri)?;
        let first = token.claims(&verifier(&client, now), nonce);
        if let Err(ClaimsVerificationError::SignatureVerification(NoMatchingKey | CryptoError(_))) = first
            && let Some(newer) = self.newer_keys(now).await?
        {
            client = self.client(&newer, redirect_uri)?;
        }
        let verifier = verifier(&client, now);
        let claims = token.claims(&verifier, nonce).map_err(|error| refused(&error))?;
        self.check(claims)?;
        check_access_token(token, claims, &verifier, answer)?;
        Ok(claims.subject().as_str().to_owned())
    }

    /// What openidconnect leaves to its callers.
    fn check(&self, claims: &CoreIdTokenClaims) -> Result<(), Failure> {
        if claims.issuer().as_str() != self.config.issuer {
            return Err(Failure::provider("the ID token is of another issuer"));
        }
        let party = claims.authorized_party();
        if party.is_some_and(|party| party.as_str() != self.config.client_id) {
            return Err(Failure::provider("the ID token was made for another client (`azp`)"));
        }
        let sub = claims.subject().as_str();
        if sub.is_empty() || sub.len() > MAX_SUB || sub.chars().any(char::is_control) {
            return Err(Failure::provider("the ID token has no `sub` that can be used"));
        }
        Ok(())
    }

    /// Asks who the access token is about: the same person as the ID token (section 5.3.2), or nothing of it counts.
    async fn userinfo(&self, client: &Client, answer: &CoreTokenResponse, subject: &str) -> Result<Value, Failure> {
        let token = answer.access_token();
        // openidconnect takes it for granted that this can be a header.
        if !token.secret().bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Failure::provider("the access token has characters that none may have"));
        }
        let expected = openidconnect::SubjectIdentifier::new(subject.to_owned());
        let request = client
            .user_info(token.clone(), Some(expected))
            .map_err(|_| Failure::provider("the metadata names no userinfo endpoint"))?;
        let body = Mutex::new(Vec::new());
        let http = Watched {
            http: &self.http,
            look: |response: &mut HttpResponse| {
                body.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone_from(response.body());
            },
        };
        let info: Result<UserInfoClaims<EmptyAdditionalClaims, CoreGenderClaim>, _> =
            request.request_async(&http).await;
        info.map_err(|error| no_userinfo(&error, token.secret()))?;
        let body = body.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Verified by now, as JSON or as a JWT.
        match serde_json::from_slice(&body) {
            Ok(claims) => Ok(claims),
            Err(_) => payload_of(&String::from_utf8_lossy(&body)),
        }
    }
}

/// Checks signature, issuer, audience, times and nonce.
fn verifier(client: &Client, now: Timestamp) -> CoreIdTokenVerifier<'_> {
    let at =
        |time: Timestamp| SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(0));
    let latest = (now + SKEW).as_millis();
    client
        .id_token_verifier()
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || at(now - SKEW).into())
        .set_issue_time_verifier_fn(move |issued| {
            if issued.timestamp_millis() > latest {
                return Err("it was issued in the future".to_owned());
            }
            Ok(())
        })
}

/// When the ID token says which access token it came with, it is that one (section 3.1.3.8).
fn check_access_token(
    token: &CoreIdToken,
    claims: &CoreIdTokenClaims,
    verifier: &CoreIdTokenVerifier<'_>,
    answer: &CoreTokenResponse,
) -> Result<(), Failure> {
    let Some(expected) = claims.access_token_hash() else {
        return Ok(());
    };
    let same = || {
        let (algorithm, key) = (token.signing_alg().ok()?, token.signing_key(verifier).ok()?);
        let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key).ok()?;
        (actual == *expected).then_some(())
    };
    same().ok_or_else(|| Failure::provider("the access token is not the one that the ID token came with (`at_hash`)"))
}

fn refused(error: &ClaimsVerificationError) -> Failure {
    let cause = match error {
        ClaimsVerificationError::SignatureVerification(cause) => format!("{error}: {cause}"),
        other => other.to_string(),
    };
    Failure::provider(format!("the ID token is refused: {}", quoted(&cause, &[])))
}

fn no_userinfo(error: &UserInfoError<HttpError>, token: &str) -> Failure {
    let cause = match error {
        UserInfoError::Request(error) => error.to_string(),
        UserInfoError::ClaimsVerification(error) => format!("it is refused: {error}"),
        UserInfoError::Parse(error) => format!("it cannot be read: {}", unreadable(error.inner())),
        UserInfoError::Response(status, _, text) => format!("{status}: {text}"),
        other => other.to_string(),
    };
    Failure::provider(format!("the userinfo: {}", quoted(&cause, &[token])))
}

/// The claims of an ID token, as they were sent. Only of one that is verified.
fn payload(token: &CoreIdToken) -> Result<Value, Failure> {
    payload_of(&token.to_string())
}

fn payload_of(jwt: &str) -> Result<Value, Failure> {
    let part = jwt.split('.').nth(1).unwrap_or_default();
    let json = BASE64_URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok();
    json.and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| Failure::provider("the claims cannot be read"))
}
