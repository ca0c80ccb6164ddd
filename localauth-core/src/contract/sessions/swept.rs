//! Sessions that are gone: swept, or together with what they depended on.

use std::ops::Deref;
use std::sync::Arc;

use super::{find, ids, insert, of};
use crate::clock::Timestamp;
use crate::contract::crowd::both;
use crate::contract::fixture::{
    actor, add, at, changes, digest, get, key, key_id, new_admin, new_user, session, session_id, user_id,
};
use crate::key::ApiKey;
use crate::session::Session;
use crate::store::{ChangeUser, InsertKey, KeyStore, SessionStore, UserStore};
use crate::user::{Role, User};

/// What is over is deleted, and counted; at its very last instant a session is over.
pub async fn sweeping_deletes_what_is_over_and_nothing_else<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    for (n, end) in [(1, 10), (2, 20), (3, 30), (4, 30)] {
        store
            .insert_session(Session {
                expires_at: at(end),
                ..session(n, &user)
            })
            .await
            .unwrap();
    }
    assert_eq!(store.sweep_sessions(at(9)).await.unwrap(), 0);
    assert_eq!(store.sweep_sessions(at(20)).await.unwrap(), 2);
    for (n, there) in [(1, false), (2, false), (3, true), (4, true)] {
        assert_eq!(find(&*store, n).await.is_some(), there, "session {n}");
    }
    assert_eq!(get(&*store, user.id).await, user, "sweeping changes nobody's epoch");
    assert_eq!(store.sweep_sessions(Timestamp::MAX).await.unwrap(), 2);
}

/// A session ends with the key it was made from: when that is swept, the session is gone, and no other.
pub async fn sessions_end_with_a_swept_key<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(0)).await;
    let expires = ApiKey {
        expires_at: Some(at(5)),
        ..key(2, user.id)
    };
    for key in [key(1, user.id), expires, key(3, user.id)] {
        assert_eq!(store.insert_key(key).await.unwrap(), InsertKey::Inserted);
    }
    for n in 1..4 {
        let from_key = Session {
            key_id: Some(key_id(n)),
            ..session(n, &user)
        };
        insert(&*store, from_key).await;
    }
    insert(&*store, session(4, &user)).await;
    store.revoke_key(None, key_id(1), at(5)).await.unwrap();
    assert_eq!(store.sweep_keys(at(5)).await.unwrap(), 2);
    for (n, there) in [(1, false), (2, false), (3, true), (4, true)] {
        assert_eq!(find(&*store, n).await.is_some(), there, "session {n}");
    }
    assert_eq!(ids(&*store, user.id).await, [4, 3].map(session_id));
}

/// With a user their sessions go, and nobody else's.
pub async fn sessions_are_deleted_with_their_user<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    assert_eq!(store.insert_key(key(1, ada.id)).await.unwrap(), InsertKey::Inserted);
    let from_key = Session {
        key_id: Some(key_id(1)),
        ..session(1, &ada)
    };
    for session in [from_key, session(2, &ada), session(3, &bob)] {
        insert(&*store, session).await;
    }
    store.delete_user(ada.id, at(2)).await.unwrap();
    for n in [1, 2] {
        assert_eq!(find(&*store, n).await, None, "session {n}");
        assert_eq!(store.end_session(None, session_id(n)).await.unwrap(), None);
    }
    assert_eq!(ids(&*store, ada.id).await, []);
    assert_eq!(store.end_sessions(ada.id, None).await.unwrap(), None);
    assert_eq!(find(&*store, 3).await, Some(of(session(3, &bob), &bob)));
    assert_eq!(get(&*store, bob.id).await, bob);
}

/// A rotation caps the sessions that were made from the key so far, whatever secret they were made from, and no others.
pub async fn a_rotation_ends_sessions_made_from_the_key<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let ada = add(&*store, new_user(1)).await;
    for n in [1, 2] {
        assert_eq!(store.insert_key(key(n, ada.id)).await.unwrap(), InsertKey::Inserted);
    }
    let made = |n, key, end| Session {
        key_id: key,
        expires_at: at(end),
        ..session(n, &ada)
    };
    for one in [
        made(1, Some(key_id(1)), 1_000),
        made(2, Some(key_id(1)), 50),
        made(3, Some(key_id(2)), 1_000),
        made(4, None, 1_000),
    ] {
        insert(&*store, one).await;
    }
    let rotated = store
        .rotate_key(None, key_id(1), None, digest(99), at(70), at(60))
        .await
        .unwrap();
    assert!(rotated.is_some());
    for (n, end) in [(1, 70), (2, 50), (3, 1_000), (4, 1_000)] {
        let found = find(&*store, n).await.expect("the session is there");
        assert_eq!(found.session.expires_at, at(end), "session {n}");
    }
}

/// With an administrator the sessions go in which they act as others, and those users' epochs move: whoever remembers
/// such a session finds out.
pub async fn acting_as_somebody_ends_with_the_account<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let (admin, other) = (add(&*store, new_admin(1)).await, add(&*store, new_admin(2)).await);
    let (ada, bob) = (add(&*store, new_user(3)).await, add(&*store, new_user(4)).await);
    let acted = |n, user: &User, by: &User| Session {
        impersonator: Some(actor(by)),
        ..session(n, user)
    };
    // The same administrator twice as the same user; another one; and the user themselves.
    for one in [
        acted(1, &ada, &admin),
        acted(2, &ada, &admin),
        acted(3, &bob, &other),
        session(4, &ada),
    ] {
        insert(&*store, one).await;
    }
    let before = store.latest_epoch().await.unwrap();
    let ChangeUser::Changed(epoch) = store.delete_user(admin.id, at(2)).await.unwrap() else {
        panic!("another administrator is there");
    };
    for n in [1, 2] {
        assert_eq!(find(&*store, n).await, None, "session {n}");
    }
    let after = get(&*store, ada.id).await;
    assert!(
        after.epoch > before,
        "who remembers the session never finds out that it is over"
    );
    assert_eq!(after.sign_in_epoch, ada.sign_in_epoch, "their own sessions go on");
    assert_eq!(ids(&*store, ada.id).await, [session_id(4)]);
    let mut told = store.changes_since(before).await.unwrap();
    assert!(told.is_sorted_by_key(|&(_, epoch)| epoch), "{told:?}");
    told.sort_unstable();
    assert_eq!(told, [(admin.id, epoch), (ada.id, after.epoch)]);
    // As whom nobody acted stays as they were, and so does who still acts.
    assert_eq!(get(&*store, bob.id).await, bob);
    assert_eq!(find(&*store, 3).await.and_then(|found| found.impersonator), Some(other));
}

/// A session that is begun while its user, or the administrator who acts in it, is deleted does not outlive them.
pub async fn no_session_outlives_a_deletion_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let stays = add(&**store, new_admin(1_000)).await;
    for round in 0..20 {
        let goes = add(&**store, new_admin(round)).await;
        let begun = if round % 2 == 0 {
            session(round, &goes)
        } else {
            Session {
                impersonator: Some(actor(&goes)),
                ..session(round, &stays)
            }
        };
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (_, deleted) = both(
            // Refused or stored for a moment.
            async move { a.insert_session(begun).await.is_ok() },
            async move { b.delete_user(user_id(round), at(1)).await.unwrap() },
        )
        .await;
        assert!(matches!(deleted, ChangeUser::Changed(_)));
        assert_eq!(find(&**store, round).await, None);
        assert_eq!(ids(&**store, stays.id).await, []);
    }
    assert!(changes(&**store).await.is_sorted_by_key(|&(_, epoch)| epoch));
    assert_eq!(get(&**store, stays.id).await.role, Role::Admin);
}
