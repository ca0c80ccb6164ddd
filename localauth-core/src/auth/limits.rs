//! Setting limits.

use std::collections::BTreeSet;

use super::Auth;
use crate::audit::{AuditAction, Caller};
use crate::entropy::EntropyError;
use crate::error::{Denial, StoreError};
use crate::id::{Epoch, LimitId, UserId};
use crate::limit::{HouseRules, InvalidLimit, Limit, LimitRule, TierName};
use crate::store::{PutLimit, ReplaceHouseRules, UserLimits};

/// The most limits of one user, tier or key.
const MAX_LIMITS: usize = 100;
/// The most tiers, and the most prices.
const MAX_TIERS: usize = 200;
const MAX_PRICES: usize = 1_000;
/// How often to change the house rules anew when somebody else was quicker: of many at once, one is through each time.
const TRIES: usize = 32;

/// A limit was not set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// There is no such user.
    #[error("user not found")]
    NoSuchUser,
    /// There is no such limit.
    #[error("quota rule not found")]
    NoSuchLimit,
    /// There is no such user or tier.
    #[error("there is no such user or tier: make the tier first")]
    NoSuchTier,
    /// Not a limit.
    #[error(transparent)]
    Invalid(#[from] InvalidLimit),
    /// Too much of something.
    #[error("at most {MAX_LIMITS} limits each, {MAX_TIERS} tiers and {MAX_PRICES} prices")]
    TooMany,
    /// Two limits under one name.
    #[error("two limits have the same id: leave ids out for new limits")]
    SameId,
    /// The default tier is none.
    #[error("the default tier `{0}` is not among the tiers")]
    DefaultTier(TierName),
    /// A tier names a feature that does not exist.
    #[error("unknown feature `{0}`: `GET /api/auth/admin/features` lists those there are")]
    UnknownFeature(String),
    /// A name of a model that cannot be.
    #[error("models are named by at most 256 bytes without control characters")]
    Model,
    /// New users come into the tier that was left out.
    #[error("tier `{0}` is the default one: make another one the default first, or none")]
    TierIsDefault(TierName),
    /// Somebody is in a tier that was left out.
    #[error("tier `{0}` still has users: put them into another one first")]
    TierInUse(TierName),
    /// Keys are in a tier that was left out.
    #[error("tier `{0}` still has keys ({1}), which would allow nothing any more: revoke them first")]
    TierHasKeys(TierName, usize),
    /// Somebody else changed them meanwhile.
    #[error("somebody else changed the house rules meanwhile: read them again")]
    Outdated,
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Auth {
    /// A limit under a fresh name.
    ///
    /// # Errors
    ///
    /// [`LimitError`] when the rule is none, or there is no randomness.
    pub fn new_limit(&self, rule: LimitRule) -> Result<Limit, LimitError> {
        rule.check()?;
        let id = LimitId::generate(self.now(), &*self.0.entropy)?;
        Ok(Limit { id, rule })
    }

    /// What limits a user by name.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn user_limits(&self, user: UserId) -> Result<UserLimits, StoreError> {
        self.0.stores.limits.user_limits(user).await
    }

    /// The same for several users; those without any are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn limits_of_users(
        &self,
        users: &[UserId],
    ) -> Result<std::collections::BTreeMap<UserId, UserLimits>, StoreError> {
        self.0.stores.limits.limits_of_users(users).await
    }

    /// Gives a user a limit, in place of the one for the same model. In force for their next request, and what was used
    /// before counts.
    ///
    /// # Errors
    ///
    /// [`LimitError`] when the rule is none, the user unknown, the caller may not, or the store could not answer.
    pub async fn set_user_limit(&self, caller: &Caller, user: UserId, rule: LimitRule) -> Result<LimitId, LimitError> {
        may_limit(caller, Some(user))?;
        let mut limit = self.new_limit(rule)?;
        self.name_exactly(&mut limit.rule.model);
        match self.0.stores.limits.put_user_limit(user, &limit, MAX_LIMITS).await? {
            PutLimit::Put(id, epoch) => {
                self.0.changed(user, epoch);
                let detail = limit.rule.to_string();
                self.audit_done(caller, AuditAction::LimitsChange, &user.to_string(), &detail)
                    .await;
                Ok(id)
            }
            PutLimit::NotFound => Err(LimitError::NoSuchUser),
            PutLimit::TooMany => Err(LimitError::TooMany),
        }
    }

    /// Takes a limit away from a user.
    ///
    /// # Errors
    ///
    /// [`LimitError`] when they have no such limit, the caller may not, or the store could not answer.
    pub async fn delete_user_limit(&self, caller: &Caller, user: UserId, id: LimitId) -> Result<(), LimitError> {
        may_limit(caller, Some(user))?;
        let epoch = self.0.stores.limits.delete_user_limit(user, id).await?;
        self.0.changed(user, epoch.ok_or(LimitError::NoSuchLimit)?);
        self.audit_done(
            caller,
            AuditAction::LimitsChange,
            &user.to_string(),
            &format!("without {id}"),
        )
        .await;
        Ok(())
    }

    /// Puts a user into a tier, or back into the default one.
    ///
    /// # Errors
    ///
    /// [`LimitError`] when there is no such user or tier, the caller may not, or the store could not answer.
    pub async fn set_user_tier(
        &self,
        caller: &Caller,
        user: UserId,
        tier: Option<&TierName>,
    ) -> Result<(), LimitError> {
        may_limit(caller, Some(user))?;
        let epoch = self.0.stores.limits.set_user_tier(user, tier).await?;
        self.0.changed(user, epoch.ok_or(LimitError::NoSuchTier)?);
        let detail = tier.map_or("the default tier", TierName::as_str);
        self.audit_done(caller, AuditAction::TierChange, &user.to_string(), detail)
            .await;
        Ok(())
    }

    /// The house rules, and as of when they are so.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    pub async fn house_rules(&self) -> Result<(HouseRules, Epoch), StoreError> {
        self.0.stores.limits.house_rules().await
    }

    /// Replaces the house rules, if they are still those of `since`. In force for the next request.
    ///
    /// # Errors
    ///
    /// [`LimitError`] when they are not possible, somebody else was quicker, a tier that is left out has users, the
    /// caller may not, or the store could not answer.
    pub async fn replace_house_rules(
        &self,
        caller: &Caller,
        rules: &HouseRules,
        since: Epoch,
    ) -> Result<(), LimitError> {
        may_limit(caller, None)?;
        let rules = &self.house_exactly(rules);
        self.check_house(rules)?;
        match self.0.stores.limits.replace_house_rules(rules, since).await? {
            ReplaceHouseRules::Replaced(epoch) => {
                self.0.changed(UserId::HOUSE, epoch);
                let tiers: Vec<&str> = rules.tiers.keys().map(TierName::as_str).collect();
                let detail = format!(
                    "{} limits of everyone, tiers {}, {} prices",
                    rules.everyone.len(),
                    tiers.join(" "),
                    rules.prices.len()
                );
                self.audit_done(caller, AuditAction::HouseRulesChange, "house", &detail)
                    .await;
                // They are stored: to say otherwise now would be wrong. Whoever needs them next reads them first.
                if let Err(error) = self.0.load_house().await {
                    tracing::warn!("the house rules are changed, and could not be read again yet: {error}");
                }
                Ok(())
            }
            ReplaceHouseRules::Outdated => Err(LimitError::Outdated),
            ReplaceHouseRules::TierInUse(tier) => Err(LimitError::TierInUse(tier)),
        }
    }

    /// Changes the house rules as they are, once more where somebody else was quicker. Returns what `change` does.
    ///
    /// # Errors
    ///
    /// What `change` refuses with; [`LimitError`] as [`Auth::replace_house_rules`] has it.
    pub async fn change_house_rules<T>(
        &self,
        caller: &Caller,
        mut change: impl FnMut(&mut HouseRules) -> Result<T, LimitError>,
    ) -> Result<T, LimitError> {
        // Who may not learns nothing about what there is.
        may_limit(caller, None)?;
        for _ in 0..TRIES {
            let (mut rules, since) = self.house_rules().await?;
            let made = change(&mut rules)?;
            match self.replace_house_rules(caller, &rules, since).await {
                Err(LimitError::Outdated) => {}
                done => return done.map(|()| made),
            }
        }
        Err(LimitError::Outdated)
    }

    /// Deletes a tier that no user is in and no key, and not the default one.
    ///
    /// # Errors
    ///
    /// [`LimitError::NoSuchTier`]; [`LimitError`] when something is in it, the caller may not, or the store could not
    /// answer.
    pub async fn delete_tier(&self, caller: &Caller, name: &TierName) -> Result<(), LimitError> {
        may_limit(caller, None)?;
        let now = self.now();
        let keys = self.list_all_keys().await?;
        let in_it = keys.iter().filter(|key| {
            let is_over = key.expires_at.is_some_and(|end| now.is_past(end));
            !is_over && key.scope.tier.as_ref().is_some_and(|tier| tier.name == *name)
        });
        // A key that comes into it meanwhile allows nothing, so that to ask once is safe.
        let keys = in_it.count();
        if keys > 0 {
            return Err(LimitError::TierHasKeys(name.clone(), keys));
        }
        self.change_house_rules(caller, |rules| {
            if rules.default_tier.as_ref() == Some(name) {
                return Err(LimitError::TierIsDefault(name.clone()));
            }
            rules.tiers.remove(name).map_or(Err(LimitError::NoSuchTier), |_| Ok(()))
        })
        .await
    }

    fn check_house(&self, rules: &HouseRules) -> Result<(), LimitError> {
        let named = |name: &String| name.len() <= 256 && !name.chars().any(char::is_control);
        if rules.tiers.len() > MAX_TIERS || rules.prices.len() > MAX_PRICES {
            return Err(LimitError::TooMany);
        }
        if !rules.prices.keys().all(named) {
            return Err(LimitError::Model);
        }
        if let Some(tier) = rules
            .default_tier
            .as_ref()
            .filter(|tier| !rules.tiers.contains_key(tier))
        {
            return Err(LimitError::DefaultTier(tier.clone()));
        }
        let mut ids = BTreeSet::new();
        let tiers = rules.tiers.values().map(|tier| &tier.limits);
        for limits in tiers.chain([&rules.everyone]) {
            if limits.len() > MAX_LIMITS {
                return Err(LimitError::TooMany);
            }
            for limit in limits {
                limit.rule.check()?;
                if !ids.insert(limit.id) {
                    return Err(LimitError::SameId);
                }
            }
        }
        for tier in rules.tiers.values() {
            if let Some(unknown) = tier.features.keys().find(|key| self.features().get(key).is_none()) {
                return Err(LimitError::UnknownFeature(unknown.chars().take(64).collect()));
            }
            let models = tier.models.iter().flatten();
            if !models.clone().all(|name| !name.is_empty() && named(name)) || models.count() > 1_000 {
                return Err(LimitError::Model);
            }
        }
        Ok(())
    }
}

/// Administrators and the operator may set limits; such that bind themselves only with what may change its owner.
fn may_limit(caller: &Caller, user: Option<UserId>) -> Result<(), LimitError> {
    caller.require_admin()?;
    match caller.identity() {
        Some(identity) if user.is_none_or(|user| identity.user_id() == user) => Ok(identity.require_minting()?),
        _ => Ok(()),
    }
}
