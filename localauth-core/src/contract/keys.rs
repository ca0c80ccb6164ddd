//! Rules of [`KeyStore`], with the users of the same store.

use std::ops::Deref;
use std::sync::Arc;

use super::crowd::{CROWD, at_once, both, give_up_after};
use super::fixture::{ODD_TEXTS, add, at, changes, digest, get, huge_text, key, key_id, new_user, public_id, user_id};
use crate::id::KeyId;
use crate::key::ApiKey;
use crate::store::{InsertKey, KeyStore, UserStore};
use crate::user::User;

group!(__contract_keys: UserStore, KeyStore);

/// The key with this number, which must be there.
async fn found<S: KeyStore + ?Sized>(store: &S, n: usize) -> (ApiKey, User) {
    store
        .find_key(&public_id(n))
        .await
        .expect("the store answers")
        .expect("the key is there")
}

async fn insert<S: KeyStore + ?Sized>(store: &S, key: ApiKey) {
    assert_eq!(
        store.insert_key(key).await.expect("the store answers"),
        InsertKey::Inserted
    );
}

/// A key that nobody made is absent, which is no failure.
pub async fn an_unknown_key_is_absent<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    assert_eq!(store.find_key(&public_id(1)).await.unwrap(), None);
    assert_eq!(store.list_keys(user_id(1)).await.unwrap(), []);
    assert_eq!(store.revoke_key(None, key_id(1), at(0)).await.unwrap(), None);
    store.touch_keys(&[(key_id(1), at(0))]).await.unwrap();
    store.touch_keys(&[]).await.unwrap();
    assert_eq!(store.find_key(&public_id(1)).await.unwrap(), None);
}

/// Every field of a key comes back as it was, together with its owner; another case of the id is another id.
pub async fn a_key_is_found_as_stored_with_its_owner<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let plain = key(1, ada.id);
    let full = ApiKey {
        expires_at: Some(at(1)),
        revoked_at: Some(at(-2)),
        last_used_at: Some(at(3)),
        ..key(2, bob.id)
    };
    insert(&*store, plain.clone()).await;
    insert(&*store, full.clone()).await;
    assert_eq!(found(&*store, 1).await, (plain, ada));
    assert_eq!(found(&*store, 2).await, (full, bob));
    let other_case = public_id(1).as_str().to_lowercase().parse().unwrap();
    assert_eq!(store.find_key(&other_case).await.unwrap(), None);
}

/// There is no key without a user.
pub async fn a_key_needs_a_user<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    add(&*store, new_user(1)).await;
    assert_eq!(
        store.insert_key(key(1, user_id(2))).await.unwrap(),
        InsertKey::NoSuchUser
    );
    assert_eq!(store.find_key(&public_id(1)).await.unwrap(), None);
    assert_eq!(store.list_keys(user_id(2)).await.unwrap(), []);
}

/// A second key with an id or public id in use is refused, and the first stays as it was.
pub async fn ids_and_public_ids_are_unique<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    insert(&*store, key(1, ada.id)).await;
    let same_id = ApiKey {
        id: key_id(1),
        ..key(2, bob.id)
    };
    let same_public_id = ApiKey {
        public_id: public_id(1),
        ..key(3, bob.id)
    };
    assert_eq!(store.insert_key(same_id).await.unwrap(), InsertKey::Duplicate);
    assert_eq!(store.insert_key(same_public_id).await.unwrap(), InsertKey::Duplicate);
    assert_eq!(store.insert_key(key(1, ada.id)).await.unwrap(), InsertKey::Duplicate);
    assert_eq!(found(&*store, 1).await, (key(1, ada.id), ada));
    assert_eq!(store.list_keys(bob.id).await.unwrap(), []);
    assert_eq!(store.find_key(&public_id(2)).await.unwrap(), None);
}

/// Of many keys with one public id at once, one is stored.
pub async fn a_public_id_is_given_to_one_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let owner = add(&**store, new_user(1)).await.id;
    let answers = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let key = ApiKey {
            public_id: public_id(0),
            ..key(i, owner)
        };
        async move { store.insert_key(key).await.unwrap() }
    })
    .await;
    let stored = answers.iter().filter(|a| **a == InsertKey::Inserted).count();
    assert_eq!(stored, 1, "one public id was given to {stored} keys");
    assert!(
        answers
            .iter()
            .all(|a| matches!(a, InsertKey::Inserted | InsertKey::Duplicate))
    );
    assert_eq!(store.list_keys(owner).await.unwrap().len(), 1);
}

/// The list has a user's own keys, newest first: expired ones too, revoked ones not.
pub async fn keys_are_listed_newest_first_without_revoked_ones<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    for n in [4, 2, 8, 6] {
        insert(&*store, key(n, ada.id)).await;
    }
    insert(&*store, key(5, bob.id)).await;
    insert(
        &*store,
        ApiKey {
            expires_at: Some(at(-1)),
            ..key(7, ada.id)
        },
    )
    .await;
    store.revoke_key(None, key_id(4), at(1)).await.unwrap();
    let listed: Vec<_> = store
        .list_keys(ada.id)
        .await
        .unwrap()
        .into_iter()
        .map(|k| k.id)
        .collect();
    assert_eq!(listed, [8, 7, 6, 2].map(key_id));
    assert_eq!(store.list_keys(bob.id).await.unwrap(), [key(5, bob.id)]);
}

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
            ..self::key(1, before.id)
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

/// A later use is noted, an earlier one passed over, in whatever order they come; unknown keys do not matter.
pub async fn last_use_never_moves_back<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let owner = add(&*store, new_user(1)).await;
    for n in [1, 2] {
        insert(&*store, key(n, owner.id)).await;
    }
    store
        .touch_keys(&[(key_id(1), at(5)), (key_id(9), at(6)), (key_id(2), at(7))])
        .await
        .unwrap();
    assert_eq!(found(&*store, 1).await.0.last_used_at, Some(at(5)));
    assert_eq!(found(&*store, 2).await.0.last_used_at, Some(at(7)));
    store
        .touch_keys(&[(key_id(1), at(4)), (key_id(2), at(8))])
        .await
        .unwrap();
    assert_eq!(found(&*store, 1).await.0.last_used_at, Some(at(5)), "moved back");
    assert_eq!(found(&*store, 2).await.0.last_used_at, Some(at(8)));
    store
        .touch_keys(&[(key_id(1), at(9)), (key_id(1), at(3)), (key_id(1), at(6))])
        .await
        .unwrap();
    assert_eq!(
        found(&*store, 1).await,
        (
            ApiKey {
                last_used_at: Some(at(9)),
                ..key(1, owner.id)
            },
            owner
        )
    );
}

/// Of many uses at once the latest stays, and none hinders another.
pub async fn last_use_is_the_latest_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let owner = add(&**store, new_user(1)).await.id;
    for n in 0..10 {
        insert(&**store, key(n, owner)).await;
    }
    at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let time = at(i64::try_from(i).unwrap_or(0));
        let mut used: Vec<_> = (0..10).map(|n| (key_id(n), time)).collect();
        if i % 2 == 0 {
            // Two orders, as of two nodes: who locks row by row in the order given runs into a deadlock.
            used.reverse();
        }
        async move { store.touch_keys(&used).await.unwrap() }
    })
    .await;
    for n in 0..10 {
        assert_eq!(found(&**store, n).await.0.last_used_at, Some(at(49)));
    }
}

/// A call may be about more keys than a statement has room for.
pub async fn many_keys_are_touched_in_one_call<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let owner = add(&*store, new_user(1)).await.id;
    for n in [0, 39_999] {
        insert(&*store, key(n, owner)).await;
    }
    let used: Vec<(KeyId, _)> = (0..40_000).map(|n| (key_id(n), at(7))).collect();
    store.touch_keys(&used).await.unwrap();
    for n in [0, 39_999] {
        assert_eq!(found(&*store, n).await.0.last_used_at, Some(at(7)));
    }
}

/// A name comes back as it was, or is refused; never changed.
pub async fn odd_names_come_back_whole_or_are_refused<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let owner = add(&*store, new_user(1)).await.id;
    let texts = ODD_TEXTS.map(str::to_owned).into_iter().chain([huge_text()]);
    for (n, name) in texts.enumerate() {
        let stored = store
            .insert_key(ApiKey {
                name: name.clone(),
                ..key(n, owner)
            })
            .await
            .is_ok();
        let found = store.find_key(&public_id(n)).await.unwrap();
        assert_eq!(found.map(|(key, _)| key.name), stored.then_some(name));
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
