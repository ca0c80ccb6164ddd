//! Errors: what the store could not do, and why a request is refused.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

/// A store could not answer. Never to be mistaken for "there is no such thing", which is `Ok(None)`.
///
/// The text for a user is fixed by [`StoreErrorKind`]; the cause is for the log and reachable through
/// [`std::error::Error::source`].
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What kind of failure a [`StoreError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached or did not answer in time. Trying again later may help.
    Unavailable,
    /// The store answered with something that cannot be: a broken row, an unknown role.
    Inconsistent,
    /// The store cannot be written: a read-only file, a full disk, missing rights.
    ReadOnly,
}

impl StoreError {
    /// A failure of `kind`, caused by `source`.
    pub fn new(kind: StoreErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            kind,
            source: Some(source.into()),
        }
    }

    /// The store cannot be reached, because of `source`.
    pub fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(StoreErrorKind::Unavailable, source)
    }

    /// The store holds something that cannot be, because of `source`.
    pub fn inconsistent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(StoreErrorKind::Inconsistent, source)
    }

    /// What kind of failure this is.
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the store cannot be reached: check that the database runs, then try again",
            StoreErrorKind::Inconsistent => "the store holds data this version does not understand: see the log",
            StoreErrorKind::ReadOnly => "the store cannot be written: check its rights and the free space",
        })
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

/// Why a request is refused: the rows of the wire contract's error table that layers answer with.
///
/// A `Denial` is small, cheap to make and says nothing that a caller may not know. HTTP status, body and headers are
/// made from it by `localauth-tower`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// No credential was sent.
    #[error("You did not provide an API key. Send it as `Authorization: Bearer YOUR_KEY`.")]
    MissingCredentials,
    /// An API key that is malformed, unknown or revoked.
    #[error("Incorrect API key provided. Check the key, or make a new one.")]
    InvalidApiKey,
    /// An API key that was good until it expired.
    #[error("This API key has expired. Make a new one.")]
    ExpiredApiKey,
    /// A session that is malformed, unknown, ended or expired.
    #[error("Your session is not valid any more. Sign in again.")]
    InvalidSession,
    /// An access token that is malformed, unknown or expired.
    #[error("The access token is not valid. Ask for a new one.")]
    InvalidToken,
    /// Two valid credentials of different users in one request.
    #[error("The request carries credentials of two different users. Send only one.")]
    ConflictingCredentials,
    /// The route is for administrators.
    #[error("This needs the admin role. Ask an administrator.")]
    AdminRequired,
    /// The route's feature is off for this user.
    #[error("This feature is not enabled for your account. Ask an administrator.")]
    FeatureDisabled,
    /// The model is not one this user may use.
    #[error("Your account may not use this model. `GET /v1/models` lists those it may.")]
    ModelNotAllowed,
    /// The key's own scope forbids it.
    #[error("This API key's scope does not allow that. Use another key, or sign in.")]
    KeyScope,
    /// Not for an administrator who acts as somebody else.
    #[error("Not while you act as somebody else. Sign out and sign in as yourself.")]
    Impersonating,
    /// The credential is right, its user pending or disabled.
    #[error("This account is not active. Ask an administrator.")]
    AccountInactive,
    /// Another site acts in a browser's name.
    #[error("This request comes from another site. Send your credential in a header.")]
    CrossSite,
    /// The model, or another field that limits depend on, is named twice or in two ways.
    #[error(
        "The request can be read in two ways. Name `model` and each limit once, in lower case, and in the body only."
    )]
    AmbiguousRequest,
    /// The body is not what the route takes.
    #[error("The request body is not valid. Send one JSON object in UTF-8, with fields of the documented types.")]
    InvalidBody,
    /// More answers are asked for than one request may have.
    #[error("`n` and `best_of` are larger than one request may ask for. Ask for at most 128 answers at once.")]
    TooManyAnswers,
    /// The body is larger than the server reads.
    #[error("The request body is too large. Send a smaller one.")]
    BodyTooLarge,
    /// The body is encoded, or of a type that the route does not read.
    #[error("This kind of body is not supported. Send `Content-Type: application/json` without `Content-Encoding`.")]
    UnsupportedMediaType,
    /// Nobody declared the path.
    #[error("Unknown request URL. Check the path and the method.")]
    UnknownRoute,
    /// There is no such thing, or it is somebody else's: nobody can tell which.
    #[error("There is nothing with this id. Check the id, or look whether it is yours.")]
    NotFound,
    /// A quota of the user is used up.
    #[error("You have used up your quota. Wait until it resets, or ask an administrator.")]
    QuotaExceeded,
    /// A limit of the tier or key, or of everybody, is used up; or too many ask at once.
    #[error("Too many requests. Wait as long as `Retry-After` says, then try again.")]
    RateLimited,
    /// The store could not answer.
    #[error("The service cannot check your credential at the moment. Try again shortly.")]
    StoreUnavailable,
}

impl Denial {
    /// Every reason there is.
    pub const ALL: &'static [Self] = &[
        Self::MissingCredentials,
        Self::InvalidApiKey,
        Self::ExpiredApiKey,
        Self::InvalidSession,
        Self::InvalidToken,
        Self::ConflictingCredentials,
        Self::AdminRequired,
        Self::FeatureDisabled,
        Self::ModelNotAllowed,
        Self::KeyScope,
        Self::Impersonating,
        Self::AccountInactive,
        Self::CrossSite,
        Self::AmbiguousRequest,
        Self::InvalidBody,
        Self::TooManyAnswers,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::UnknownRoute,
        Self::NotFound,
        Self::QuotaExceeded,
        Self::RateLimited,
        Self::StoreUnavailable,
    ];

    /// The machine-readable code, as in the wire contract.
    ///
    /// ```
    /// assert_eq!(localauth_core::Denial::InvalidApiKey.code(), "invalid_api_key");
    /// ```
    pub const fn code(self) -> &'static str {
        match self {
            Self::MissingCredentials => "missing_credentials",
            Self::InvalidApiKey => "invalid_api_key",
            Self::ExpiredApiKey => "expired_api_key",
            Self::InvalidSession => "invalid_session",
            Self::InvalidToken => "invalid_token",
            Self::ConflictingCredentials => "conflicting_credentials",
            Self::AdminRequired => "admin_required",
            Self::FeatureDisabled => "feature_disabled",
            Self::ModelNotAllowed => "model_not_allowed",
            Self::KeyScope => "key_scope",
            Self::Impersonating => "impersonating",
            Self::AccountInactive => "account_inactive",
            Self::CrossSite => "cross_site",
            Self::AmbiguousRequest => "ambiguous_request",
            Self::InvalidBody => "invalid_body",
            Self::TooManyAnswers => "integer_above_max_value",
            Self::BodyTooLarge => "body_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UnknownRoute => "unknown_route",
            Self::NotFound => "not_found",
            Self::QuotaExceeded => "insufficient_quota",
            Self::RateLimited => "rate_limit_exceeded",
            Self::StoreUnavailable => "store_unavailable",
        }
    }

    /// The HTTP status (RFC 9110): 401 for who, 403 for what, 400, 413 and 415 for a body that cannot be judged, 503 for a
    /// store that cannot say.
    ///
    /// ```
    /// # use localauth_core::Denial;
    /// assert_eq!(Denial::InvalidApiKey.status(), http::StatusCode::UNAUTHORIZED);
    /// assert_eq!(Denial::AdminRequired.status(), http::StatusCode::FORBIDDEN);
    /// assert_eq!(Denial::StoreUnavailable.status(), http::StatusCode::SERVICE_UNAVAILABLE);
    /// ```
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MissingCredentials
            | Self::InvalidApiKey
            | Self::ExpiredApiKey
            | Self::InvalidSession
            | Self::InvalidToken
            | Self::ConflictingCredentials => StatusCode::UNAUTHORIZED,
            Self::AdminRequired
            | Self::FeatureDisabled
            | Self::ModelNotAllowed
            | Self::KeyScope
            | Self::Impersonating
            | Self::AccountInactive
            | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::AmbiguousRequest | Self::InvalidBody | Self::TooManyAnswers => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::UnknownRoute | Self::NotFound => StatusCode::NOT_FOUND,
            Self::QuotaExceeded | Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The `type` of the error in the OpenAI shape.
    pub const fn error_type(self) -> &'static str {
        match self {
            Self::MissingCredentials
            | Self::InvalidApiKey
            | Self::ExpiredApiKey
            | Self::InvalidSession
            | Self::InvalidToken
            | Self::ConflictingCredentials => "authentication_error",
            Self::AdminRequired
            | Self::FeatureDisabled
            | Self::ModelNotAllowed
            | Self::KeyScope
            | Self::Impersonating
            | Self::AccountInactive
            | Self::CrossSite => "authorization_error",
            Self::AmbiguousRequest
            | Self::InvalidBody
            | Self::TooManyAnswers
            | Self::BodyTooLarge
            | Self::UnsupportedMediaType
            | Self::UnknownRoute
            | Self::NotFound => "invalid_request_error",
            Self::QuotaExceeded => "quota_exceeded",
            Self::RateLimited => "rate_limit_error",
            Self::StoreUnavailable => "server_error",
        }
    }
}
