//! Storing and finding sessions, with all that they depend on.

use std::ops::Deref;
use std::sync::Arc;

use super::{find, ids, insert, of};
use crate::audit::AuditActor;
use crate::clock::Timestamp;
use crate::contract::crowd::both;
use crate::contract::fixture::{
    ODD_TEXTS, actor, add, at, digest, get, hash, huge_text, key, key_id, new_admin, new_user, session, session_id,
    user_id,
};
use crate::id::UserId;
use crate::key::ApiKey;
use crate::secret::{SecretVersion, StoredDigest};
use crate::session::{FoundSession, PreviousToken, Session};
use crate::store::{InsertKey, KeyStore, SessionStore, UserStore};
use crate::user::User;

/// A session that nobody began is absent, which is no failure; nor is it to look for none.
pub async fn an_unknown_session_is_absent<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    assert_eq!(find(&*store, 1).await, None);
    assert_eq!(store.find_session(&[]).await.unwrap(), None);
    assert_eq!(store.end_session(None, session_id(1)).await.unwrap(), None);
    assert_eq!(store.end_session(Some(user_id(1)), session_id(1)).await.unwrap(), None);
    assert_eq!(store.end_sessions(user_id(1), None).await.unwrap(), None);
    assert_eq!(store.list_sessions(user_id(1), at(0)).await.unwrap(), []);
    let renewed = store
        .renew_session(session_id(1), &digest(1), digest(2), at(1), at(2))
        .await;
    assert_eq!(renewed.unwrap(), None);
    store.touch_sessions(&[(session_id(1), at(1))]).await.unwrap();
    store.touch_sessions(&[]).await.unwrap();
    assert_eq!(find(&*store, 1).await, None);
    assert_eq!(store.sweep_sessions(Timestamp::MAX).await.unwrap(), 0);
}

/// Every field of a session comes back as it was, together with its user.
pub async fn a_session_is_found_as_stored_with_its_user<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let hers = session(1, &ada);
    let his = Session {
        expires_at: Timestamp::MAX,
        created_at: at(-1),
        renewed_at: at(7),
        last_seen_at: at(8),
        previous: Some(PreviousToken {
            digest: digest(12),
            until: at(9),
        }),
        ip: String::new(),
        ..session(2, &bob)
    };
    store.insert_session(hers.clone()).await.unwrap();
    store.insert_session(his.clone()).await.unwrap();
    assert_eq!(find(&*store, 1).await, Some(of(hers, &ada)));
    assert_eq!(find(&*store, 2).await, Some(of(his, &bob)));
}

/// While the server's secret is replaced a token has several digests, one of which is stored.
pub async fn a_session_is_found_by_any_of_several_digests<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    store.insert_session(session(1, &user)).await.unwrap();
    let several: Vec<_> = [3, 2, 1, 4].map(digest).to_vec();
    assert_eq!(
        store.find_session(&several).await.unwrap(),
        Some(of(session(1, &user), &user))
    );
    assert_eq!(store.find_session(&[digest(3), digest(2)]).await.unwrap(), None);
}

/// A digest under one secret is not the same bytes under another.
pub async fn the_version_of_the_secret_counts<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    store.insert_session(session(1, &user)).await.unwrap();
    let other = StoredDigest {
        version: SecretVersion(1),
        ..digest(1)
    };
    assert_eq!(store.find_session(&[other]).await.unwrap(), None);
    assert!(store.find_session(&[other, digest(1)]).await.unwrap().is_some());
}

/// There is no session without a user.
pub async fn a_session_needs_a_user<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let nobodys = Session {
        user_id: user_id(2),
        ..session(1, &user)
    };
    assert!(
        store.insert_session(nobodys).await.is_err(),
        "a session of nobody was stored"
    );
    assert_eq!(find(&*store, 1).await, None);
}

/// A second session with an id or digest in use is refused, and the first stays as it was.
pub async fn ids_and_digests_are_unique<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    store.insert_session(session(1, &ada)).await.unwrap();
    let same_id = Session {
        id: session_id(1),
        ..session(2, &bob)
    };
    let same_digest = Session {
        digest: digest(1),
        ..session(3, &bob)
    };
    assert!(store.insert_session(same_id).await.is_err());
    assert!(store.insert_session(same_digest).await.is_err());
    assert_eq!(find(&*store, 1).await, Some(of(session(1, &ada), &ada)));
    assert_eq!(find(&*store, 2).await, None);
}

/// A session begun while the password is changed remembers the sign-in epoch it was begun under, so that it can be told
/// apart.
pub async fn a_sign_in_racing_with_a_new_password_is_recognisable<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    add(&**store, new_user(0)).await;
    for round in 0..10 {
        let before = get(&**store, user_id(0)).await;
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let old = session(round, &before);
        let ((), changed) = both(async move { a.insert_session(old).await.unwrap() }, async move {
            b.set_password(user_id(0), None, &hash(round)).await.unwrap().unwrap()
        })
        .await;
        let found = find(&**store, round).await.expect("it was stored");
        let (session, user) = (found.session, found.user.expect("and its user"));
        assert_eq!(session.sign_in_epoch, before.sign_in_epoch);
        assert_eq!(user.sign_in_epoch, changed);
        assert_ne!(session.sign_in_epoch, user.sign_in_epoch);
    }
}

/// What a browser says of itself comes back as it was, or is refused; never changed.
pub async fn odd_texts_come_back_whole_or_are_refused<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let texts = ODD_TEXTS.map(str::to_owned).into_iter().chain([huge_text()]);
    for (n, text) in texts.enumerate() {
        let odd = Session {
            ip: text.clone(),
            user_agent: text,
            ..session(n, &user)
        };
        let stored = store.insert_session(odd.clone()).await.is_ok();
        assert_eq!(find(&*store, n).await.map(|found| found.session), stored.then_some(odd));
    }
}

/// A session comes with its user, the key it was made from and the administrator who acts as the user.
pub async fn a_session_comes_with_all_it_depends_on<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let (ada, admin) = (add(&*store, new_user(1)).await, add(&*store, new_admin(2)).await);
    for (n, owner) in [(1, &ada), (2, &admin)] {
        assert_eq!(store.insert_key(key(n, owner.id)).await.unwrap(), InsertKey::Inserted);
    }
    let from_key = Session {
        key_id: Some(key_id(1)),
        ..session(1, &ada)
    };
    let acted = Session {
        impersonator_epoch: crate::id::Epoch(77),
        impersonator: Some(AuditActor {
            name: "as they were called then".to_owned(),
            ..actor(&admin)
        }),
        ..session(2, &ada)
    };
    let all = Session {
        key_id: Some(key_id(2)),
        shared_key: Some(digest(77)),
        ..Session {
            digest: digest(3),
            id: session_id(3),
            ..acted.clone()
        }
    };
    for one in [&from_key, &acted, &all] {
        insert(&*store, one.clone()).await;
    }
    // A revoked key is told as such, with the epoch that it moved.
    let (_, epoch) = store
        .revoke_key(None, key_id(1), at(9))
        .await
        .unwrap()
        .expect("it was good");
    let ada = User { epoch, ..ada };
    let revoked = ApiKey {
        revoked_at: Some(at(9)),
        ..key(1, ada.id)
    };
    let expected = [
        FoundSession {
            key: Some(revoked),
            ..of(from_key, &ada)
        },
        FoundSession {
            impersonator: Some(admin.clone()),
            ..of(acted, &ada)
        },
        FoundSession {
            key: Some(key(2, admin.id)),
            impersonator: Some(admin),
            ..of(all, &ada)
        },
    ];
    for (n, expected) in expected.into_iter().enumerate() {
        assert_eq!(find(&*store, n + 1).await, Some(expected));
    }
}

/// What a session depends on must be there; without it, it is not stored.
pub async fn a_session_needs_its_key_and_impersonator<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    let without_key = Session {
        key_id: Some(key_id(1)),
        ..session(1, &user)
    };
    let somebody = AuditActor {
        id: user_id(2),
        name: "User 2".to_owned(),
    };
    let without_impersonator = Session {
        impersonator: Some(somebody.clone()),
        ..session(1, &user)
    };
    for session in [without_key, without_impersonator] {
        assert!(
            store.insert_session(session.clone()).await.is_err(),
            "stored: {session:?}"
        );
        assert_eq!(find(&*store, 1).await, None);
        assert_eq!(ids(&*store, user.id).await, []);
    }
    // The synthetic administrator may act as somebody, and is in no store.
    let by_shared = Session {
        impersonator: Some(AuditActor {
            id: UserId::SHARED,
            ..somebody
        }),
        ..session(1, &user)
    };
    insert(&*store, by_shared.clone()).await;
    assert_eq!(find(&*store, 1).await, Some(of(by_shared, &user)));
}

/// The list has the user's sessions that are not over, newest first. At its very last instant a session is over.
pub async fn sessions_are_listed_newest_first_without_those_over<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let made = |n, created, expires, user| Session {
        created_at: at(created),
        expires_at: at(expires),
        ..session(n, user)
    };
    let hers = made(2, 30, 100, &ada);
    for session in [
        made(1, 20, 100, &ada),
        hers.clone(),
        made(3, 10, 51, &ada),
        made(4, 40, 50, &ada),
    ] {
        insert(&*store, session).await;
    }
    insert(&*store, made(5, 35, 100, &bob)).await;
    let listed = store.list_sessions(ada.id, at(50)).await.unwrap();
    assert_eq!(
        listed.iter().map(|s| s.id).collect::<Vec<_>>(),
        [2, 1, 3].map(session_id)
    );
    assert_eq!(listed[0], hers);
    assert_eq!(ids(&*store, ada.id).await, [4, 2, 1, 3].map(session_id));
    assert_eq!(ids(&*store, bob.id).await, [session_id(5)]);
    assert_eq!(ids(&*store, user_id(9)).await, []);
}

/// A new password ends all sessions at once, and they are not listed any more; one made since is.
pub async fn sessions_of_an_earlier_sign_in_epoch_are_not_listed<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let before = add(&*store, new_user(1)).await;
    for n in [1, 2] {
        insert(&*store, session(n, &before)).await;
    }
    store.set_profile(before.id, "Ada", "").await.unwrap();
    assert_eq!(ids(&*store, before.id).await.len(), 2, "a name ends no session");
    store.set_password(before.id, None, &hash(2)).await.unwrap();
    assert_eq!(ids(&*store, before.id).await, []);
    let after = get(&*store, before.id).await;
    insert(&*store, session(3, &after)).await;
    assert_eq!(ids(&*store, after.id).await, [session_id(3)]);
}

/// When a session was last used is noted, and never moves back; unknown sessions do not matter. No epoch moves.
pub async fn last_seen_never_moves_back<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let owner = add(&*store, new_user(1)).await;
    for n in [1, 2] {
        insert(&*store, session(n, &owner)).await;
    }
    let touch = async |times: &[(usize, i64)]| {
        let used: Vec<_> = times.iter().map(|&(n, millis)| (session_id(n), at(millis))).collect();
        store.touch_sessions(&used).await.unwrap();
    };
    let seen = async |n| find(&*store, n).await.expect("it is there").session.last_seen_at;
    touch(&[(1, 5), (9, 6), (2, 7)]).await;
    assert_eq!((seen(1).await, seen(2).await), (at(5), at(7)));
    touch(&[(1, 4), (2, 8), (1, 0)]).await;
    assert_eq!((seen(1).await, seen(2).await), (at(5), at(8)), "moved back");
    touch(&[(1, 9), (1, 20), (1, 6)]).await;
    let expected = Session {
        last_seen_at: at(20),
        ..session(1, &owner)
    };
    assert_eq!(find(&*store, 1).await, Some(of(expected, &owner)));
    // More than a statement has room for.
    let many: Vec<_> = (0..40_000).map(|n| (session_id(n), at(30))).collect();
    store.touch_sessions(&many).await.unwrap();
    assert_eq!((seen(1).await, seen(2).await), (at(30), at(30)));
}
