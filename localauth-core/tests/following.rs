//! Changes are in force for the next request, and what is remembered is not believed beyond them.

mod support;

use std::sync::Arc;
use std::time::Duration;

use localauth_core::{Denial, KeyError, NewKey, Role, ServerSecret, Status, UserId};
use support::{World, bearer, builder, nobody, operator};

#[tokio::test]
async fn a_change_is_in_force_for_the_next_request() {
    let world = World::new().await;
    world.admin("root@example.org").await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    let ask = || async { world.auth.authenticate(&bearer(key.expose())).await };
    assert!(!ask().await.unwrap().is_admin());
    let held = ask().await.unwrap();
    assert!(held.is_current());
    world.auth.set_role(&operator(), ada.id, Role::Admin).await.unwrap();
    assert!(!held.is_current(), "whoever holds the old identity can tell");
    assert!(ask().await.unwrap().is_admin());
    world
        .auth
        .set_status(&operator(), ada.id, Status::Disabled)
        .await
        .unwrap();
    assert_eq!(ask().await.unwrap_err(), Denial::AccountInactive);
    world
        .auth
        .set_status(&operator(), ada.id, Status::Active)
        .await
        .unwrap();
    let id = world.auth.list_keys(ada.id).await.unwrap()[0].id;
    let stranger = world.key(&world.user("eve@example.org").await).await;
    let stranger = world.by(stranger.expose()).await;
    assert!(matches!(
        world.auth.revoke_key(&stranger, id).await,
        Err(KeyError::Denied(Denial::AdminRequired))
    ));
    assert!(matches!(
        world.auth.revoke_key(&nobody(), id).await,
        Err(KeyError::Denied(Denial::MissingCredentials))
    ));
    ask().await.unwrap();
    assert!(world.auth.revoke_key(&operator(), id).await.unwrap());
    assert_eq!(ask().await.unwrap_err(), Denial::InvalidApiKey);
    assert!(!world.auth.revoke_key(&operator(), id).await.unwrap(), "only once");
}

#[tokio::test]
async fn a_change_by_another_process_is_followed() {
    let world = World::new().await;
    let other = world.another().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    other.authenticate(&bearer(key.expose())).await.unwrap();
    let id = world.auth.list_keys(ada.id).await.unwrap()[0].id;
    world.auth.revoke_key(&operator(), id).await.unwrap();
    other.follow_changes().await.unwrap();
    assert_eq!(
        other.authenticate(&bearer(key.expose())).await.unwrap_err(),
        Denial::InvalidApiKey
    );
}

/// Nobody has looked at the store for over a second: what is remembered counts no more.
#[tokio::test]
async fn without_following_nothing_is_believed() {
    let world = World::new().await;
    let other = world.another().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    other.authenticate(&bearer(key.expose())).await.unwrap();
    let id = world.auth.list_keys(ada.id).await.unwrap()[0].id;
    world.auth.revoke_key(&operator(), id).await.unwrap();
    world.clock.advance(Duration::from_millis(1_001));
    assert_eq!(
        other.authenticate(&bearer(key.expose())).await.unwrap_err(),
        Denial::InvalidApiKey
    );
}

/// What was read before changes are followed may be out of date unnoticed.
#[tokio::test]
async fn nothing_is_remembered_before_changes_are_followed() {
    let world = World::new().await;
    let ada = world.user("ada@example.org").await;
    let key = world.key(&ada).await;
    let late = builder(&world.store, &world.clock).build().unwrap();
    late.authenticate(&bearer(key.expose())).await.unwrap();
    let id = world.auth.list_keys(ada.id).await.unwrap()[0].id;
    world.auth.revoke_key(&operator(), id).await.unwrap();
    late.follow_changes().await.unwrap();
    assert_eq!(
        late.authenticate(&bearer(key.expose())).await.unwrap_err(),
        Denial::InvalidApiKey
    );
}

/// An answer of the store from before a revocation, arriving after it, must not bring the key back.
#[tokio::test]
async fn a_late_answer_cannot_undo_a_revocation() {
    use async_trait::async_trait;
    use localauth_core::{
        ApiKey, Epoch, InsertKey, KeyId, KeyStore, KeyUse, PublicId, StoreError, StoredDigest, Stores, Timestamp, User,
    };
    use tokio::sync::Semaphore;

    /// Reads at once, and hands the answer over when it may.
    struct Slow(localauth_core::MemoryStore, Arc<Semaphore>, Arc<Semaphore>);

    #[async_trait]
    impl KeyStore for Slow {
        async fn insert_key(&self, key: ApiKey) -> Result<InsertKey, StoreError> {
            self.0.insert_key(key).await
        }
        async fn find_key(&self, id: &PublicId) -> Result<Option<(ApiKey, User)>, StoreError> {
            let found = self.0.find_key(id).await;
            self.1.add_permits(1);
            self.2.acquire().await.unwrap().forget();
            found
        }
        async fn find_key_by_id(&self, id: KeyId) -> Result<Option<ApiKey>, StoreError> {
            self.0.find_key_by_id(id).await
        }
        async fn list_revoked_keys(&self, user: UserId) -> Result<Vec<ApiKey>, StoreError> {
            self.0.list_revoked_keys(user).await
        }

        async fn list_keys(&self, user: Option<UserId>) -> Result<Vec<ApiKey>, StoreError> {
            self.0.list_keys(user).await
        }
        async fn rotate_key(
            &self,
            owner: Option<UserId>,
            id: KeyId,
            current: Option<&StoredDigest>,
            digest: StoredDigest,
            grace_until: Timestamp,
            now: Timestamp,
        ) -> Result<Option<(UserId, Epoch)>, StoreError> {
            self.0.rotate_key(owner, id, current, digest, grace_until, now).await
        }
        async fn revoke_key(
            &self,
            owner: Option<UserId>,
            id: KeyId,
            at: Timestamp,
        ) -> Result<Option<(UserId, Epoch)>, StoreError> {
            self.0.revoke_key(owner, id, at).await
        }
        async fn touch_keys(&self, used: &[KeyUse]) -> Result<(), StoreError> {
            self.0.touch_keys(used).await
        }
        async fn sweep_keys(&self, before: Timestamp) -> Result<u64, StoreError> {
            self.0.sweep_keys(before).await
        }
    }

    let world = World::new().await;
    let (read, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let mut stores = Stores::from_one(world.store.clone());
    stores.keys = Arc::new(Slow(world.store.clone(), Arc::clone(&read), Arc::clone(&go)));
    let auth = localauth_core::Auth::builder_with(stores)
        .secret(ServerSecret::new(&[7; 32]).unwrap())
        .clock(Arc::clone(&world.clock))
        .background(false)
        .build()
        .unwrap();
    auth.follow_changes().await.unwrap();
    let ada = world.user("ada@example.org").await;
    let made = world.auth.create_key(ada.id, NewKey::named("x")).await.unwrap();
    let headers = bearer(made.plain.expose());
    let asking = tokio::spawn({
        let (auth, headers) = (auth.clone(), headers.clone());
        async move { auth.authenticate(&headers).await }
    });
    read.acquire().await.unwrap().forget();
    assert!(auth.revoke_key(&operator(), made.key.id).await.unwrap());
    go.add_permits(10);
    assert_eq!(asking.await.unwrap().unwrap_err(), Denial::InvalidApiKey);
    assert_eq!(auth.authenticate(&headers).await.unwrap_err(), Denial::InvalidApiKey);
}
