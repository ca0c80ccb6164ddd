use localauth_core::{AddUserError, AttemptError, KeyScope, PasswordRejection, RegisterError, StoreError, TierName};
use std::time::Duration;

use super::*;
use crate::console::language::Language;

/// As people are told it, in each language.
#[track_caller]
fn told(what: &str, trouble: impl Into<Trouble>) {
    let trouble = trouble.into();
    assert!(trouble.is_translated(), "{what} is told as the API says it");
    let [english, german] = ["en", "de"].map(|tag| trouble.text(Language::find(tag).unwrap()));
    assert_ne!(english, german, "{what}");
    for text in [english, german] {
        assert!(text.ends_with('.'), "{what} is no sentence: {text}");
        assert!(!text.contains("{$") && !text.contains("error-"), "{what}: {text}");
    }
}

macro_rules! all_told {
    ($($error:expr),* $(,)?) => {$( told(stringify!($error), $error); )*};
}

const REJECTIONS: [PasswordRejection; 5] = [
    PasswordRejection::Empty,
    PasswordRejection::TooShort,
    PasswordRejection::TooLong,
    PasswordRejection::NullByte,
    PasswordRejection::TooWeak,
];

fn tier() -> TierName {
    "gold".parse().unwrap()
}

fn away() -> StoreError {
    StoreError::unavailable("away")
}

fn limited() -> AttemptError {
    AttemptError::Limited {
        retry_after: Duration::from_secs(7),
    }
}

#[test]
fn coming_in_is_told_in_both_languages() {
    all_told!(
        SignInError::LocalAuthDisabled,
        SignInError::Attempt(limited()),
        SignInError::WrongCredentials,
        SignInError::Denied(Denial::InvalidApiKey),
        SignInError::Pending,
        SignInError::Disabled,
        SignInError::Store(away()),
        RegisterError::LocalAuthDisabled,
        RegisterError::InviteRequired,
        RegisterError::InviteInvalid,
        RegisterError::SetupCodeRequired,
        RegisterError::Attempt(limited()),
        RegisterError::Email("x".parse::<localauth_core::Email>().unwrap_err()),
        RegisterError::Name,
        RegisterError::Store(away()),
        AddUserError::EmailTaken,
        AddUserError::Denied(Denial::AdminRequired),
        AddUserError::Refused(RegisterError::Name),
        AddUserError::Refused(RegisterError::Password(PasswordRejection::Empty)),
        AttemptError::Store(away()),
        limited(),
        away(),
    );
    for reason in REJECTIONS {
        told(reason.code(), RegisterError::Password(reason));
        told(reason.code(), ChangePasswordError::Rejected(reason));
        told(reason.code(), ManageError::Password(reason));
    }
}

#[test]
fn what_is_wrong_with_users_and_invites_is_told_in_both_languages() {
    all_told!(
        ChangePasswordError::Attempt(limited()),
        ChangePasswordError::NotLocal,
        ChangePasswordError::WrongPassword,
        ChangePasswordError::Denied(Denial::Impersonating),
        ChangePasswordError::Store(away()),
        ManageError::NotFound,
        ManageError::OnOneself,
        ManageError::LastAdmin,
        ManageError::Status,
        ManageError::NotLocal,
        ManageError::NotActive,
        ManageError::UnknownFeature("chat2".to_owned()),
        ManageError::Models,
        ManageError::Name,
        ManageError::Avatar,
        ManageError::Denied(Denial::KeyScope),
        ManageError::Store(away()),
        ManageError::Internal("?".to_owned()),
        ImpersonateError::Manage(ManageError::NotActive),
        ImpersonateError::Manage(ManageError::UnknownFeature("chat2".to_owned())),
        ImpersonateError::Store(away()),
        CreateInviteError::TooLong,
        CreateInviteError::Manage(ManageError::Denied(Denial::AdminRequired)),
        CreateInviteError::Store(away()),
    );
}

#[test]
fn what_is_wrong_with_keys_and_limits_is_told_in_both_languages() {
    for field in ["models", "features", "routes", "ips", "tier", "can_mint"] {
        told(field, Trouble::bad(exceeded(field)));
    }
    let more = KeyScope {
        can_mint: true,
        ..KeyScope::default()
    };
    told(
        "can_mint",
        KeyError::from(more.within(&KeyScope::default()).unwrap_err()),
    );
    all_told!(
        KeyError::Name,
        KeyError::Expired,
        KeyError::UnknownFeature("chat2".to_owned()),
        KeyError::Scope,
        KeyError::TooMany,
        KeyError::Denied(Denial::KeyScope),
        KeyError::NotFound,
        KeyError::NoSuchUser,
        KeyError::NoSuchTier,
        KeyError::Store(away()),
        LimitError::NoSuchUser,
        LimitError::NoSuchLimit,
        LimitError::NoSuchTier,
        LimitError::Invalid(InvalidLimit::NoMaximum),
        LimitError::Invalid(InvalidLimit::Model),
        LimitError::TooMany,
        LimitError::SameId,
        LimitError::DefaultTier(tier()),
        LimitError::UnknownFeature("chat2".to_owned()),
        LimitError::Model,
        LimitError::TierIsDefault(tier()),
        LimitError::TierInUse(tier()),
        LimitError::TierHasKeys(tier(), 2),
        LimitError::Outdated,
        LimitError::Denied(Denial::AdminRequired),
        LimitError::Store(away()),
        SharedKeysError::Form,
        SharedKeysError::TooMany,
        SharedKeysError::Denied(Denial::Impersonating),
        SharedKeysError::Store(away()),
        InvalidLimit::NoMaximum,
        "A B".parse::<TierName>().unwrap_err(),
        "soon".parse::<localauth_core::Window>().unwrap_err(),
        localauth_core::parse_duration("soon").unwrap_err(),
    );
}

#[test]
fn refusals_of_layers_are_told_in_both_languages() {
    all_told!(
        Denial::MissingCredentials,
        Denial::ConflictingCredentials,
        Denial::AdminRequired,
        Denial::FeatureDisabled,
        Denial::ModelNotAllowed,
        Denial::KeyScope,
        Denial::Impersonating,
        Denial::AccountInactive,
        Denial::CrossSite,
        Denial::InvalidBody,
        Denial::BodyTooLarge,
        Denial::NotFound,
        Denial::QuotaExceeded,
        Denial::RateLimited,
        Denial::StoreUnavailable,
        Denial::UnknownRoute,
    );
}

/// What is put into a text is in it.
#[test]
fn details_are_told() {
    let english = Language::find("en").unwrap();
    let feature = Trouble::from(ManageError::UnknownFeature("<b>chat2".to_owned()));
    assert!(feature.text(english).contains("<b>chat2"));
    assert!(Trouble::from(limited()).text(english).contains('7'));
    assert!(
        Trouble::from(LimitError::DefaultTier(tier()))
            .text(english)
            .contains("gold")
    );
}
