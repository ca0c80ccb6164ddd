//! Who a request comes from.

use std::fmt;
use std::sync::Arc;

use crate::cache::EpochCell;
use crate::clock::Timestamp;
use crate::error::Denial;
use crate::feature::{FeatureRegistry, FeatureSet};
use crate::id::{Epoch, KeyId, SessionId, UserId};
use crate::key::{ApiKey, PublicId};
use crate::model::ModelAllowList;
use crate::session::Session;
use crate::usage::UsageSource;
use crate::user::{Role, Status, User};

/// What a user proved who they are with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// An API key.
    ApiKey {
        /// The key.
        id: KeyId,
        /// Its public half, for logs.
        public_id: PublicId,
        /// What its owner calls it.
        name: Box<str>,
    },
    /// A session.
    Session {
        /// The session.
        id: SessionId,
    },
    /// One of the server's shared (legacy) keys.
    SharedKey,
}

/// Who a request comes from and what they may do, in effect: roles, defaults and lists already resolved.
///
/// An identity is a snapshot. [`is_current`](Self::is_current) says whether anything changed since; a layer that holds
/// one for long (a stream) asks it from time to time.
pub struct Identity {
    user_id: UserId,
    name: Box<str>,
    email: Box<str>,
    role: Role,
    status: Status,
    source: Source,
    features: FeatureSet,
    models: ModelAllowList,
    expires_at: Timestamp,
    epoch: Epoch,
    cell: Arc<EpochCell>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("user_id", &self.user_id)
            .field("role", &self.role)
            .field("status", &self.status)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Identity {
    pub(crate) fn from_key(key: &ApiKey, user: User, features: &FeatureRegistry, cell: Arc<EpochCell>) -> Self {
        let source = Source::ApiKey {
            id: key.id,
            public_id: key.public_id,
            name: key.name.clone().into_boxed_str(),
        };
        Self::new(source, key.expires_at.unwrap_or(Timestamp::MAX), user, features, cell)
    }

    pub(crate) fn from_session(
        session: &Session,
        user: User,
        features: &FeatureRegistry,
        cell: Arc<EpochCell>,
    ) -> Self {
        Self::new(
            Source::Session { id: session.id },
            session.expires_at,
            user,
            features,
            cell,
        )
    }

    fn new(
        source: Source,
        expires_at: Timestamp,
        user: User,
        features: &FeatureRegistry,
        cell: Arc<EpochCell>,
    ) -> Self {
        let admin = user.role == Role::Admin;
        Self {
            user_id: user.id,
            name: user.name.into_boxed_str(),
            email: user.email.as_str().into(),
            role: user.role,
            status: user.status,
            source,
            features: if admin {
                features.everything()
            } else {
                features.effective(&user.permissions)
            },
            models: if admin { ModelAllowList::default() } else { user.models },
            expires_at,
            epoch: user.epoch,
            cell,
        }
    }

    /// The synthetic administrator behind the shared keys.
    pub(crate) fn shared(features: &FeatureRegistry) -> Self {
        Self {
            user_id: UserId::SHARED,
            name: "API Key User".into(),
            email: "".into(),
            role: Role::Admin,
            status: Status::Active,
            source: Source::SharedKey,
            features: features.everything(),
            models: ModelAllowList::default(),
            expires_at: Timestamp::MAX,
            epoch: Epoch::default(),
            cell: Arc::default(),
        }
    }

    /// The user's id.
    pub const fn user_id(&self) -> UserId {
        self.user_id
    }

    /// The user's id as the API sends it: a UUID, or `legacy-api-key` behind a shared key.
    pub fn public_user_id(&self) -> String {
        if self.user_id == UserId::SHARED {
            "legacy-api-key".to_owned()
        } else {
            self.user_id.to_string()
        }
    }

    /// What to call them.
    pub const fn name(&self) -> &str {
        &self.name
    }

    /// Their address; empty behind a shared key.
    pub const fn email(&self) -> &str {
        &self.email
    }

    /// Their role.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether they are an administrator.
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    /// What they proved who they are with.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The kind of credential, as usage tells it apart.
    pub const fn usage_source(&self) -> UsageSource {
        match self.source {
            Source::ApiKey { .. } => UsageSource::ApiKey,
            Source::Session { .. } => UsageSource::Web,
            Source::SharedKey => UsageSource::Legacy,
        }
    }

    /// Whether the feature is on for them. Unknown features are off, for administrators too.
    pub fn may(&self, feature: &str) -> bool {
        self.features.contains(feature)
    }

    /// The features that are on for them.
    pub const fn features(&self) -> &FeatureSet {
        &self.features
    }

    /// Whether they may use `model`.
    pub fn may_use_model(&self, model: &str) -> bool {
        self.models.allows(model)
    }

    /// When the credential ends; [`Timestamp::MAX`] is never.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whether nothing that concerns this user changed since the identity was made, as far as this process knows.
    pub fn is_current(&self) -> bool {
        self.cell.newest() == self.epoch
    }

    /// Whether the credential is still good at `now`, and its user may come in.
    ///
    /// # Errors
    ///
    /// The [`Denial`] to answer with.
    pub fn admit(&self, now: Timestamp) -> Result<(), Denial> {
        if now.is_past(self.expires_at) {
            return Err(match self.source {
                Source::ApiKey { .. } | Source::SharedKey => Denial::ExpiredApiKey,
                Source::Session { .. } => Denial::InvalidSession,
            });
        }
        match self.status {
            Status::Active => Ok(()),
            Status::Pending | Status::Disabled => Err(Denial::AccountInactive),
        }
    }

    /// Whether they may do what needs an administrator.
    ///
    /// # Errors
    ///
    /// [`Denial::AdminRequired`].
    pub fn require_admin(&self) -> Result<(), Denial> {
        if self.is_admin() {
            Ok(())
        } else {
            Err(Denial::AdminRequired)
        }
    }

    /// Whether they may do what needs `feature`.
    ///
    /// # Errors
    ///
    /// [`Denial::FeatureDisabled`].
    pub fn require_feature(&self, feature: &str) -> Result<(), Denial> {
        if self.may(feature) {
            Ok(())
        } else {
            Err(Denial::FeatureDisabled)
        }
    }
}
