//! Who a request comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::Method;

use crate::audit::AuditActor;
use crate::cache::EpochCell;
use crate::clock::Timestamp;
use crate::error::Denial;
use crate::feature::{FeatureRegistry, FeatureSet};
use crate::id::{Epoch, KeyId, SessionId, UserId};
use crate::key::{ApiKey, PublicId};
use crate::limit::{Bound, Claim, HouseRules, Tier, TierName};
use crate::model::ModelAllowList;
use crate::scope::KeyScope;
use crate::secret::StoredDigest;
use crate::store::UserLimits;
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
    /// What a key narrows it to, when it does.
    scope: Option<Box<KeyScope>>,
    can_mint: bool,
    key: Option<(KeyId, Option<Timestamp>)>,
    key_name: Box<str>,
    expires_at: Timestamp,
    renew_at: Option<Timestamp>,
    shared_key: Option<StoredDigest>,
    impersonator: Option<AuditActor>,
    watch: Watch,
    also: Option<Watch>,
    /// The house rules that were in force.
    house: Option<Watch>,
    /// All limits that may bind a request.
    claims: Arc<[Claim]>,
    /// What the tiers of user and key leave of the models.
    tier_models: Vec<BTreeSet<String>>,
    tier: Option<TierName>,
    weight: u16,
}

/// What the synthetic administrator is called.
pub const SHARED_NAME: &str = "API Key User";

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

/// What an identity was made from besides its user.
pub(crate) struct Proof {
    pub(crate) source: Source,
    /// When the credential ends.
    pub(crate) expires_at: Timestamp,
    /// What a key narrows it to.
    pub(crate) scope: Option<KeyScope>,
    /// The key behind it, and when that ends.
    pub(crate) key: Option<(KeyId, Option<Timestamp>)>,
    /// What its owner calls that key.
    pub(crate) key_name: Box<str>,
    /// When a browser that holds the session's present token is to be given a new one.
    pub(crate) renew_at: Option<Timestamp>,
    /// The shared key behind it.
    pub(crate) shared_key: Option<StoredDigest>,
    /// Who acts as the user, and whether they still may.
    pub(crate) impersonator: Option<AuditActor>,
    /// Whose changes end it besides its user's.
    pub(crate) also: Option<Watch>,
}

impl Proof {
    pub(crate) fn new(source: Source, expires_at: Timestamp) -> Self {
        Self {
            source,
            expires_at,
            scope: None,
            key: None,
            key_name: Box::default(),
            renew_at: None,
            shared_key: None,
            impersonator: None,
            also: None,
        }
    }

    pub(crate) fn of_key(key: &ApiKey, expires_at: Timestamp) -> Self {
        let source = Source::ApiKey {
            id: key.id,
            public_id: key.public_id,
            name: key.name.clone().into_boxed_str(),
        };
        Self {
            scope: Some(key.scope.clone()),
            key: Some((key.id, key.expires_at)),
            key_name: key.name.clone().into_boxed_str(),
            ..Self::new(source, expires_at)
        }
    }
}

/// What holds for a user besides what is said in their own row.
pub(crate) struct Terms<'a> {
    pub(crate) house: &'a HouseRules,
    pub(crate) watch: Watch,
    pub(crate) limits: &'a UserLimits,
    /// Whether limits bind administrators.
    pub(crate) limit_admins: bool,
}

impl<'a> Terms<'a> {
    /// The name and the rules of the tier that a user is in.
    fn tier(&self) -> Option<(&'a TierName, &'a Tier)> {
        self.house.tier_of(self.limits)
    }
}

/// Somebody's epoch, and where to read whether it is still that one.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) cell: Arc<EpochCell>,
    pub(crate) epoch: Epoch,
}

impl Watch {
    fn is_current(&self) -> bool {
        self.cell.newest() == self.epoch
    }
}

impl Identity {
    pub(crate) fn of_user(
        proof: Proof,
        user: User,
        features: &FeatureRegistry,
        cell: Arc<EpochCell>,
        terms: &Terms<'_>,
    ) -> Self {
        let admin = user.role == Role::Admin;
        let tier = terms.tier().filter(|_| !admin || terms.limit_admins);
        let nothing = BTreeMap::new();
        let set = if admin {
            features.everything()
        } else {
            let by_tier = tier.map_or(&nothing, |(_, tier)| &tier.features);
            features.effective(&user.permissions, by_tier)
        };
        let key_tier = proof.scope.as_ref().and_then(|scope| scope.tier.as_ref());
        let (set, key_tier) = match key_tier {
            None => (set, None),
            Some(named) => match terms.house.tiers.get(&named.name) {
                Some(tier) => (set.without(&tier.features), Some(tier)),
                // What nobody declares any more allows nothing.
                None => (FeatureSet::nothing(), None),
            },
        };
        let bound = Bound {
            user: user.id,
            limits: terms.limits,
            tier: tier.map(|(_, tier)| tier),
            key: proof.key.zip(proof.scope.as_ref()).map(|((id, _), scope)| (id, scope)),
            is_exempt: admin && !terms.limit_admins,
        };
        let claims = bound.claims(terms.house);
        let of_user = tier.filter(|_| !admin).map(|(_, tier)| tier);
        let both = || of_user.into_iter().chain(key_tier);
        let tier_models = both().filter_map(|tier| tier.models.clone()).collect();
        let weight = both().map(Tier::weight).min().unwrap_or(1);
        let watch = Watch {
            cell,
            epoch: user.epoch,
        };
        let mut identity = Self::new(proof, user.id, user.name, user.email.as_str(), set, watch)
            .with_standing(user.role, user.status)
            .with_models(if admin { ModelAllowList::default() } else { user.models });
        identity.house = Some(terms.watch.clone());
        identity.claims = claims;
        identity.tier_models = tier_models;
        identity.tier = tier.map(|(name, _)| name.clone());
        identity.weight = weight;
        identity
    }

    /// The synthetic administrator behind the shared keys.
    pub(crate) fn of_shared(proof: Proof, features: &FeatureRegistry, watch: Watch) -> Self {
        Self::new(
            proof,
            UserId::SHARED,
            SHARED_NAME.to_owned(),
            "",
            features.everything(),
            watch,
        )
    }

    fn new(proof: Proof, user_id: UserId, name: String, email: &str, features: FeatureSet, watch: Watch) -> Self {
        let can_mint = proof.scope.as_ref().is_none_or(|scope| scope.can_mint);
        let scope = proof.scope.filter(|scope| !scope.is_unrestricted());
        Self {
            user_id,
            name: name.into_boxed_str(),
            email: email.into(),
            role: Role::Admin,
            status: Status::Active,
            features: match &scope {
                Some(scope) => features.within(scope),
                None => features,
            },
            models: ModelAllowList::default(),
            source: proof.source,
            scope: scope.map(Box::new),
            can_mint,
            key: proof.key,
            key_name: proof.key_name,
            expires_at: proof.expires_at,
            renew_at: proof.renew_at,
            shared_key: proof.shared_key,
            impersonator: proof.impersonator,
            watch,
            also: proof.also,
            house: None,
            claims: Arc::default(),
            tier_models: Vec::new(),
            tier: None,
            weight: 1,
        }
    }

    fn with_standing(mut self, role: Role, status: Status) -> Self {
        self.role = role;
        self.status = status;
        self
    }

    fn with_models(mut self, models: ModelAllowList) -> Self {
        self.models = models;
        self
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
    pub fn usage_source(&self) -> UsageSource {
        match self.source {
            _ if self.user_id == UserId::SHARED => UsageSource::Legacy,
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
        self.require_model(model).is_ok()
    }

    /// Whether they may use `model`, and what forbids it.
    ///
    /// # Errors
    ///
    /// [`Denial::ModelNotAllowed`] when the model is not on the user's list or the tier's, [`Denial::KeyScope`] when it is and the key
    /// is narrower.
    pub fn require_model(&self, model: &str) -> Result<(), Denial> {
        if !self.models.allows(model) || !self.tier_models.iter().all(|models| models.contains(model)) {
            return Err(Denial::ModelNotAllowed);
        }
        match &self.scope {
            Some(scope) if !scope.allows_model(model) => Err(Denial::KeyScope),
            _ => Ok(()),
        }
    }

    /// All limits that may bind a request of theirs, whatever the model.
    pub const fn claims(&self) -> &Arc<[Claim]> {
        &self.claims
    }

    /// The tier they are in.
    pub const fn tier(&self) -> Option<&TierName> {
        self.tier.as_ref()
    }

    /// How much of a busy model they get against others; at least 1.
    pub const fn weight(&self) -> u16 {
        self.weight
    }

    /// What the credential is narrowed to, when it is.
    pub fn scope(&self) -> Option<&KeyScope> {
        self.scope.as_deref()
    }

    /// The administrator who acts as this user.
    pub const fn impersonator(&self) -> Option<&AuditActor> {
        self.impersonator.as_ref()
    }

    /// The shared key behind it, by digest.
    pub(crate) const fn shared_key(&self) -> Option<&StoredDigest> {
        self.shared_key.as_ref()
    }

    /// When a browser that holds this session's token is to be given a new one; `None` for anything else.
    pub const fn renew_at(&self) -> Option<Timestamp> {
        self.renew_at
    }

    /// When the credential ends; [`Timestamp::MAX`] is never.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whether nothing that concerns this user changed since the identity was made, as far as this process knows.
    pub fn is_current(&self) -> bool {
        self.watch.is_current()
            && self.house.as_ref().is_none_or(Watch::is_current)
            && self.also.as_ref().is_none_or(Watch::is_current)
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

    /// Whether the credential's own scope lets it be used for this request. [`RequireAuth`] asks; whoever calls
    /// [`Auth::authenticate`] without that layer has to ask too.
    ///
    /// [`RequireAuth`]: https://docs.rs/localauth-tower
    /// [`Auth::authenticate`]: crate::Auth::authenticate
    ///
    /// # Errors
    ///
    /// [`Denial::KeyScope`].
    pub fn admit_request(&self, method: &Method, path: &str, address: Option<IpAddr>) -> Result<(), Denial> {
        match &self.scope {
            Some(scope) if !scope.allows_route(method, path) || !scope.allows_address(address) => Err(Denial::KeyScope),
            _ => Ok(()),
        }
    }

    /// Whether the credential may make and change credentials of its user: a person's may, a key's only when it says
    /// so, and nobody's who acts as somebody else.
    ///
    /// # Errors
    ///
    /// [`Denial::KeyScope`], [`Denial::Impersonating`].
    pub fn require_minting(&self) -> Result<(), Denial> {
        if self.impersonator.is_some() {
            Err(Denial::Impersonating)
        } else if self.can_mint {
            Ok(())
        } else {
            Err(Denial::KeyScope)
        }
    }

    /// Whether the credential may hand out credentials that are not bound to its own scope, such as a password or a
    /// shared key.
    ///
    /// # Errors
    ///
    /// [`Denial::KeyScope`], [`Denial::Impersonating`].
    pub fn require_unbound_minting(&self) -> Result<(), Denial> {
        self.require_minting()?;
        // An expiry binds too: what is handed out would outlive it.
        let ends = self.key.is_some_and(|(_, expires_at)| expires_at.is_some());
        if self.scope.is_some() || ends {
            return Err(Denial::KeyScope);
        }
        Ok(())
    }

    /// The key behind the credential, and what its owner calls it: the key itself, or the one that a session was made
    /// from, whose limits bind that too.
    pub fn via_key(&self) -> Option<(KeyId, &str)> {
        self.key.map(|(id, _)| (id, &*self.key_name))
    }

    /// The key behind the credential, and when that ends.
    pub(crate) const fn key(&self) -> Option<(KeyId, Option<Timestamp>)> {
        self.key
    }

    /// What a key made with this credential may have at most.
    pub(crate) fn minting_scope(&self) -> KeyScope {
        let mut scope = self.scope.as_deref().cloned().unwrap_or_default();
        scope.can_mint = self.can_mint;
        match self.key {
            Some((key, _)) => scope.held_by(key),
            None => scope,
        }
    }

    /// Who acts, for the audit log.
    pub(crate) fn actor(&self) -> AuditActor {
        AuditActor {
            id: self.user_id,
            name: self.name.to_string(),
        }
    }

    /// Whether they may do what needs an administrator. A key that is narrowed in models or features, or by a tier, is for
    /// using models, not for the house.
    ///
    /// # Errors
    ///
    /// [`Denial::AdminRequired`], [`Denial::KeyScope`].
    pub fn require_admin(&self) -> Result<(), Denial> {
        if !self.is_admin() {
            return Err(Denial::AdminRequired);
        }
        match self.scope() {
            Some(scope) if scope.models.is_some() || scope.features.is_some() || scope.tier.is_some() => {
                Err(Denial::KeyScope)
            }
            _ => Ok(()),
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
