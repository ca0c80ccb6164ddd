//! [`LimitStore`] in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::error::StoreError;
use crate::id::{Epoch, LimitId, UserId};
use crate::limit::{HouseRules, Limit, TierName};
use crate::store::{LimitStore, PutLimit, ReplaceHouseRules, UserLimits};

#[async_trait]
impl LimitStore for MemoryStore {
    async fn user_limits(&self, user: UserId) -> Result<UserLimits, StoreError> {
        Ok(self.open()?.limits.get(&user).cloned().unwrap_or_default())
    }

    async fn limits_of_users(&self, users: &[UserId]) -> Result<BTreeMap<UserId, UserLimits>, StoreError> {
        let tables = self.open()?;
        let of_user = |id: &UserId| Some((*id, tables.limits.get(id)?.clone()));
        let with_any = |(_, limits): &(UserId, UserLimits)| *limits != UserLimits::default();
        Ok(users.iter().filter_map(of_user).filter(with_any).collect())
    }

    async fn put_user_limit(&self, user: UserId, limit: &Limit, most: usize) -> Result<PutLimit, StoreError> {
        let mut tables = self.open()?;
        if !tables.users.contains_key(&user) {
            return Ok(PutLimit::NotFound);
        }
        let limits = &mut tables.limits.entry(user).or_default().limits;
        let place = limits.binary_search_by(|known| known.rule.model.cmp(&limit.rule.model));
        let id = match place {
            Ok(known) => {
                let id = limits[known].id;
                limits[known] = Limit { id, ..limit.clone() };
                id
            }
            Err(_) if limits.len() >= most => return Ok(PutLimit::TooMany),
            Err(place) => {
                limits.insert(place, limit.clone());
                limit.id
            }
        };
        let epoch = tables.change_user(user, |_, _| ());
        Ok(epoch.map_or(PutLimit::NotFound, |epoch| PutLimit::Put(id, epoch)))
    }

    async fn delete_user_limit(&self, user: UserId, id: LimitId) -> Result<Option<Epoch>, StoreError> {
        let mut tables = self.open()?;
        let Some(limits) = tables.limits.get_mut(&user).map(|user| &mut user.limits) else {
            return Ok(None);
        };
        let before = limits.len();
        limits.retain(|limit| limit.id != id);
        if limits.len() == before {
            return Ok(None);
        }
        Ok(tables.change_user(user, |_, _| ()))
    }

    async fn set_user_tier(&self, user: UserId, tier: Option<&TierName>) -> Result<Option<Epoch>, StoreError> {
        let mut tables = self.open()?;
        let known = tier.is_none_or(|tier| tables.house.0.tiers.contains_key(tier));
        if !known || !tables.users.contains_key(&user) {
            return Ok(None);
        }
        tables.limits.entry(user).or_default().tier = tier.cloned();
        Ok(tables.change_user(user, |_, _| ()))
    }

    async fn house_rules(&self) -> Result<(HouseRules, Epoch), StoreError> {
        Ok(self.open()?.house.clone())
    }

    async fn replace_house_rules(&self, rules: &HouseRules, since: Epoch) -> Result<ReplaceHouseRules, StoreError> {
        let mut tables = self.open()?;
        if tables.house.1 != since {
            return Ok(ReplaceHouseRules::Outdated);
        }
        let mut in_use = tables.limits.values().filter_map(|user| user.tier.as_ref());
        if let Some(tier) = in_use.find(|tier| !rules.tiers.contains_key(tier)) {
            return Ok(ReplaceHouseRules::TierInUse(tier.clone()));
        }
        let epoch = tables.change_other(UserId::HOUSE);
        tables.house = (rules.clone(), epoch);
        Ok(ReplaceHouseRules::Replaced(epoch))
    }
}
