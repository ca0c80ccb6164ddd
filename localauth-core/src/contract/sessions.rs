//! Rules of [`SessionStore`], with the users of the same store.

use std::ops::Deref;
use std::sync::Arc;

use super::crowd::{CROWD, at_once, both};
use super::fixture::{
    ODD_TEXTS, add, at, changes, digest, get, hash, huge_text, new_user, session, session_id, user_id,
};
use crate::clock::Timestamp;
use crate::secret::{SecretVersion, StoredDigest};
use crate::session::Session;
use crate::store::{SessionStore, UserStore};
use crate::user::User;

group!(__contract_sessions: UserStore, SessionStore);

async fn find<S: SessionStore + ?Sized>(store: &S, n: usize) -> Option<(Session, User)> {
    store.find_session(&[digest(n)]).await.expect("the store answers")
}

/// A session that nobody began is absent, which is no failure; nor is it to look for none.
pub async fn an_unknown_session_is_absent<D>(store: D)
where
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
{
    assert_eq!(find(&*store, 1).await, None);
    assert_eq!(store.find_session(&[]).await.unwrap(), None);
    assert_eq!(store.end_session(session_id(1)).await.unwrap(), None);
    assert_eq!(store.sweep_sessions(Timestamp::MAX).await.unwrap(), 0);
}

/// Every field of a session comes back as it was, together with its user.
pub async fn a_session_is_found_as_stored_with_its_user<D>(store: D)
where
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    let hers = session(1, &ada);
    let his = Session {
        expires_at: Timestamp::MAX,
        created_at: at(-1),
        ip: String::new(),
        ..session(2, &bob)
    };
    store.insert_session(hers.clone()).await.unwrap();
    store.insert_session(his.clone()).await.unwrap();
    assert_eq!(find(&*store, 1).await, Some((hers, ada)));
    assert_eq!(find(&*store, 2).await, Some((his, bob)));
}

/// While the server's secret is replaced a token has several digests, one of which is stored.
pub async fn a_session_is_found_by_any_of_several_digests<D>(store: D)
where
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    store.insert_session(session(1, &user)).await.unwrap();
    let several: Vec<_> = [3, 2, 1, 4].map(digest).to_vec();
    assert_eq!(
        store.find_session(&several).await.unwrap(),
        Some((session(1, &user), user))
    );
    assert_eq!(store.find_session(&[digest(3), digest(2)]).await.unwrap(), None);
}

/// A digest under one secret is not the same bytes under another.
pub async fn the_version_of_the_secret_counts<D>(store: D)
where
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
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
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
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
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
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
    assert_eq!(find(&*store, 1).await, Some((session(1, &ada), ada)));
    assert_eq!(find(&*store, 2).await, None);
}

/// An ended session is gone, its user's epoch has moved, and it cannot be ended again.
pub async fn a_session_ends_once_and_moves_the_epoch<D>(store: D)
where
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    for n in [1, 2] {
        store.insert_session(session(n, &user)).await.unwrap();
    }
    let (id, epoch) = store.end_session(session_id(1)).await.unwrap().expect("it was there");
    assert_eq!(id, user.id);
    assert!(epoch > user.epoch);
    assert_eq!(find(&*store, 1).await, None);
    assert_eq!(store.end_session(session_id(1)).await.unwrap(), None);
    assert_eq!(changes(&*store).await, [(user.id, epoch)]);
    let after = User { epoch, ..user.clone() };
    assert_eq!(
        find(&*store, 2).await,
        Some((session(2, &user), after)),
        "the other session goes on"
    );
}

/// Of many who end one session at once, one does it.
pub async fn a_session_is_ended_by_one_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(1)).await;
    store.insert_session(session(1, &user)).await.unwrap();
    let answers = at_once(CROWD, |_| {
        let store = Arc::clone(&store);
        async move { store.end_session(session_id(1)).await.unwrap() }
    })
    .await;
    let done: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(done.len(), 1, "ended {} times", done.len());
    assert_eq!(done[0], (user.id, get(&**store, user.id).await.epoch));
}

/// Who looks a session up while it ends finds it with its user from before, or not at all.
pub async fn a_session_and_its_user_are_of_one_moment<D>(store: D)
where
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(1)).await;
    for round in 0..30 {
        store.insert_session(session(round, &user)).await.unwrap();
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let (looks, ended) = both(
            async move {
                let mut looks = Vec::new();
                while let Some((_, user)) = find(&**a, round).await {
                    looks.push(user.epoch);
                    tokio::task::yield_now().await;
                }
                looks
            },
            async move { b.end_session(session_id(round)).await.unwrap() },
        )
        .await;
        let (_, epoch) = ended.expect("it was there");
        for look in looks {
            assert!(look < epoch, "ended at {epoch:?}, but found with {look:?}");
        }
    }
}

/// What is over is deleted, and counted; at its very last instant a session is over.
pub async fn sweeping_deletes_what_is_over_and_nothing_else<D>(store: D)
where
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
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

/// A session begun while the password is changed remembers the sign-in epoch it was begun under, so that it can be told
/// apart.
pub async fn a_sign_in_racing_with_a_new_password_is_recognisable<D>(store: D)
where
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    add(&**store, new_user(0)).await;
    for round in 0..10 {
        let before = get(&**store, user_id(0)).await;
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let old = session(round, &before);
        let ((), changed) = both(async move { a.insert_session(old).await.unwrap() }, async move {
            b.set_password(user_id(0), &hash(round)).await.unwrap().unwrap()
        })
        .await;
        let (session, user) = find(&**store, round).await.expect("it was stored");
        assert_eq!(session.sign_in_epoch, before.sign_in_epoch);
        assert_eq!(user.sign_in_epoch, changed);
        assert_ne!(session.sign_in_epoch, user.sign_in_epoch);
    }
}

/// What a browser says of itself comes back as it was, or is refused; never changed.
pub async fn odd_texts_come_back_whole_or_are_refused<D>(store: D)
where
    D: Deref<Target: UserStore + SessionStore> + Send + Sync + 'static,
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
        assert_eq!(
            find(&*store, n).await.map(|(session, _)| session),
            stored.then_some(odd)
        );
    }
}
