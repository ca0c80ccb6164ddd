//! Which text tells which failure of a use case.

use localauth_core::{
    AddUserError, ChangePasswordError, CreateInviteError, EntropyError, ImpersonateError, KeyError, LimitError,
    ManageError, PasswordRejection, RegisterError, SharedKeysError, SignInError, StoreError,
};

use super::trouble::Trouble;

/// A failure that people can be told.
trait Told {
    /// The id of its text; `None` where its own words, the API's English, have to do.
    fn text_id(&self) -> Option<&'static str>;
}

macro_rules! told {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                let id = error.text_id();
                Self::from_api(error.into(), id)
            }
        }
    )*};
}

told!(
    AddUserError,
    ChangePasswordError,
    CreateInviteError,
    ImpersonateError,
    KeyError,
    LimitError,
    ManageError,
    RegisterError,
    SharedKeysError,
    SignInError,
);

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::from_api(error.into(), None)
    }
}

impl From<EntropyError> for Trouble {
    fn from(error: EntropyError) -> Self {
        Self::from_api(error.into(), None)
    }
}

impl From<localauth_core::AttemptError> for Trouble {
    fn from(error: localauth_core::AttemptError) -> Self {
        Self::from_api(error.into(), None)
    }
}

/// What is wrong with a password.
pub(super) const fn password(reason: PasswordRejection) -> Option<&'static str> {
    Some(match reason {
        PasswordRejection::Empty => "error-password-empty",
        PasswordRejection::TooShort => "error-password-too-short",
        PasswordRejection::TooLong => "error-password-too-long",
        PasswordRejection::NullByte => "error-password-null-byte",
        PasswordRejection::TooWeak => "error-password-too-weak",
        _ => return None,
    })
}

impl Told for SignInError {
    fn text_id(&self) -> Option<&'static str> {
        Some(match self {
            Self::LocalAuthDisabled => "error-local-auth-off",
            Self::WrongCredentials => "error-wrong-credentials",
            Self::Pending => "error-pending",
            Self::Disabled => "error-disabled",
            _ => return None,
        })
    }
}

impl Told for RegisterError {
    fn text_id(&self) -> Option<&'static str> {
        Some(match self {
            Self::LocalAuthDisabled => "error-local-auth-off",
            Self::InviteRequired => "error-invite-required",
            Self::InviteInvalid => "error-invite-invalid",
            Self::SetupCodeRequired => "error-setup-code",
            Self::Email(_) => "error-email",
            Self::Name => "error-name",
            Self::Password(reason) => return password(*reason),
            _ => return None,
        })
    }
}

impl Told for AddUserError {
    fn text_id(&self) -> Option<&'static str> {
        match self {
            Self::EmailTaken => Some("error-email-taken"),
            Self::Refused(error) => error.text_id(),
            _ => None,
        }
    }
}

impl Told for ChangePasswordError {
    fn text_id(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotLocal => "error-not-local",
            Self::WrongPassword => "error-wrong-password",
            Self::Rejected(reason) => return password(*reason),
            _ => return None,
        })
    }
}

impl Told for ManageError {
    fn text_id(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotFound => "error-no-such-user",
            Self::OnOneself => "error-on-oneself",
            Self::LastAdmin => "error-last-admin",
            Self::NotLocal => "error-no-password-here",
            Self::NotActive => "error-not-active",
            Self::Models => "error-models",
            Self::Name => "error-name-required",
            Self::Avatar => "error-avatar",
            Self::Password(reason) => return password(*reason),
            _ => return None,
        })
    }
}

impl Told for ImpersonateError {
    fn text_id(&self) -> Option<&'static str> {
        match self {
            Self::Manage(error) => error.text_id(),
            _ => None,
        }
    }
}

impl Told for CreateInviteError {
    fn text_id(&self) -> Option<&'static str> {
        match self {
            Self::TooLong => Some("error-invite-too-long"),
            Self::Manage(error) => error.text_id(),
            _ => None,
        }
    }
}

impl Told for KeyError {
    fn text_id(&self) -> Option<&'static str> {
        Some(match self {
            Self::Name => "error-key-name",
            Self::Expired => "error-key-expired",
            Self::Scope => "error-key-scope-list",
            Self::TooMany => "error-key-too-many",
            Self::NotFound => "error-no-such-key",
            Self::NoSuchUser => "error-no-such-user",
            Self::NoSuchTier => "error-no-such-tier",
            _ => return None,
        })
    }
}

impl Told for LimitError {
    fn text_id(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoSuchUser => "error-no-such-user",
            Self::NoSuchLimit => "error-no-such-limit",
            Self::NoSuchTier => "error-no-such-tier",
            Self::TooMany => "error-limit-too-many",
            Self::Model => "error-limit-model",
            Self::TierIsDefault(_) => "error-tier-default",
            Self::TierInUse(_) => "error-tier-in-use",
            Self::TierHasKeys(..) => "error-tier-has-keys",
            Self::Outdated => "error-outdated",
            _ => return None,
        })
    }
}

impl Told for SharedKeysError {
    fn text_id(&self) -> Option<&'static str> {
        Some(match self {
            Self::Form => "error-shared-key-form",
            Self::TooMany => "error-shared-key-too-many",
            Self::Present => "error-shared-key-present",
            Self::NotFound => "error-no-such-shared-key",
            _ => return None,
        })
    }
}
