//! [`LimitStore`]. All that changes something here takes its epoch first, and so is alone until its commit.

mod house;
mod user;

use std::collections::BTreeMap;

use async_trait::async_trait;
use localauth_core::{
    Epoch, HouseRules, Limit, LimitId, LimitStore, PutLimit, ReplaceHouseRules, StoreError, TierName, UserId,
    UserLimits,
};

use crate::error::{BadRow, Failure};
use crate::sql_store::SqlStore;

#[async_trait]
impl LimitStore for SqlStore {
    async fn user_limits(&self, user: UserId) -> Result<UserLimits, StoreError> {
        let mut found = self.ask(user::limits_of(self.reader(), &[user])).await?;
        Ok(found.remove(&user).unwrap_or_default())
    }

    async fn limits_of_users(&self, users: &[UserId]) -> Result<BTreeMap<UserId, UserLimits>, StoreError> {
        self.ask(user::limits_of(self.reader(), users)).await
    }

    async fn put_user_limit(&self, user: UserId, limit: &Limit, most: usize) -> Result<PutLimit, StoreError> {
        let limit = limit.clone();
        self.change(async move |transaction| user::put(transaction, user, limit, most).await)
            .await
    }

    async fn delete_user_limit(&self, user: UserId, id: LimitId) -> Result<Option<Epoch>, StoreError> {
        self.change(async move |transaction| user::delete(transaction, user, id).await)
            .await
    }

    async fn set_user_tier(&self, user: UserId, tier: Option<&TierName>) -> Result<Option<Epoch>, StoreError> {
        let tier = tier.cloned();
        self.change(async move |transaction| user::set_tier(transaction, user, tier).await)
            .await
    }

    async fn house_rules(&self) -> Result<(HouseRules, Epoch), StoreError> {
        self.ask(house::rules(self.reader())).await
    }

    async fn replace_house_rules(&self, rules: &HouseRules, since: Epoch) -> Result<ReplaceHouseRules, StoreError> {
        let document = serde_json::to_string(rules).map_err(|_| Failure::from(BadRow("rules")))?;
        let tiers = rules.tiers.keys().cloned().collect();
        self.change(async move |transaction| house::replace(transaction, document, tiers, since).await)
            .await
    }
}
