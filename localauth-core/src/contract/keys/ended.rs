//! Keys that are gone: swept, or deleted with their owner.

use std::ops::Deref;
use std::sync::Arc;

use super::{found, insert, list};
use crate::clock::Timestamp;
use crate::contract::crowd::both;
use crate::contract::fixture::{add, at, changes, key, key_id, new_user, public_id, user_id};
use crate::key::ApiKey;
use crate::store::{ChangeUser, InsertKey, KeyStore, UserStore};

/// Keys that were revoked or expired up to that instant are deleted, and counted; all others stay as they were, and
/// nobody's epoch moves.
pub async fn sweeping_deletes_keys_that_ended_long_ago<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let owner = add(&*store, new_user(1)).await.id;
    // Number, when it was revoked, when it expires.
    let kinds = [
        (0, None, None),
        (1, Some(10), None),
        (2, Some(20), None),
        (3, Some(21), None),
        (4, None, Some(10)),
        (5, None, Some(20)),
        (6, None, Some(21)),
        (7, Some(30), Some(15)),
        (8, Some(15), Some(30)),
        (9, Some(30), Some(40)),
    ];
    let made = kinds.map(|(n, revoked, expires)| ApiKey {
        revoked_at: revoked.map(at),
        expires_at: expires.map(at),
        ..key(n, owner)
    });
    for key in made.clone() {
        insert(&*store, key).await;
    }
    let before = changes(&*store).await;
    assert_eq!(store.sweep_keys(at(9)).await.unwrap(), 0);
    assert_eq!(store.sweep_keys(at(20)).await.unwrap(), 6);
    for (n, key) in made.into_iter().enumerate() {
        let kept = [0, 3, 6, 9].contains(&n);
        assert_eq!(store.find_key(&public_id(n)).await.unwrap().is_some(), kept, "key {n}");
        assert_eq!(store.find_key_by_id(key_id(n)).await.unwrap(), kept.then_some(key));
    }
    assert_eq!(changes(&*store).await, before, "nothing that was good has ended");
    assert_eq!(store.sweep_keys(at(20)).await.unwrap(), 0);
    assert_eq!(store.sweep_keys(Timestamp::MAX).await.unwrap(), 3);
    assert_eq!(list(&*store, owner).await, [key(0, owner)]);
}

/// What was made with a key stays when that one is swept.
pub async fn sweeping_a_key_leaves_those_made_with_it<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let owner = add(&*store, new_user(1)).await.id;
    insert(&*store, key(1, owner)).await;
    let child = ApiKey {
        parent_id: Some(key_id(1)),
        ..key(2, owner)
    };
    insert(&*store, child.clone()).await;
    store.revoke_key(None, key_id(1), at(5)).await.unwrap();
    assert_eq!(store.sweep_keys(at(5)).await.unwrap(), 1);
    let (kept, _) = found(&*store, 2).await;
    // Whether it still names the key that is gone is the store's affair.
    assert_eq!(
        ApiKey {
            parent_id: None,
            ..kept
        },
        ApiKey {
            parent_id: None,
            ..child
        }
    );
}

/// With a user their keys go, and nobody else's.
pub async fn keys_are_deleted_with_their_owner<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    for (n, owner) in [(1, ada.id), (2, bob.id), (3, ada.id)] {
        insert(&*store, key(n, owner)).await;
    }
    store.revoke_key(None, key_id(3), at(1)).await.unwrap();
    let answer = store.delete_user(ada.id, at(2)).await.unwrap();
    assert!(matches!(answer, ChangeUser::Changed(_)), "{answer:?}");
    for n in [1, 3] {
        assert_eq!(store.find_key(&public_id(n)).await.unwrap(), None);
        assert_eq!(store.find_key_by_id(key_id(n)).await.unwrap(), None);
        assert_eq!(store.revoke_key(None, key_id(n), at(3)).await.unwrap(), None);
    }
    assert_eq!(list(&*store, ada.id).await, []);
    assert_eq!(store.list_keys(None).await.unwrap(), [key(2, bob.id)]);
    assert_eq!(found(&*store, 2).await, (key(2, bob.id), bob));
}

/// A key that is made while its owner is deleted does not outlive them.
pub async fn no_key_outlives_a_deletion_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for round in 0..20 {
        add(&**store, new_user(round)).await;
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (inserted, deleted) = both(
            async move { a.insert_key(key(round, user_id(round))).await.unwrap() },
            async move { b.delete_user(user_id(round), at(1)).await.unwrap() },
        )
        .await;
        assert!(matches!(inserted, InsertKey::Inserted | InsertKey::NoSuchUser));
        assert!(matches!(deleted, ChangeUser::Changed(_)));
        assert_eq!(store.find_key_by_id(key_id(round)).await.unwrap(), None);
        assert_eq!(store.find_key(&public_id(round)).await.unwrap(), None);
        assert_eq!(store.list_keys(None).await.unwrap(), []);
    }
}
