//! Revoking keys.

use std::ops::Deref;
use std::sync::Arc;

use super::{found, insert};
use crate::contract::crowd::{CROWD, at_once, both, give_up_after};
use crate::contract::fixture::{self, add, at, changes, digest, get, key, key_id, new_user, user_id};
use crate::key::ApiKey;
use crate::store::{KeyStore, UserStore};
use crate::user::User;

/// A revoked key is still found, as revoked at the time given, with its owner's new epoch.
pub async fn a_revoked_key_is_found_as_such<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let before = add(&*store, new_user(1)).await;
    let other = add(&*store, new_user(2)).await;
    insert(&*store, key(1, before.id)).await;
    let (owner, epoch) = store
        .revoke_key(Some(before.id), key_id(1), at(5))
        .await
        .unwrap()
        .expect("it was good");
    assert_eq!(owner, before.id);
    assert!(epoch > other.epoch);
    let (key, user) = found(&*store, 1).await;
    assert_eq!(
        key,
        ApiKey {
            revoked_at: Some(at(5)),
            ..fixture::key(1, before.id)
        }
    );
    assert_eq!(user, User { epoch, ..before });
    assert_eq!(changes(&*store).await, [(other.id, other.epoch), (user.id, epoch)]);
}

/// A second revocation does nothing, and changes neither time nor epoch.
pub async fn a_key_is_revoked_once<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let owner = add(&*store, new_user(1)).await.id;
    insert(&*store, key(1, owner)).await;
    store
        .revoke_key(None, key_id(1), at(5))
        .await
        .unwrap()
        .expect("it was good");
    let once = found(&*store, 1).await;
    assert_eq!(store.revoke_key(None, key_id(1), at(9)).await.unwrap(), None);
    assert_eq!(store.revoke_key(Some(owner), key_id(1), at(9)).await.unwrap(), None);
    assert_eq!(found(&*store, 1).await, once);
}

/// Of many who revoke one key at once, one does it.
pub async fn a_key_is_revoked_by_one_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let owner = add(&**store, new_user(1)).await.id;
    insert(&**store, key(1, owner)).await;
    let answers = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let by = (i % 2 == 0).then_some(owner);
        async move {
            store
                .revoke_key(by, key_id(1), at(1 + i64::try_from(i).unwrap_or(0)))
                .await
                .unwrap()
        }
    })
    .await;
    let done: Vec<_> = answers.iter().flatten().collect();
    assert_eq!(done.len(), 1, "revoked {} times", done.len());
    let (_, user) = found(&**store, 1).await;
    assert_eq!(*done[0], (owner, user.epoch));
}

/// Nobody revokes a key of somebody else.
pub async fn a_key_of_somebody_else_is_not_revoked<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    insert(&*store, key(1, ada.id)).await;
    assert_eq!(store.revoke_key(Some(bob.id), key_id(1), at(1)).await.unwrap(), None);
    assert_eq!(
        store.revoke_key(Some(user_id(3)), key_id(1), at(1)).await.unwrap(),
        None
    );
    assert_eq!(found(&*store, 1).await, (key(1, ada.id), ada));
    assert_eq!(get(&*store, bob.id).await, bob);
}

/// Who looks a key up while it is revoked gets both from before or both from after: never the good key with an epoch
/// that would let it into a cache for good.
pub async fn a_key_and_its_owner_are_of_one_moment<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let owner = add(&**store, new_user(1)).await.id;
    for round in 0..30 {
        insert(&**store, key(round, owner)).await;
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (looks, revoked) = both(
            async move {
                let mut looks = Vec::new();
                loop {
                    let look = found(&**a, round).await;
                    let over = look.0.revoked_at.is_some();
                    looks.push(look);
                    if over {
                        return looks;
                    }
                    tokio::task::yield_now().await;
                }
            },
            async move { b.revoke_key(None, key_id(round), at(1)).await.unwrap() },
        )
        .await;
        let (_, epoch) = revoked.expect("it was good");
        for (key, user) in looks {
            assert_eq!(
                key.revoked_at.is_some(),
                user.epoch >= epoch,
                "revoked at {epoch:?}, but found {:?} with {:?}",
                key.revoked_at,
                user.epoch,
            );
        }
    }
}

/// A revocation that its caller walks away from is done or not, wholly, and nobody has to wait for it.
pub async fn a_revocation_given_up_halfway_blocks_nobody<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let owner = add(&*store, new_user(1)).await.id;
    for n in 0..40 {
        insert(&*store, key(n, owner)).await;
        let before = get(&*store, owner).await.epoch;
        give_up_after(n % 20 + 1, store.revoke_key(None, key_id(n), at(1))).await;
        // Whatever became of it, it is over when the next one has had its turn.
        let again = store.revoke_key(None, key_id(n), at(2)).await.unwrap();
        let (key, user) = found(&*store, n).await;
        assert!(user.epoch > before);
        match again {
            Some((_, epoch)) => assert_eq!((key.revoked_at, user.epoch), (Some(at(2)), epoch)),
            None => assert_eq!(key.revoked_at, Some(at(1))),
        }
        assert_eq!(key.digest, digest(n));
    }
}
