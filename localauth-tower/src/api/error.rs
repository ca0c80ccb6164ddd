//! Errors in LocalAI's flat form.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, Uri, header};
use localauth_core::{
    AddUserError, AttemptError, ChangePasswordError, CreateInviteError, Denial, EntropyError, ImpersonateError,
    KeyError, LimitError, ManageError, PasswordError, PasswordRejection, RegisterError, SharedKeysError, SignInError,
    StoreError,
};
use serde_json::json;

use crate::reject::{ContractErrors, refuse};

/// A refusal or failure of the API.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The request is wrong: status and text.
    Said(StatusCode, String),
    /// A password is not accepted.
    Password(PasswordRejection),
    /// A layer's reason, found by a handler.
    Denied(Denial),
    /// Too many attempts; try again after so many seconds.
    Limited(u64),
    /// The store could not answer.
    Store(StoreError),
    /// Something that should not happen.
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl ApiError {
    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self::Said(StatusCode::BAD_REQUEST, text.into())
    }

    pub(crate) fn missing(text: impl Into<String>) -> Self {
        Self::Said(StatusCode::NOT_FOUND, text.into())
    }

    pub(crate) fn conflict(text: impl Into<String>) -> Self {
        Self::Said(StatusCode::CONFLICT, text.into())
    }

    pub(crate) fn forbidden(text: impl Into<String>) -> Self {
        Self::Said(StatusCode::FORBIDDEN, text.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Said(status, text) => (status, Json(json!({ "error": text }))).into_response(),
            Self::Password(reason) => {
                let body = json!({
                    "error": reason.to_string(),
                    "error_code": reason.code(),
                    "overridable": reason.overridable(),
                });
                (StatusCode::BAD_REQUEST, Json(body)).into_response()
            }
            Self::Denied(denial) => {
                refuse::<_, Body>(&ContractErrors::default(), denial, &Uri::from_static("/api/auth/")).map(Body::new)
            }
            Self::Limited(seconds) => {
                let body = json!({ "error": "too many attempts: wait a little, then try again" });
                let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
            Self::Store(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(cause, "{error}");
                let body = json!({ "error": Denial::StoreUnavailable.to_string() });
                let mut response = (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                response
            }
            Self::Internal(error) => {
                tracing::error!(%error, "internal error");
                let body = json!({ "error": "something went wrong on the server: see its log" });
                (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

impl From<EntropyError> for ApiError {
    fn from(error: EntropyError) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl From<AttemptError> for ApiError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Limited { retry_after } => Self::Limited(
                retry_after
                    .as_millis()
                    .div_ceil(1_000)
                    .max(1)
                    .try_into()
                    .unwrap_or(u64::MAX),
            ),
            AttemptError::Store(error) => Self::Store(error),
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Password(reason) => Self::Password(reason),
            RegisterError::LocalAuthDisabled | RegisterError::SetupCodeRequired => Self::forbidden(error.to_string()),
            RegisterError::Attempt(error) => error.into(),
            RegisterError::Store(error) => Self::Store(error),
            RegisterError::Hash(error) => error.into(),
            RegisterError::Entropy(error) => error.into(),
            other => Self::bad(other.to_string()),
        }
    }
}

impl From<AddUserError> for ApiError {
    fn from(error: AddUserError) -> Self {
        match error {
            AddUserError::Refused(error) => error.into(),
            AddUserError::Denied(denial) => Self::Denied(denial),
            other => Self::bad(other.to_string()),
        }
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::WrongCredentials => Self::Said(StatusCode::UNAUTHORIZED, error.to_string()),
            SignInError::Denied(denial) => Self::Denied(denial),
            SignInError::Attempt(error) => error.into(),
            SignInError::Store(error) => Self::Store(error),
            SignInError::Hash(error) => error.into(),
            SignInError::Entropy(error) => error.into(),
            other => Self::forbidden(other.to_string()),
        }
    }
}

impl From<ChangePasswordError> for ApiError {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::WrongPassword => Self::Said(StatusCode::UNAUTHORIZED, error.to_string()),
            ChangePasswordError::Denied(denial) => Self::Denied(denial),
            ChangePasswordError::Rejected(reason) => Self::Password(reason),
            ChangePasswordError::Attempt(error) => error.into(),
            ChangePasswordError::Store(error) => Self::Store(error),
            ChangePasswordError::Hash(error) => error.into(),
            ChangePasswordError::Entropy(error) => error.into(),
            other => Self::bad(other.to_string()),
        }
    }
}

impl From<ManageError> for ApiError {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::NotFound => Self::missing(error.to_string()),
            ManageError::Denied(denial) => Self::Denied(denial),
            ManageError::Password(reason) => Self::Password(reason),
            ManageError::Store(error) => Self::Store(error),
            ManageError::Internal(_) => Self::Internal(Box::new(error)),
            other => Self::bad(other.to_string()),
        }
    }
}

impl From<ImpersonateError> for ApiError {
    fn from(error: ImpersonateError) -> Self {
        match error {
            ImpersonateError::Manage(error) => error.into(),
            ImpersonateError::Store(error) => Self::Store(error),
            ImpersonateError::Entropy(error) => error.into(),
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<CreateInviteError> for ApiError {
    fn from(error: CreateInviteError) -> Self {
        match error {
            CreateInviteError::Manage(error) => error.into(),
            CreateInviteError::Store(error) => Self::Store(error),
            CreateInviteError::Entropy(error) => error.into(),
            other => Self::bad(other.to_string()),
        }
    }
}

impl From<SharedKeysError> for ApiError {
    fn from(error: SharedKeysError) -> Self {
        match error {
            SharedKeysError::Denied(denial) => Self::Denied(denial),
            SharedKeysError::Store(error) => Self::Store(error),
            SharedKeysError::Entropy(error) => error.into(),
            other => Self::bad(other.to_string()),
        }
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::NotFound | KeyError::NoSuchUser => Self::missing(error.to_string()),
            KeyError::Denied(denial) => Self::Denied(denial),
            KeyError::Exceeds(_) => Self::forbidden(error.to_string()),
            KeyError::Store(error) => Self::Store(error),
            KeyError::Entropy(error) => error.into(),
            other => Self::bad(other.to_string()),
        }
    }
}

impl From<LimitError> for ApiError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::NoSuchUser | LimitError::NoSuchLimit => Self::missing(error.to_string()),
            LimitError::TierInUse(_)
            | LimitError::TierHasKeys(..)
            | LimitError::TierIsDefault(_)
            | LimitError::Outdated => Self::conflict(error.to_string()),
            LimitError::Denied(denial) => Self::Denied(denial),
            LimitError::Store(error) => Self::Store(error),
            LimitError::Entropy(error) => error.into(),
            other => Self::bad(other.to_string()),
        }
    }
}
