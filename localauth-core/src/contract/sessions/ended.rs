//! Ending sessions, one or all of a user; and what is found meanwhile.

use std::ops::Deref;
use std::sync::Arc;

use super::{find, ids, insert, of};
use crate::contract::crowd::{CROWD, at_once, both};
use crate::contract::fixture::{
    actor, add, at, changes, get, key, key_id, new_admin, new_user, session, session_id, user_id,
};
use crate::session::Session;
use crate::store::{ChangeUser, InsertKey, KeyStore, SessionStore, UserStore};
use crate::user::{Role, User};

/// An ended session is gone, its user's epoch has moved, and it cannot be ended again.
pub async fn a_session_ends_once_and_moves_the_epoch<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    for n in [1, 2] {
        store.insert_session(session(n, &user)).await.unwrap();
    }
    let (id, epoch) = store
        .end_session(None, session_id(1))
        .await
        .unwrap()
        .expect("it was there");
    assert_eq!(id, user.id);
    assert!(epoch > user.epoch);
    assert_eq!(find(&*store, 1).await, None);
    assert_eq!(store.end_session(None, session_id(1)).await.unwrap(), None);
    assert_eq!(changes(&*store).await, [(user.id, epoch)]);
    let after = User { epoch, ..user.clone() };
    assert_eq!(
        find(&*store, 2).await,
        Some(of(session(2, &user), &after)),
        "the other session goes on"
    );
}

/// Of many who end one session at once, one does it.
pub async fn a_session_is_ended_by_one_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(1)).await;
    store.insert_session(session(1, &user)).await.unwrap();
    let answers = at_once(CROWD, |_| {
        let store = Arc::clone(&store);
        async move { store.end_session(None, session_id(1)).await.unwrap() }
    })
    .await;
    let done: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(done.len(), 1, "ended {} times", done.len());
    assert_eq!(done[0], (user.id, get(&**store, user.id).await.epoch));
}

/// Who looks a session up while it ends finds it with its user from before, or not at all.
pub async fn a_session_and_its_user_are_of_one_moment<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(1)).await;
    for round in 0..30 {
        store.insert_session(session(round, &user)).await.unwrap();
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (looks, ended) = both(
            async move {
                let mut looks = Vec::new();
                while let Some(found) = find(&**a, round).await {
                    looks.push(found.user.expect("it is a user's").epoch);
                    tokio::task::yield_now().await;
                }
                looks
            },
            async move { b.end_session(None, session_id(round)).await.unwrap() },
        )
        .await;
        let (_, epoch) = ended.expect("it was there");
        for look in looks {
            assert!(look < epoch, "ended at {epoch:?}, but found with {look:?}");
        }
    }
}

/// Nobody ends a session of somebody else.
pub async fn a_session_of_somebody_else_is_not_ended<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    insert(&*store, session(1, &ada)).await;
    for owner in [bob.id, user_id(9)] {
        assert_eq!(store.end_session(Some(owner), session_id(1)).await.unwrap(), None);
    }
    assert_eq!(find(&*store, 1).await, Some(of(session(1, &ada), &ada)));
    assert_eq!(changes(&*store).await, [(ada.id, ada.epoch), (bob.id, bob.epoch)]);
    let ended = store.end_session(Some(ada.id), session_id(1)).await.unwrap();
    assert_eq!(ended, Some((ada.id, get(&*store, ada.id).await.epoch)));
    assert_eq!(find(&*store, 1).await, None);
}

/// All sessions of a user end but the one named, and their epoch moves, also when there was none to end; those of others
/// go on. Without a name all end.
pub async fn all_sessions_end_but_the_one_named<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    for n in 1..5 {
        insert(&*store, session(n, &ada)).await;
    }
    insert(&*store, session(5, &bob)).await;
    let mut last = bob.epoch;
    // The second time there is nothing to end; the third, the session named is somebody else's.
    let kept = [vec![session_id(3)], vec![session_id(3)], vec![], vec![]];
    let named = [Some(3), Some(3), Some(5), None];
    for (named, kept) in named.into_iter().zip(kept) {
        let epoch = store.end_sessions(ada.id, named.map(session_id)).await.unwrap();
        let epoch = epoch.expect("the user is there");
        assert!(epoch > last);
        last = epoch;
        assert_eq!(get(&*store, ada.id).await, User { epoch, ..ada.clone() });
        assert_eq!(ids(&*store, ada.id).await, kept);
        assert_eq!(find(&*store, 3).await.is_some(), !kept.is_empty());
        assert_eq!(changes(&*store).await, [(bob.id, bob.epoch), (ada.id, epoch)]);
    }
    for n in 1..5 {
        assert_eq!(find(&*store, n).await, None);
    }
    assert_eq!(find(&*store, 5).await, Some(of(session(5, &bob), &bob)));
    assert_eq!(store.end_sessions(user_id(9), None).await.unwrap(), None);
}

/// Who looks a session up while its key is revoked finds key and user both from before or both from after.
pub async fn a_session_and_its_key_are_of_one_moment<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(1)).await;
    for round in 0..30 {
        let inserted = store.insert_key(key(round, user.id)).await.unwrap();
        assert_eq!(inserted, InsertKey::Inserted);
        let from_key = Session {
            key_id: Some(key_id(round)),
            ..session(round, &user)
        };
        insert(&**store, from_key).await;
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (looks, revoked) = both(
            async move {
                let mut looks = Vec::new();
                loop {
                    let found = find(&**a, round).await.expect("a revoked key is kept for now");
                    let revoked = found.key.expect("it was made from one").revoked_at.is_some();
                    looks.push((revoked, found.user.expect("it is a user's").epoch));
                    if revoked {
                        return looks;
                    }
                    tokio::task::yield_now().await;
                }
            },
            async move { b.revoke_key(None, key_id(round), at(1)).await.unwrap() },
        )
        .await;
        let (_, epoch) = revoked.expect("it was good");
        for (revoked, seen) in looks {
            assert_eq!(revoked, seen >= epoch, "revoked at {epoch:?}, but found with {seen:?}");
        }
    }
}

/// Who looks a session up while the administrator who acts in it is demoted finds them as they were before or after,
/// whole.
pub async fn a_session_and_its_impersonator_are_of_one_moment<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(0)).await;
    add(&**store, new_admin(1)).await;
    let admin = add(&**store, new_admin(2)).await;
    let acted = Session {
        impersonator: Some(actor(&admin)),
        ..session(0, &user)
    };
    insert(&**store, acted).await;
    for _ in 0..20 {
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (looks, changed) = both(
            async move {
                let mut looks = Vec::new();
                loop {
                    let found = find(&**a, 0).await.expect("a demotion deletes nothing");
                    let admin = found.impersonator.expect("they are there");
                    let role = admin.role;
                    looks.push(admin);
                    if role == Role::User {
                        return looks;
                    }
                    tokio::task::yield_now().await;
                }
            },
            async move { b.set_role(user_id(2), Role::User).await.unwrap() },
        )
        .await;
        let ChangeUser::Changed(epoch) = changed else {
            panic!("another administrator is there: {changed:?}");
        };
        for admin in looks {
            assert_eq!(admin.role == Role::User, admin.epoch >= epoch, "{admin:?}");
        }
        store.set_role(user_id(2), Role::Admin).await.unwrap();
    }
}
