//! Giving sessions a new token.

use std::ops::Deref;
use std::sync::Arc;

use super::{find, ids, insert, of};
use crate::contract::crowd::{CROWD, at_once, both};
use crate::contract::fixture::{add, at, changes, digest, get, new_user, session, session_id};
use crate::session::{PreviousToken, Session};
use crate::store::{KeyStore, SessionStore, UserStore};
use crate::user::User;

/// A renewed session is found by its new token and by the one before, and its user's epoch has moved. When it ends stays
/// as it was.
pub async fn a_renewed_session_is_found_by_both_tokens<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_user(1)).await, add(&*store, new_user(2)).await);
    for n in [1, 2] {
        insert(&*store, session(n, &ada)).await;
    }
    let renewed = store
        .renew_session(session_id(1), &digest(1), digest(11), at(50), at(60))
        .await
        .unwrap();
    let (owner, epoch) = renewed.expect("it was the present token");
    assert_eq!(owner, ada.id);
    assert!(epoch > bob.epoch);
    let after = User { epoch, ..ada.clone() };
    let expected = Session {
        digest: digest(11),
        previous: Some(PreviousToken {
            digest: digest(1),
            until: at(60),
        }),
        renewed_at: at(50),
        ..session(1, &ada)
    };
    for n in [1, 11] {
        assert_eq!(find(&*store, n).await, Some(of(expected.clone(), &after)), "token {n}");
    }
    let several = [7, 1, 8].map(digest);
    assert!(store.find_session(&several).await.unwrap().is_some());
    assert_eq!(
        store.list_sessions(ada.id, at(51)).await.unwrap()[0].expires_at,
        at(1_000)
    );
    assert_eq!(
        find(&*store, 2).await,
        Some(of(session(2, &ada), &after)),
        "the other one is as it was"
    );
    assert_eq!(changes(&*store).await, [(bob.id, bob.epoch), (ada.id, epoch)]);
}

/// Only the present token renews: not the one before, nor another session's, nor one of a session that is gone; and
/// nobody's epoch moves.
pub async fn only_the_present_token_renews<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    for n in [1, 2, 3] {
        insert(&*store, session(n, &user)).await;
    }
    let renew = async |n, current, new| {
        let renewed = store
            .renew_session(session_id(n), &digest(current), digest(new), at(50), at(60))
            .await;
        renewed.unwrap()
    };
    renew(1, 1, 11).await.expect("it was the present token");
    store.end_session(None, session_id(3)).await.unwrap();
    let before = find(&*store, 11).await;
    for (n, current) in [(1, 1), (1, 2), (2, 11), (3, 3), (9, 11)] {
        assert_eq!(renew(n, current, 20).await, None, "session {n} by {current}");
    }
    assert_eq!(find(&*store, 20).await, None);
    assert_eq!(find(&*store, 11).await, before, "no epoch has moved either");
    renew(1, 11, 12).await.expect("it is the present token");
    assert_eq!(find(&*store, 1).await, None, "a still older token is forgotten");
    let present = find(&*store, 12).await;
    assert_eq!(find(&*store, 11).await, present);
    let previous = present.and_then(|found| found.session.previous);
    assert_eq!(previous.map(|old| old.digest), Some(digest(11)));
}

/// Of many who renew one session at once, as a browser with many requests does, one wins and the others get nothing.
pub async fn a_session_is_renewed_by_one_of_many_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(1)).await;
    insert(&**store, session(1, &user)).await;
    let answers = at_once(CROWD, |i| {
        let store = Arc::clone(&store);
        async move {
            let new = digest(100 + i);
            let renewed = store
                .renew_session(session_id(1), &digest(1), new, at(50), at(60))
                .await;
            renewed.unwrap().map(|(id, epoch)| (id, epoch, new))
        }
    })
    .await;
    let won: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(won.len(), 1, "renewed {} times", won.len());
    let (id, epoch, new) = won[0];
    assert_eq!((id, epoch), (user.id, get(&**store, user.id).await.epoch));
    let session = find(&**store, 1)
        .await
        .expect("the old token is good for a while")
        .session;
    assert_eq!(
        (session.digest, session.previous.map(|old| old.digest)),
        (new, Some(digest(1)))
    );
}

/// A session that ends while it is renewed is over afterwards, by both tokens.
pub async fn no_renewal_undoes_an_end<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(1)).await;
    for round in 0..20 {
        insert(&**store, session(round, &user)).await;
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let new = digest(100 + round);
        let (renewed, ended) = both(
            async move {
                let id = session_id(round);
                a.renew_session(id, &digest(round), new, at(50), at(60)).await.unwrap()
            },
            async move {
                if round % 2 == 0 {
                    b.end_session(None, session_id(round)).await.unwrap()
                } else {
                    let epoch = b.end_sessions(user.id, None).await.unwrap();
                    epoch.map(|epoch| (user.id, epoch))
                }
            },
        )
        .await;
        let (_, ended) = ended.expect("it was there");
        if let Some((_, renewed)) = renewed {
            assert!(renewed < ended, "renewed after its end");
        }
        assert_eq!(find(&**store, round).await, None);
        assert_eq!(find(&**store, 100 + round).await, None);
        assert_eq!(ids(&**store, user.id).await, []);
    }
}

/// While a session is renewed its token always finds it: as the present one, or as the one before.
pub async fn a_token_is_good_throughout_its_renewal<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let user = add(&**store, new_user(1)).await;
    for round in 0..30 {
        insert(&**store, session(round, &user)).await;
        let (a, b) = (Arc::clone(&store), Arc::clone(&store));
        let new = digest(100 + round);
        let (looks, renewed) = both(
            async move {
                let mut looks = Vec::new();
                loop {
                    let found = find(&**a, round).await.expect("the token finds its session");
                    let over = found.session.digest == new;
                    looks.push((over, found.session.previous.is_some(), found.user.map(|u| u.epoch)));
                    if over {
                        return looks;
                    }
                    tokio::task::yield_now().await;
                }
            },
            async move {
                let id = session_id(round);
                b.renew_session(id, &digest(round), new, at(50), at(60)).await.unwrap()
            },
        )
        .await;
        let (_, epoch) = renewed.expect("it was the present token");
        for (renewed, has_previous, seen) in looks {
            assert_eq!(
                (has_previous, seen >= Some(epoch)),
                (renewed, renewed),
                "{seen:?} and {epoch:?}"
            );
        }
    }
}
