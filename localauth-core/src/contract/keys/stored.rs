//! Storing, finding and listing keys.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use uuid::Uuid;

use super::{found, insert, list};
use crate::clock::Timestamp;
use crate::contract::crowd::{CROWD, at_once};
use crate::contract::fixture::{ODD_TEXTS, add, at, digest, huge_text, key, key_id, new_user, public_id, user_id};
use crate::id::LimitId;
use crate::key::{ApiKey, KeyUse, PreviousSecret};
use crate::limit::{KeyLimit, Limit, LimitRule};
use crate::scope::{KeyScope, KeyTier};
use crate::store::{InsertKey, KeyStore, UserStore};

/// A key that nobody made is absent, which is no failure.
pub async fn an_unknown_key_is_absent<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    assert_eq!(store.find_key(&public_id(1)).await.unwrap(), None);
    assert_eq!(list(&*store, user_id(1)).await, []);
    assert_eq!(store.revoke_key(None, key_id(1), at(0)).await.unwrap(), None);
    let digest = digest(1);
    let rotated = store
        .rotate_key(None, key_id(1), None, digest, at(9), at(0))
        .await
        .unwrap();
    assert_eq!(rotated, None);
    assert_eq!(store.find_key_by_id(key_id(1)).await.unwrap(), None);
    assert_eq!(store.list_keys(None).await.unwrap(), []);
    assert_eq!(store.sweep_keys(Timestamp::MAX).await.unwrap(), 0);
    let used = KeyUse {
        id: key_id(1),
        at: at(0),
        ip: String::new(),
        previous: false,
    };
    store.touch_keys(&[used]).await.unwrap();
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
        last_used_ip: "2001:db8::7".to_owned(),
        scope: KeyScope {
            models: Some(["llama", "Ωmega", ""].map(str::to_owned).into()),
            features: Some(["chat".to_owned()].into()),
            routes: Some(vec!["POST /v1/chat/*".parse().unwrap(), "GET /b".parse().unwrap()]),
            ips: Some(vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]),
            can_mint: true,
            limits: vec![KeyLimit {
                holder: Some(key_id(1)),
                limit: Limit {
                    id: LimitId::from_uuid(Uuid::from_u128(77)),
                    rule: LimitRule::per("1h".parse().unwrap())
                        .requests(u64::MAX)
                        .of_model("Ωmega"),
                },
            }],
            tier: Some(KeyTier {
                name: "free".parse().unwrap(),
                holder: Some(key_id(1)),
            }),
        },
        parent_id: Some(key_id(1)),
        previous: Some(PreviousSecret {
            digest: digest(12),
            until: at(4),
            last_used_at: Some(at(2)),
            last_used_ip: "192.0.2.1".to_owned(),
        }),
        ..key(2, bob.id)
    };
    // To be narrowed to nothing is not to be narrowed by nothing.
    let nothing = ApiKey {
        scope: KeyScope {
            models: Some(BTreeSet::new()),
            features: Some(BTreeSet::new()),
            routes: Some(Vec::new()),
            ips: Some(Vec::new()),
            ..KeyScope::default()
        },
        ..key(3, ada.id)
    };
    insert(&*store, plain.clone()).await;
    for key in [&full, &nothing] {
        insert(&*store, key.clone()).await;
    }
    for key in [&plain, &full, &nothing] {
        assert_eq!(store.find_key_by_id(key.id).await.unwrap().as_ref(), Some(key));
    }
    assert_eq!(found(&*store, 3).await, (nothing, ada.clone()));
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
    assert_eq!(list(&*store, user_id(2)).await, []);
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
    assert_eq!(list(&*store, bob.id).await, []);
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
    assert_eq!(list(&**store, owner).await.len(), 1);
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
    let listed: Vec<_> = list(&*store, ada.id).await.into_iter().map(|k| k.id).collect();
    assert_eq!(listed, [8, 7, 6, 2].map(key_id));
    assert_eq!(list(&*store, bob.id).await, [key(5, bob.id)]);
    // The others are told apart from them, and by user too.
    let revoked = store.list_revoked_keys(ada.id).await.unwrap();
    assert_eq!(revoked.into_iter().map(|k| k.id).collect::<Vec<_>>(), [key_id(4)]);
    assert_eq!(store.list_revoked_keys(bob.id).await.unwrap(), []);
}

/// Without a user the list has everybody's keys, newest first, without revoked ones.
pub async fn the_keys_of_all_are_listed_together<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let owners = [ada.id, bob.id];
    for n in [3, 1, 4, 2, 5] {
        insert(&*store, key(n, owners[n % 2])).await;
    }
    store.revoke_key(None, key_id(4), at(1)).await.unwrap();
    let expected = [5, 3, 2, 1].map(|n| key(n, owners[n % 2]));
    assert_eq!(store.list_keys(None).await.unwrap(), expected);
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
