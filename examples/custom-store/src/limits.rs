//! [`LimitStore`]. A limit moves the epoch of its user, so whoever keeps the users keeps their limits.

use std::collections::BTreeMap;

use async_trait::async_trait;
use localauth_core::{
    Epoch, HouseRules, Limit, LimitId, LimitStore, PutLimit, ReplaceHouseRules, StoreError, TierName, UserId,
    UserLimits,
};

use crate::store::FileStore;

#[async_trait]
impl LimitStore for FileStore {
    async fn user_limits(&self, user: UserId) -> Result<UserLimits, StoreError> {
        Ok(self.read().limits_of(user).cloned().unwrap_or_default())
    }

    async fn limits_of_users(&self, users: &[UserId]) -> Result<BTreeMap<UserId, UserLimits>, StoreError> {
        let tables = self.read();
        let theirs = users.iter().filter_map(|&id| Some((id, tables.limits_of(id)?.clone())));
        Ok(theirs.collect())
    }

    /// With a database: a unique index over user and model, and the count after the lock that every change takes.
    async fn put_user_limit(&self, user: UserId, limit: &Limit, most: usize) -> Result<PutLimit, StoreError> {
        let limit = limit.clone();
        self.change(move |tables| {
            if tables.user(user).is_none() {
                return Ok(PutLimit::NotFound);
            }
            let id = tables.change_limits(user, |theirs| {
                let limits = &mut theirs.limits;
                match limits.binary_search_by(|known| known.rule.model.cmp(&limit.rule.model)) {
                    Ok(known) => {
                        limits[known].rule = limit.rule;
                        Some(limits[known].id)
                    }
                    Err(_) if limits.len() >= most => None,
                    Err(place) => {
                        let id = limit.id;
                        limits.insert(place, limit);
                        Some(id)
                    }
                }
            });
            // The epoch last: what is refused moves none.
            let put = id.and_then(|id| Some(PutLimit::Put(id, tables.change_user(user, |_, _| ())?)));
            Ok(put.unwrap_or(PutLimit::TooMany))
        })
        .await
    }

    async fn delete_user_limit(&self, user: UserId, id: LimitId) -> Result<Option<Epoch>, StoreError> {
        self.change(move |tables| {
            let is_theirs = tables
                .limits_of(user)
                .is_some_and(|theirs| theirs.limits.iter().any(|limit| limit.id == id));
            if !is_theirs {
                return Ok(None);
            }
            tables.change_limits(user, |theirs| theirs.limits.retain(|limit| limit.id != id));
            Ok(tables.change_user(user, |_, _| ()))
        })
        .await
    }

    async fn set_user_tier(&self, user: UserId, tier: Option<&TierName>) -> Result<Option<Epoch>, StoreError> {
        let tier = tier.cloned();
        self.change(move |tables| {
            let is_there = tier.as_ref().is_none_or(|tier| tables.house.tiers.contains_key(tier));
            if !is_there || tables.user(user).is_none() {
                return Ok(None);
            }
            tables.change_limits(user, |theirs| theirs.tier = tier);
            Ok(tables.change_user(user, |_, _| ()))
        })
        .await
    }

    async fn house_rules(&self) -> Result<(HouseRules, Epoch), StoreError> {
        let tables = self.read();
        Ok((tables.house.clone(), tables.house_epoch))
    }

    async fn replace_house_rules(&self, rules: &HouseRules, since: Epoch) -> Result<ReplaceHouseRules, StoreError> {
        let rules = rules.clone();
        self.change(move |tables| {
            // Compared and replaced in one change: of two administrators at once, one is told that theirs are outdated.
            if tables.house_epoch != since {
                return Ok(ReplaceHouseRules::Outdated);
            }
            let mut in_use = tables.limits.iter().filter_map(|row| row.limits.tier.as_ref());
            if let Some(tier) = in_use.find(|tier| !rules.tiers.contains_key(tier)) {
                return Ok(ReplaceHouseRules::TierInUse(tier.clone()));
            }
            tables.house = rules;
            tables.house_epoch = tables.next_epoch();
            Ok(ReplaceHouseRules::Replaced(tables.house_epoch))
        })
        .await
    }
}
