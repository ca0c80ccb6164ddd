//! What the API shows of users, and how it writes ids and times.

use std::collections::BTreeMap;

use localauth_core::{Auth, Role, Source, Tier, Timestamp, User, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use crate::CurrentUser;

/// A user as the API shows them to themselves.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserView {
    /// A UUID, or `legacy-api-key` behind a shared key.
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) avatar_url: String,
    #[schema(pattern = "^(user|admin)$")]
    pub(crate) role: &'static str,
    /// `local`, `github`, `oidc`, `service`; `legacy` behind a shared key.
    pub(crate) provider: &'static str,
    /// Each feature, and whether it is on for them.
    pub(crate) permissions: BTreeMap<&'static str, bool>,
}

impl UserView {
    /// A user with what their tier and their own row give them.
    pub(crate) async fn of(auth: &Auth, user: &User) -> Result<Self, ApiError> {
        let limits = auth.user_limits(user.id).await?;
        let (house, _) = auth.house_rules().await?;
        Ok(Self::in_tier(auth, user, house.tier_of(&limits).map(|(_, tier)| tier)))
    }

    /// The same, with the tier at hand.
    pub(crate) fn in_tier(auth: &Auth, user: &User, tier: Option<&Tier>) -> Self {
        let admin = user.role == Role::Admin;
        let said = |key: &str| {
            let by_name = user.permissions.get(key);
            by_name.or_else(|| tier?.features.get(key)).copied()
        };
        Self {
            id: user_id(user.id),
            email: user.email.as_str().to_owned(),
            name: user.name.clone(),
            avatar_url: user.avatar_url.clone(),
            role: user.role.as_str(),
            provider: user.provider.as_str(),
            permissions: auth
                .features()
                .iter()
                .map(|f| (f.key, admin || said(f.key).unwrap_or(f.default)))
                .collect(),
        }
    }

    /// The synthetic administrator.
    pub(crate) fn shared(auth: &Auth) -> Self {
        Self {
            id: user_id(UserId::SHARED),
            email: String::new(),
            name: localauth_core::SHARED_NAME.to_owned(),
            avatar_url: String::new(),
            role: Role::Admin.as_str(),
            provider: "legacy",
            permissions: auth.features().iter().map(|f| (f.key, true)).collect(),
        }
    }

    /// Whoever is signed in, by what the store says now; what they may do is what their credential may.
    pub(crate) async fn current(auth: &Auth, current: &CurrentUser) -> Result<Self, ApiError> {
        let mut view = if current.id() == UserId::SHARED {
            Self::shared(auth)
        } else {
            match auth.find_user(current.id()).await? {
                Some(user) => Self::of(auth, &user).await?,
                // Deleted between the look at the credential and this one.
                None => return Err(gone(current).into()),
            }
        };
        for (feature, on) in &mut view.permissions {
            *on = *on && current.may(feature);
        }
        Ok(view)
    }
}

fn gone(current: &CurrentUser) -> localauth_core::Denial {
    match current.source() {
        Source::Session { .. } => localauth_core::Denial::InvalidSession,
        _ => localauth_core::Denial::InvalidApiKey,
    }
}

/// An id as the API shows it.
pub(crate) fn user_id(id: UserId) -> String {
    if id == UserId::SHARED {
        "legacy-api-key".to_owned()
    } else {
        id.to_string()
    }
}

/// A user's id as it is sent; what is no id is nobody's.
pub(crate) fn parse_user_id(text: &str) -> Option<UserId> {
    if text == "legacy-api-key" {
        return Some(UserId::SHARED);
    }
    text.parse().ok()
}

/// A time as the API shows it.
pub(crate) fn time(at: Timestamp) -> String {
    at.to_rfc3339()
}
