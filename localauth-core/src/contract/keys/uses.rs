//! When keys and their old secrets were last used, and from where.

use std::ops::Deref;
use std::sync::Arc;

use super::{found, insert};
use crate::contract::crowd::{CROWD, at_once};
use crate::contract::fixture::{add, at, at_number, digest, get, key, key_id, new_user};
use crate::key::{ApiKey, KeyUse};
use crate::store::{KeyStore, UserStore};

/// A use of key number `n`, from an address that tells when.
fn used(n: usize, millis: i64) -> KeyUse {
    KeyUse {
        id: key_id(n),
        at: at(millis),
        ip: format!("192.0.2.{millis}"),
        previous: false,
    }
}

fn with_old_secret(n: usize, millis: i64) -> KeyUse {
    KeyUse {
        previous: true,
        ..used(n, millis)
    }
}

/// What the key says of its last use: when and from where.
fn last(key: &ApiKey) -> (Option<i64>, &str) {
    let millis = key.last_used_at.map(|time| time.as_millis() - at(0).as_millis());
    (millis, &key.last_used_ip)
}

/// The same of its old secret.
fn last_of_old(key: &ApiKey) -> (Option<i64>, &str) {
    let old = key.previous.as_ref().expect("the key was rotated");
    let millis = old.last_used_at.map(|time| time.as_millis() - at(0).as_millis());
    (millis, &old.last_used_ip)
}

/// A later use is noted with where it was from, an earlier one passed over, in whatever order they come; unknown keys do
/// not matter.
pub async fn last_use_never_moves_back<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let owner = add(&*store, new_user(1)).await;
    for n in [1, 2] {
        insert(&*store, key(n, owner.id)).await;
    }
    store.touch_keys(&[used(1, 5), used(9, 6), used(2, 7)]).await.unwrap();
    assert_eq!(last(&found(&*store, 1).await.0), (Some(5), "192.0.2.5"));
    assert_eq!(last(&found(&*store, 2).await.0), (Some(7), "192.0.2.7"));
    store.touch_keys(&[used(1, 4), used(2, 8)]).await.unwrap();
    assert_eq!(last(&found(&*store, 1).await.0), (Some(5), "192.0.2.5"), "moved back");
    assert_eq!(last(&found(&*store, 2).await.0), (Some(8), "192.0.2.8"));
    store.touch_keys(&[used(1, 9), used(1, 3), used(1, 6)]).await.unwrap();
    let expected = ApiKey {
        last_used_at: Some(at(9)),
        last_used_ip: "192.0.2.9".to_owned(),
        ..key(1, owner.id)
    };
    assert_eq!(found(&*store, 1).await, (expected, owner));
}

/// A use with the old secret is noted for the key and for that secret; one with the new secret for the key alone. Neither
/// ever moves back.
pub async fn use_of_an_old_secret_is_noted_by_itself<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let owner = add(&*store, new_user(1)).await.id;
    for n in [1, 2] {
        insert(&*store, key(n, owner)).await;
        store.touch_keys(&[used(n, 1)]).await.unwrap();
    }
    let rotated = store
        .rotate_key(None, key_id(1), None, digest(11), at(99), at(2))
        .await
        .unwrap();
    let (_, epoch) = rotated.expect("it is good");
    assert_eq!(
        last_of_old(&found(&*store, 1).await.0),
        (None, ""),
        "not since the rotation"
    );

    store.touch_keys(&[with_old_secret(1, 5)]).await.unwrap();
    let (key, _) = found(&*store, 1).await;
    assert_eq!(
        (last(&key), last_of_old(&key)),
        ((Some(5), "192.0.2.5"), (Some(5), "192.0.2.5"))
    );

    store.touch_keys(&[used(1, 8), with_old_secret(1, 4)]).await.unwrap();
    let (key, _) = found(&*store, 1).await;
    assert_eq!(
        (last(&key), last_of_old(&key)),
        ((Some(8), "192.0.2.8"), (Some(5), "192.0.2.5"))
    );

    // Both in one call, in the wrong order; and a key that has no old secret.
    let batch = [
        with_old_secret(1, 7),
        used(1, 12),
        with_old_secret(1, 6),
        used(1, 11),
        with_old_secret(2, 3),
    ];
    store.touch_keys(&batch).await.unwrap();
    let (key, user) = found(&*store, 1).await;
    assert_eq!(
        (last(&key), last_of_old(&key)),
        ((Some(12), "192.0.2.12"), (Some(7), "192.0.2.7"))
    );
    assert_eq!(user.epoch, epoch, "a use moves no epoch");
    assert_eq!(get(&*store, owner).await, user);
    let (other, _) = found(&*store, 2).await;
    assert_eq!((last(&other), &other.previous), ((Some(3), "192.0.2.3"), &None));
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
        store
            .rotate_key(None, key_id(n), None, digest(n + 10), at(99), at(0))
            .await
            .unwrap();
    }
    at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        let one = |n| KeyUse {
            id: key_id(n),
            at: at_number(i),
            ip: format!("192.0.2.{i}"),
            previous: i % 3 == 0,
        };
        let mut used: Vec<_> = (0..10).map(one).collect();
        if i % 2 == 0 {
            // Two orders, as of two nodes: who locks row by row in the order given runs into a deadlock.
            used.reverse();
        }
        async move { store.touch_keys(&used).await.unwrap() }
    })
    .await;
    for n in 0..10 {
        let (key, _) = found(&**store, n).await;
        assert_eq!(last(&key), (Some(49), "192.0.2.49"));
        assert_eq!(last_of_old(&key), (Some(48), "192.0.2.48"));
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
    let all: Vec<_> = (0..40_000).map(|n| used(n, 7)).collect();
    store.touch_keys(&all).await.unwrap();
    for n in [0, 39_999] {
        assert_eq!(found(&*store, n).await.0.last_used_at, Some(at(7)));
    }
}
