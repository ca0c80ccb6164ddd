//! Which text tells which failure of a use case.

use localauth_core::{
    AddUserError, AttemptError, ChangePasswordError, CreateInviteError, Denial, EntropyError, ImpersonateError,
    InvalidLimit, InvalidTierName, InvalidWindow, KeyError, LimitError, ManageError, ParseExpiryError,
    PasswordRejection, RegisterError, SharedKeysError, SignInError, StoreError,
};

use super::trouble::Trouble;

/// A failure that people can be told.
trait Told {
    /// The id of its text; `None` where its own words, the API's English, have to do.
    fn text_id(&self) -> Option<&'static str>;

    /// What is put into it.
    fn detail(&self) -> Option<(&'static str, String)> {
        None
    }
}

macro_rules! told {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                let (id, detail) = (error.text_id(), error.detail());
                let trouble = Self::from_api(error.into(), id);
                match detail {
                    Some((name, value)) => trouble.with(name, value),
                    None => trouble,
                }
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

impl From<AttemptError> for Trouble {
    fn from(error: AttemptError) -> Self {
        Self::from_api(error.into(), None)
    }
}

impl From<InvalidLimit> for Trouble {
    fn from(error: InvalidLimit) -> Self {
        LimitError::from(error).into()
    }
}

impl From<InvalidTierName> for Trouble {
    fn from(_: InvalidTierName) -> Self {
        Self::bad("error-not-a-tier-name")
    }
}

impl From<InvalidWindow> for Trouble {
    fn from(_: InvalidWindow) -> Self {
        Self::bad("error-window")
    }
}

impl From<ParseExpiryError> for Trouble {
    fn from(_: ParseExpiryError) -> Self {
        Self::bad("error-duration")
    }
}

/// What a layer's reason says to people.
pub(super) const fn denial(reason: Denial) -> &'static str {
    match reason {
        Denial::MissingCredentials
        | Denial::InvalidSession
        | Denial::InvalidApiKey
        | Denial::ExpiredApiKey
        | Denial::InvalidToken => "error-signed-out",
        Denial::ConflictingCredentials => "error-two-credentials",
        Denial::AdminRequired => "error-admin-required",
        Denial::FeatureDisabled => "error-feature-off",
        Denial::ModelNotAllowed => "error-model-not-allowed",
        Denial::KeyScope => "error-key-scope",
        Denial::Impersonating => "error-impersonating",
        Denial::AccountInactive => "error-account-inactive",
        Denial::CrossSite => "error-cross-site",
        Denial::BodyTooLarge => "error-too-large",
        Denial::StoreUnavailable => "error-store",
        Denial::UnknownRoute => "error-no-such-page",
        Denial::NotFound => "error-nothing-here",
        Denial::QuotaExceeded => "error-quota",
        Denial::RateLimited => "error-rate-limited",
        _ => "error-refused",
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
            Self::Status => "error-status",
            Self::UnknownFeature(_) => "error-unknown-feature",
            Self::Models => "error-models",
            Self::Name => "error-name-required",
            Self::Avatar => "error-avatar",
            Self::Password(reason) => return password(*reason),
            _ => return None,
        })
    }

    fn detail(&self) -> Option<(&'static str, String)> {
        match self {
            Self::UnknownFeature(feature) => Some(("feature", feature.clone())),
            _ => None,
        }
    }
}

impl Told for ImpersonateError {
    fn text_id(&self) -> Option<&'static str> {
        match self {
            Self::Manage(error) => error.text_id(),
            _ => None,
        }
    }

    fn detail(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Manage(error) => error.detail(),
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

    fn detail(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Manage(error) => error.detail(),
            _ => None,
        }
    }
}

impl Told for KeyError {
    fn text_id(&self) -> Option<&'static str> {
        Some(match self {
            Self::Name => "error-key-name",
            Self::Expired => "error-key-expired",
            Self::UnknownFeature(_) => "error-unknown-feature",
            Self::Exceeds(beyond) => exceeded(beyond.field),
            Self::Scope => "error-key-scope-list",
            Self::TooMany => "error-key-too-many",
            Self::NotFound => "error-no-such-key",
            Self::Outdated => "error-key-rotated",
            Self::NoSuchUser => "error-no-such-user",
            Self::NoSuchTier => "error-no-such-tier",
            _ => return None,
        })
    }

    fn detail(&self) -> Option<(&'static str, String)> {
        match self {
            Self::UnknownFeature(feature) => Some(("feature", feature.clone())),
            _ => None,
        }
    }
}

/// A key would have more than its maker: of what.
fn exceeded(field: &str) -> &'static str {
    match field {
        "models" => "error-exceeds-models",
        "features" => "error-exceeds-features",
        "routes" => "error-exceeds-routes",
        "ips" => "error-exceeds-ips",
        "tier" => "error-exceeds-tier",
        _ => "error-exceeds",
    }
}

impl Told for LimitError {
    fn text_id(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoSuchUser => "error-no-such-user",
            Self::NoSuchLimit => "error-no-such-limit",
            Self::NoSuchTier => "error-no-such-tier",
            Self::Invalid(InvalidLimit::NoMaximum) => "error-limit-no-maximum",
            Self::TooMany => "error-limit-too-many",
            Self::SameId => "error-limit-same-id",
            Self::DefaultTier(_) => "error-tier-default-missing",
            Self::UnknownFeature(_) => "error-unknown-feature",
            Self::Model | Self::Invalid(InvalidLimit::Model) => "error-limit-model",
            Self::TierIsDefault(_) => "error-tier-default",
            Self::TierInUse(_) => "error-tier-in-use",
            Self::TierHasKeys(..) => "error-tier-has-keys",
            Self::Outdated => "error-outdated",
            _ => return None,
        })
    }

    fn detail(&self) -> Option<(&'static str, String)> {
        match self {
            Self::UnknownFeature(feature) => Some(("feature", feature.clone())),
            Self::DefaultTier(tier) => Some(("tier", tier.to_string())),
            _ => None,
        }
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

#[cfg(test)]
mod tests;
