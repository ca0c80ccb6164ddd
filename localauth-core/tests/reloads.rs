//! A store that goes away right after it wrote: what is changed is said to be.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use localauth_core::{
    Auth, Denial, Epoch, HouseRules, InsertSharedKey, Limit, LimitId, LimitStore, MemoryStore, PutLimit,
    ReplaceHouseRules, ServerSecret, SharedKey, SharedKeyId, SharedKeyStore, StoreError, StoredDigest, Stores, Tier,
    TierName, UserId, UserLimits,
};
use support::{World, bearer, operator};

/// The store, away from the moment on at which a change is in it.
struct Leaving(MemoryStore);

impl Leaving {
    fn after<T>(&self, written: T) -> T {
        self.0.set_outage(true);
        written
    }
}

#[async_trait]
impl SharedKeyStore for Leaving {
    async fn shared_keys(&self) -> Result<Vec<SharedKey>, StoreError> {
        self.0.shared_keys().await
    }
    async fn replace_shared_keys(&self, keys: &[SharedKey]) -> Result<Epoch, StoreError> {
        self.after(self.0.replace_shared_keys(keys).await)
    }
    async fn insert_shared_key(
        &self,
        key: &SharedKey,
        older: &[StoredDigest],
        most: usize,
    ) -> Result<InsertSharedKey, StoreError> {
        self.after(self.0.insert_shared_key(key, older, most).await)
    }
    async fn delete_shared_key(&self, id: SharedKeyId) -> Result<Option<(SharedKey, Epoch)>, StoreError> {
        self.after(self.0.delete_shared_key(id).await)
    }
}

#[async_trait]
impl LimitStore for Leaving {
    async fn user_limits(&self, user: UserId) -> Result<UserLimits, StoreError> {
        self.0.user_limits(user).await
    }
    async fn limits_of_users(&self, users: &[UserId]) -> Result<BTreeMap<UserId, UserLimits>, StoreError> {
        self.0.limits_of_users(users).await
    }
    async fn put_user_limit(&self, user: UserId, limit: &Limit, most: usize) -> Result<PutLimit, StoreError> {
        self.0.put_user_limit(user, limit, most).await
    }
    async fn delete_user_limit(&self, user: UserId, id: LimitId) -> Result<Option<Epoch>, StoreError> {
        self.0.delete_user_limit(user, id).await
    }
    async fn set_user_tier(&self, user: UserId, tier: Option<&TierName>) -> Result<Option<Epoch>, StoreError> {
        self.0.set_user_tier(user, tier).await
    }
    async fn house_rules(&self) -> Result<(HouseRules, Epoch), StoreError> {
        self.0.house_rules().await
    }
    async fn replace_house_rules(&self, rules: &HouseRules, since: Epoch) -> Result<ReplaceHouseRules, StoreError> {
        self.after(self.0.replace_house_rules(rules, since).await)
    }
}

async fn over(world: &World) -> Auth {
    let leaving = Arc::new(Leaving(world.store.clone()));
    let stores = Stores {
        shared_keys: leaving.clone(),
        limits: leaving,
        ..Stores::from_one(world.store.clone())
    };
    let auth = Auth::builder_with(stores)
        .secret(ServerSecret::new(&[7; 32]).unwrap())
        .clock(Arc::clone(&world.clock))
        .background(false)
        .build()
        .unwrap();
    auth.follow_changes().await.unwrap();
    auth
}

/// The fresh key is told although nothing could be read after it was stored: nobody sees it again.
#[tokio::test]
async fn a_shared_key_that_is_stored_is_not_lost() {
    let world = World::new().await;
    let auth = over(&world).await;
    let key = auth.add_shared_key(&operator(), None).await.unwrap();
    world.store.set_outage(false);
    auth.authenticate(&bearer(&key)).await.unwrap();
    let id = auth.shared_keys().await.unwrap()[0].id.parse().unwrap();
    auth.remove_shared_key(&operator(), id).await.unwrap();
    let meanwhile = auth.authenticate(&bearer(&key)).await;
    assert!(meanwhile.is_err(), "what was known before the change is not believed");
    world.store.set_outage(false);
    assert_eq!(
        auth.authenticate(&bearer(&key)).await.unwrap_err(),
        Denial::InvalidApiKey
    );
    auth.replace_shared_keys(&operator(), &[key.to_string()]).await.unwrap();
    world.store.set_outage(false);
    auth.authenticate(&bearer(&key)).await.unwrap();
}

#[tokio::test]
async fn house_rules_that_are_stored_are_said_to_be() {
    let world = World::new().await;
    let auth = over(&world).await;
    let mut rules = HouseRules::default();
    rules.tiers.insert("pro".parse().unwrap(), Tier::default());
    let (_, since) = auth.house_rules().await.unwrap();
    auth.replace_house_rules(&operator(), &rules, since).await.unwrap();
    world.store.set_outage(false);
    assert_eq!(auth.house_rules().await.unwrap().0, rules);
}
