//! Limits of users, and the house rules.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::{Epoch, LimitId, UserId};
use crate::limit::{HouseRules, Limit, TierName};

/// What limits a user by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserLimits {
    /// The tier the user was put into; without it the default one counts.
    pub tier: Option<TierName>,
    /// The user's own limits, ordered by model; one a model.
    pub limits: Vec<Limit>,
}

/// What [`LimitStore::put_user_limit`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutLimit {
    /// Stored under this id, at this epoch.
    Put(LimitId, Epoch),
    /// There is no such user. Nothing was written.
    NotFound,
    /// The user has as many as may be. Nothing was written.
    TooMany,
}

/// What [`LimitStore::replace_house_rules`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplaceHouseRules {
    /// Done, at this epoch.
    Replaced(Epoch),
    /// Somebody else changed them since. Nothing was written.
    Outdated,
    /// They leave out a tier that a user is in. Nothing was written.
    TierInUse(TierName),
}

/// Limits of users, and the house rules.
#[async_trait]
pub trait LimitStore: Send + Sync {
    /// What limits this user by name; nothing for somebody who is no user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn user_limits(&self, user: UserId) -> Result<UserLimits, StoreError>;

    /// The same for several users; those without any are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn limits_of_users(&self, users: &[UserId]) -> Result<BTreeMap<UserId, UserLimits>, StoreError>;

    /// Gives the user a limit, and moves their epoch. One for the same model is replaced, and keeps its id. At most
    /// `most` a user.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn put_user_limit(&self, user: UserId, limit: &Limit, most: usize) -> Result<PutLimit, StoreError>;

    /// Takes a limit away from the user, and moves their epoch. `None` when they have no such limit.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn delete_user_limit(&self, user: UserId, id: LimitId) -> Result<Option<Epoch>, StoreError>;

    /// Puts the user into a tier that the house rules have at that moment, or out of any, and moves their epoch. `None`
    /// when there is no such user or tier.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn set_user_tier(&self, user: UserId, tier: Option<&TierName>) -> Result<Option<Epoch>, StoreError>;

    /// The house rules, and the epoch they were last changed at; the default ones at [`Epoch::default`] when never.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn house_rules(&self) -> Result<(HouseRules, Epoch), StoreError>;

    /// Replaces the house rules if they are still those of the epoch `since`, and moves the epoch of
    /// [`UserId::HOUSE`](crate::UserId::HOUSE). A tier that a user is in stays.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store could not answer.
    async fn replace_house_rules(&self, rules: &HouseRules, since: Epoch) -> Result<ReplaceHouseRules, StoreError>;
}
