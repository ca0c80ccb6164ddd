//! Why somebody does not come in: a short code for them, the cause for the log.

use std::error::Error;
use std::fmt;

use localauth_core::{AttemptError, ExternalSignInError, LinkError};
use oauth2::{ErrorResponse, RequestTokenError};

use super::http::HttpError;
use crate::api::error::ApiError;

/// The longest text of a provider that is logged, in characters.
const MAX_TEXT: usize = 200;

/// Why somebody does not come in.
#[derive(Debug)]
pub(super) enum Failure {
    /// Told by a code in the address of the page they land on.
    Told {
        /// The code.
        code: &'static str,
        /// The cause, without secrets.
        cause: String,
        /// Whether the use case has put it into the audit log already.
        noted: bool,
    },
    /// Nobody's fault but ours.
    Ours(ApiError),
}

impl Failure {
    /// The provider's, or whoever pretends to come from there.
    pub(super) fn provider(cause: impl Into<String>) -> Self {
        Self::told("provider", cause)
    }

    /// They said no over there, or the provider did.
    pub(super) fn denied(cause: impl Into<String>) -> Self {
        Self::told("denied", cause)
    }

    fn told(code: &'static str, cause: impl Into<String>) -> Self {
        Self::Told {
            code,
            cause: cause.into(),
            noted: false,
        }
    }

    fn noted(code: &'static str, cause: &impl fmt::Display) -> Self {
        Self::Told {
            code,
            cause: cause.to_string(),
            noted: true,
        }
    }

    /// An identity was vouched for, and may not come in here.
    pub(super) fn sign_in(error: ExternalSignInError, email_verified: bool) -> Self {
        let code = match &error {
            ExternalSignInError::InviteRequired => "invite_required",
            ExternalSignInError::InviteInvalid => "invalid_invite",
            ExternalSignInError::SetupCodeRequired => "setup_code",
            ExternalSignInError::Pending => "pending",
            ExternalSignInError::Disabled => "denied",
            // Otherwise anybody could ask which addresses are known here, by claiming them at a provider that does not check.
            ExternalSignInError::EmailTaken if email_verified => "email_taken",
            ExternalSignInError::Store(_) | ExternalSignInError::Entropy(_) => {
                return Self::Ours(match error {
                    ExternalSignInError::Store(error) => error.into(),
                    other => ApiError::Internal(Box::new(other)),
                });
            }
            _ => "provider",
        };
        Self::noted(code, &error)
    }

    /// An identity was vouched for, and not linked.
    pub(super) fn link(error: LinkError) -> Self {
        match error {
            LinkError::Taken => Self::noted("identity_taken", &error),
            LinkError::Manage(localauth_core::ManageError::Denied(denial)) => Self::noted("denied", &denial),
            LinkError::Manage(error) => Self::Ours(error.into()),
            other => Self::Ours(ApiError::Internal(Box::new(other))),
        }
    }
}

impl From<AttemptError> for Failure {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Limited { .. } => Self::noted("rate_limited", &error),
            other => Self::Ours(other.into()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told { cause, .. } => f.write_str(cause),
            Self::Ours(_) => f.write_str("the server's own"),
        }
    }
}

/// What a provider or a browser said, fit for a log: on one line, not long, and without any of `secrets`.
pub(super) fn quoted(text: &str, secrets: &[&str]) -> String {
    if secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret)) {
        return "(not repeated: it has a secret in it)".to_owned();
    }
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

/// Why JSON cannot be read: where and in which way, but not what stands there, which may be a token.
pub(super) fn unreadable(error: &serde_json::Error) -> String {
    format!(
        "{:?} error at line {}, column {}",
        error.classify(),
        error.line(),
        error.column()
    )
    .to_lowercase()
}

/// Why no token was given for a code.
pub(super) fn no_token<T: ErrorResponse>(error: &RequestTokenError<HttpError, T>, secrets: &[&str]) -> Failure {
    Failure::provider(match error {
        RequestTokenError::ServerResponse(said) => {
            format!("the token endpoint refused: {}", quoted(&said.to_string(), secrets))
        }
        RequestTokenError::Request(error) => format!("the token endpoint: {error}"),
        RequestTokenError::Parse(error, _) => {
            let why = error
                .source()
                .and_then(|source| source.downcast_ref::<serde_json::Error>());
            let why = why.map(unreadable).unwrap_or_default();
            format!("the answer of the token endpoint cannot be read: {why}")
        }
        RequestTokenError::Other(text) => format!("the token endpoint: {}", quoted(text, secrets)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_stays_one_line_and_keeps_secrets() {
        assert_eq!(quoted("a\r\nb\u{1b}[31m", &["c0de", ""]), "ab[31m");
        assert_eq!(quoted(&"x".repeat(1_000), &[]).len(), MAX_TEXT);
        assert!(!quoted("the code c0de is spent", &["c0de"]).contains("c0de"));
        let error = serde_json::from_str::<u8>("\"hunter2\"").unwrap_err();
        assert!(!unreadable(&error).contains("hunter2"));
    }
}
