//! Giving keys a new secret.

use std::ops::Deref;
use std::sync::Arc;

use super::{found, insert, list};
use crate::contract::crowd::{CROWD, at_once, both};
use crate::contract::fixture::{add, at, changes, digest, key, key_id, new_user, user_id};
use crate::key::{ApiKey, KeyUse, PreviousSecret};
use crate::store::{KeyStore, UserStore};
use crate::user::User;

/// A rotated key has the new secret and remembers the one before, and its owner's epoch has moved; all else is as it was.
/// Its look-up by id and the list tell the same.
pub async fn a_rotated_key_has_a_new_secret_and_the_one_before<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let first = ApiKey {
        expires_at: Some(at(1_000)),
        last_used_at: Some(at(2)),
        last_used_ip: "192.0.2.1".to_owned(),
        ..key(1, ada.id)
    };
    insert(&*store, first.clone()).await;
    insert(&*store, key(2, ada.id)).await;
    let rotated = store
        .rotate_key(Some(ada.id), key_id(1), None, digest(11), at(70), at(60))
        .await
        .unwrap();
    let (owner, epoch) = rotated.expect("it is good");
    assert_eq!(owner, ada.id);
    assert!(epoch > bob.epoch);
    let expected = ApiKey {
        digest: digest(11),
        previous: Some(PreviousSecret {
            digest: digest(1),
            until: at(70),
            last_used_at: None,
            last_used_ip: String::new(),
        }),
        ..first
    };
    let ada = User { epoch, ..ada };
    assert_eq!(found(&*store, 1).await, (expected.clone(), ada.clone()));
    assert_eq!(store.find_key_by_id(key_id(1)).await.unwrap().as_ref(), Some(&expected));
    assert_eq!(list(&*store, ada.id).await, [key(2, ada.id), expected]);
    assert_eq!(
        found(&*store, 2).await,
        (key(2, ada.id), ada.clone()),
        "the other key is as it was"
    );
    assert_eq!(changes(&*store).await, [(bob.id, bob.epoch), (ada.id, epoch)]);
}

/// A key has one old secret at most: the one before it is forgotten, its use too, even while it would still be good.
pub async fn a_still_older_secret_is_forgotten<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let owner = add(&*store, new_user(1)).await.id;
    insert(&*store, key(1, owner)).await;
    for round in 1..4_usize {
        let until = at(1_000 - i64::try_from(round).unwrap_or(0));
        let rotated = store
            .rotate_key(None, key_id(1), None, digest(10 + round), until, at(5))
            .await;
        rotated.unwrap().expect("it is good");
        let (key, _) = found(&*store, 1).await;
        let before = if round == 1 { 1 } else { 9 + round };
        assert_eq!(key.digest, digest(10 + round));
        let expected = PreviousSecret {
            digest: digest(before),
            until,
            last_used_at: None,
            last_used_ip: String::new(),
        };
        assert_eq!(key.previous, Some(expected));
        let old = KeyUse {
            id: key_id(1),
            at: at(6),
            ip: "192.0.2.1".to_owned(),
            previous: true,
        };
        store.touch_keys(&[old]).await.unwrap();
    }
}

/// What is revoked, over, or somebody else's gets no new secret, and nobody's epoch moves. At its very last instant a key
/// is over.
pub async fn only_a_good_key_of_ones_own_is_rotated<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let ends = |n, end| ApiKey {
        expires_at: Some(at(end)),
        ..key(n, ada.id)
    };
    let revoked = ApiKey {
        revoked_at: Some(at(1)),
        ..key(3, ada.id)
    };
    for key in [key(0, ada.id), ends(1, 50), ends(2, 51), revoked] {
        insert(&*store, key).await;
    }
    let before = changes(&*store).await;
    let attempts = [
        (Some(bob.id), 0, "somebody else's"),
        (Some(user_id(9)), 0, "somebody else's"),
        (Some(ada.id), 1, "over at that instant"),
        (None, 1, "over at that instant"),
        (None, 3, "revoked"),
        (Some(ada.id), 3, "revoked"),
        (None, 9, "nobody's"),
    ];
    for (owner, n, why) in attempts {
        let rotated = store
            .rotate_key(owner, key_id(n), None, digest(99), at(99), at(50))
            .await
            .unwrap();
        assert_eq!(rotated, None, "{why}");
    }
    assert_eq!(changes(&*store).await, before);
    for n in 0..4 {
        let (key, _) = found(&*store, n).await;
        assert_eq!((key.digest, key.previous), (digest(n), None));
    }
    for (owner, n) in [(None, 0), (Some(ada.id), 2)] {
        let rotated = store
            .rotate_key(owner, key_id(n), None, digest(99 + n), at(99), at(50))
            .await
            .unwrap();
        assert!(rotated.is_some(), "a millisecond is left to it, or more");
    }
}

/// Of many that saw the same secret and want another, one gets it, and the secret they saw is the one before.
pub async fn a_secret_that_many_saw_is_replaced_once<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let ada = add(&*store, new_user(1)).await;
    insert(&*store, key(1, ada.id)).await;
    let seen = digest(1);
    let other = store
        .rotate_key(None, key_id(1), Some(&digest(2)), digest(90), at(9), at(1))
        .await;
    assert_eq!(other.unwrap(), None, "it never had that secret");
    let mut won = 0;
    for n in 0..3 {
        let rotated = store
            .rotate_key(None, key_id(1), Some(&seen), digest(11 + n), at(9), at(1))
            .await;
        won += usize::from(rotated.unwrap().is_some());
    }
    assert_eq!(won, 1);
    let key = store.find_key_by_id(key_id(1)).await.unwrap().unwrap();
    assert_eq!(key.digest, digest(11));
    assert_eq!(key.previous.map(|old| old.digest), Some(seen));
}

/// Who looks a key up while it is rotated gets secret and owner both from before or both from after.
pub async fn a_rotation_is_of_one_moment<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let owner = add(&**store, new_user(1)).await.id;
    insert(&**store, key(0, owner)).await;
    for round in 0..30 {
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let new = digest(100 + round);
        let (looks, rotated) = both(
            async move {
                let mut looks = Vec::new();
                loop {
                    let look = found(&**a, 0).await;
                    let over = look.0.digest == new;
                    looks.push(look);
                    if over {
                        return looks;
                    }
                    tokio::task::yield_now().await;
                }
            },
            async move { b.rotate_key(None, key_id(0), None, new, at(9), at(1)).await.unwrap() },
        )
        .await;
        let (_, epoch) = rotated.expect("it is good");
        for (key, user) in looks {
            assert_eq!(
                key.digest == new,
                user.epoch >= epoch,
                "{:?} with {:?}",
                key.digest,
                user.epoch
            );
            let old = key.previous.map(|old| old.digest);
            assert_ne!(old, Some(key.digest), "the old secret is still the present one");
        }
    }
}

/// Of many rotations at once each takes its turn: the last one's secret is good, the one's before is the old one.
pub async fn rotations_at_once_follow_one_another<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let owner = add(&**store, new_user(1)).await.id;
    insert(&**store, key(0, owner)).await;
    let answers = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        async move {
            let rotated = store
                .rotate_key(None, key_id(0), None, digest(100 + i), at(9), at(1))
                .await;
            let (_, epoch) = rotated.unwrap().expect("it is good");
            (epoch, digest(100 + i))
        }
    })
    .await;
    let mut turns = answers;
    turns.sort_unstable_by_key(|&(epoch, _)| epoch);
    assert!(
        turns.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "an epoch was given out twice"
    );
    let (key, user) = found(&**store, 0).await;
    assert_eq!((user.epoch, key.digest), turns[CROWD - 1]);
    assert_eq!(key.previous.map(|old| old.digest), Some(turns[CROWD - 2].1));
}

/// A rotation and a revocation at once: the key is revoked afterwards, whichever came first.
pub async fn no_rotation_undoes_a_revocation<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let owner = add(&**store, new_user(1)).await.id;
    for round in 0..20 {
        insert(&**store, key(round, owner)).await;
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let new = digest(100 + round);
        let (rotated, revoked) = both(
            async move {
                a.rotate_key(None, key_id(round), None, new, at(9), at(1))
                    .await
                    .unwrap()
            },
            async move { b.revoke_key(None, key_id(round), at(5)).await.unwrap() },
        )
        .await;
        let (_, revoked) = revoked.expect("it was good");
        let (key, user) = found(&**store, round).await;
        assert_eq!((key.revoked_at, user.epoch), (Some(at(5)), revoked));
        match rotated {
            Some((_, epoch)) => assert!(epoch < revoked && key.digest == new),
            None => assert_eq!((key.digest, key.previous), (digest(round), None)),
        }
    }
}
