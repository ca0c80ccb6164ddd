//! Rules of [`SharedKeyStore`], with the users of the same store, whose log of changes tells of it.

use std::ops::Deref;
use std::sync::Arc;

use super::crowd::{CROWD, at_once};
use super::fixture::{ODD_TEXTS, add, at_number, changes, digest, hash, new_user, shared_key_id};
use crate::id::{Epoch, UserId};
use crate::shared_key::SharedKey;
use crate::store::{InsertSharedKey, SharedKeyStore, UserStore};

group!(__contract_shared_keys: UserStore, SharedKeyStore);

fn shared_key(n: usize) -> SharedKey {
    SharedKey {
        id: shared_key_id(n),
        digest: digest(n),
        masked: format!("sk-…{n:04}"),
        created_at: at_number(n),
    }
}

async fn all<S: SharedKeyStore + ?Sized>(store: &S) -> Vec<SharedKey> {
    store.shared_keys().await.expect("the store answers")
}

/// In a fresh store there are no shared keys, and nothing has changed.
pub async fn a_fresh_store_has_no_shared_keys<D>(store: D)
where
    D: Deref<Target: UserStore + SharedKeyStore> + Send + Sync + 'static,
{
    assert_eq!(all(&*store).await, []);
    assert_eq!(changes(&*store).await, []);
}

/// All keys are replaced together, and listed oldest first, whatever their order was; what is not among them is gone.
pub async fn shared_keys_are_replaced_together<D>(store: D)
where
    D: Deref<Target: UserStore + SharedKeyStore> + Send + Sync + 'static,
{
    store.replace_shared_keys(&[3, 1, 2].map(shared_key)).await.unwrap();
    assert_eq!(all(&*store).await, [1, 2, 3].map(shared_key));
    // Two that were there, one of them under the same id with another digest; and a new one.
    let changed = SharedKey {
        digest: digest(9),
        masked: String::new(),
        ..shared_key(2)
    };
    let next = [shared_key(4), changed.clone(), shared_key(3)];
    store.replace_shared_keys(&next).await.unwrap();
    assert_eq!(all(&*store).await, [changed, shared_key(3), shared_key(4)]);
    store.replace_shared_keys(&[]).await.unwrap();
    assert_eq!(all(&*store).await, []);
}

/// Each replacement moves the synthetic administrator's epoch, the one that changes nothing too, and whoever follows the
/// changes is told of it once, at the latest one, among the users.
pub async fn replacing_shared_keys_moves_an_epoch<D>(store: D)
where
    D: Deref<Target: UserStore + SharedKeyStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let mut last = user.epoch;
    for keys in [vec![shared_key(1)], vec![shared_key(1)], vec![], vec![]] {
        let epoch = store.replace_shared_keys(&keys).await.unwrap();
        assert!(epoch > last, "{epoch:?} is not after {last:?}");
        assert_eq!(store.changes_since(last).await.unwrap(), [(UserId::SHARED, epoch)]);
        assert_eq!(changes(&*store).await, [(user.id, user.epoch), (UserId::SHARED, epoch)]);
        assert_eq!(store.latest_epoch().await.unwrap(), epoch);
        last = epoch;
    }
    let epoch = store.set_password(user.id, None, &hash(2)).await.unwrap().unwrap();
    assert_eq!(changes(&*store).await, [(UserId::SHARED, last), (user.id, epoch)]);
    assert_eq!(
        store.find_user(UserId::SHARED).await.unwrap(),
        None,
        "it is nobody in the store"
    );
}

/// Of many replacements at once each gets an epoch of its own, and the keys of the last one are there: all of them, and
/// no others.
pub async fn of_many_replacements_the_last_one_stays<D>(store: D)
where
    D: Deref<Target: UserStore + SharedKeyStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    for _ in 0..3 {
        let mut answers = at_once(CROWD, |i| {
            let store = Arc::clone(&store);
            // From none to four keys, and some with those of others among them.
            let keys: Vec<_> = (i..i + i % 5).map(shared_key).collect();
            async move { (store.replace_shared_keys(&keys).await.unwrap(), keys) }
        })
        .await;
        answers.sort_unstable_by_key(|&(epoch, _)| epoch);
        assert!(
            answers.windows(2).all(|pair| pair[0].0 < pair[1].0),
            "an epoch was given out twice"
        );
        let (epoch, keys) = &answers[CROWD - 1];
        assert_eq!(all(&**store).await, *keys);
        assert_eq!(changes(&**store).await, [(UserId::SHARED, *epoch)]);
    }
    assert!(store.latest_epoch().await.unwrap() >= Epoch(1));
}

/// What is shown of a key comes back as it was, or is refused together with all; never changed.
pub async fn odd_masks_come_back_whole_or_are_refused<D>(store: D)
where
    D: Deref<Target: UserStore + SharedKeyStore> + Send + Sync + 'static,
{
    for text in ODD_TEXTS {
        let before = all(&*store).await;
        let odd = SharedKey {
            masked: text.to_owned(),
            ..shared_key(2)
        };
        let keys = [shared_key(1), odd];
        let stored = store.replace_shared_keys(&keys).await.is_ok();
        assert_eq!(all(&*store).await, if stored { keys.to_vec() } else { before });
    }
}

/// One is added beside the others and one taken away, each with an epoch of its own; what is there already, what would be
/// too many and what is not there change nothing.
pub async fn one_shared_key_comes_and_goes<D>(store: D)
where
    D: Deref<Target: UserStore + SharedKeyStore> + Send + Sync + 'static,
{
    let mut last = Epoch::default();
    for n in [2, 1] {
        let InsertSharedKey::Inserted(epoch) = store.insert_shared_key(&shared_key(n), &[], 2).await.unwrap() else {
            panic!("there is room for key {n}");
        };
        assert!(epoch > last, "{epoch:?} is not after {last:?}");
        last = epoch;
    }
    assert_eq!(all(&*store).await, [1, 2].map(shared_key));
    let again = SharedKey {
        id: shared_key_id(7),
        ..shared_key(1)
    };
    // What is there already is that, also where there is no room.
    for key in [&shared_key(1), &again] {
        assert_eq!(
            store.insert_shared_key(key, &[], 2).await.unwrap(),
            InsertSharedKey::Present
        );
    }
    let one_more = store.insert_shared_key(&shared_key(3), &[], 2).await.unwrap();
    assert_eq!(one_more, InsertSharedKey::TooMany);
    assert_eq!(store.delete_shared_key(shared_key_id(3)).await.unwrap(), None);
    assert_eq!(all(&*store).await, [1, 2].map(shared_key));
    assert_eq!(changes(&*store).await, [(UserId::SHARED, last)]);
    let (gone, epoch) = store
        .delete_shared_key(shared_key_id(1))
        .await
        .unwrap()
        .expect("it is there");
    assert_eq!(gone, shared_key(1), "it is told what went");
    assert!(epoch > last, "{epoch:?} is not after {last:?}");
    assert_eq!(all(&*store).await, [shared_key(2)]);
    assert_eq!(changes(&*store).await, [(UserId::SHARED, epoch)]);
    assert_eq!(store.delete_shared_key(shared_key_id(1)).await.unwrap(), None);
}

/// A key that is there under a digest of an earlier secret is there already, whichever of them it is.
pub async fn a_shared_key_is_one_under_each_of_its_digests<D>(store: D)
where
    D: Deref<Target: UserStore + SharedKeyStore> + Send + Sync + 'static,
{
    store.replace_shared_keys(&[1, 2].map(shared_key)).await.unwrap();
    let before = changes(&*store).await;
    for older in [vec![digest(1)], vec![digest(8), digest(2)], vec![digest(1), digest(2)]] {
        let again = store.insert_shared_key(&shared_key(3), &older, 9).await.unwrap();
        assert_eq!(again, InsertSharedKey::Present, "{older:?}");
    }
    assert_eq!(all(&*store).await, [1, 2].map(shared_key));
    assert_eq!(changes(&*store).await, before);
    // Nobody else's digest is in the way.
    let other = store.insert_shared_key(&shared_key(3), &[digest(8)], 9).await.unwrap();
    assert!(matches!(other, InsertSharedKey::Inserted(_)));
    assert_eq!(all(&*store).await, [1, 2, 3].map(shared_key));
}

/// Of many that are added at once there are as many as may be, and all that were told so.
pub async fn of_many_shared_keys_at_once_none_takes_anothers_place<D>(store: D)
where
    D: Deref<Target: UserStore + SharedKeyStore> + Send + Sync + 'static,
{
    let most = CROWD - 3;
    let store = Arc::new(store);
    let added = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        async move { (i, store.insert_shared_key(&shared_key(i), &[], most).await.unwrap()) }
    })
    .await;
    let mut stored: Vec<SharedKey> = added
        .iter()
        .filter(|(_, done)| matches!(done, InsertSharedKey::Inserted(_)))
        .map(|(i, _)| shared_key(*i))
        .collect();
    stored.sort_unstable_by_key(|key| (key.created_at, key.id));
    assert_eq!(stored.len(), most);
    assert_eq!(all(&**store).await, stored);
}
