//! Sessions of the synthetic administrator, who is in no store.

use std::ops::Deref;

use super::{find, ids, insert, of};
use crate::audit::AuditActor;
use crate::contract::fixture::{
    actor, add, at, changes, digest, new_admin, new_user, session, session_id, shared_session,
};
use crate::id::{Epoch, UserId};
use crate::session::{FoundSession, PreviousToken, Session};
use crate::store::{ChangeUser, KeyStore, SessionStore, UserStore};

fn nobodys(session: Session) -> FoundSession {
    FoundSession {
        session,
        user: None,
        key: None,
        impersonator: None,
    }
}

/// A session of the synthetic administrator is found without a user, and listed; nobody is in the store for it.
pub async fn a_session_of_the_synthetic_admin_has_no_user<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    insert(&*store, shared_session(1)).await;
    assert_eq!(find(&*store, 1).await, Some(nobodys(shared_session(1))));
    assert_eq!(
        store.list_sessions(UserId::SHARED, at(9)).await.unwrap(),
        [shared_session(1)]
    );
    assert_eq!(store.list_sessions(UserId::SHARED, at(1_000)).await.unwrap(), []);
    assert_eq!(store.find_user(UserId::SHARED).await.unwrap(), None);
    assert!(!store.has_users().await.unwrap());
    assert_eq!(
        changes(&*store).await,
        [],
        "to begin a session takes nothing from anybody"
    );
    let gone = store.delete_user(UserId::SHARED, at(1)).await.unwrap();
    assert_eq!(gone, ChangeUser::NotFound);
}

/// Renewing and ending such sessions moves the synthetic administrator's epoch, and whoever follows the changes is told
/// of it like of a user's: once, at the latest one.
pub async fn sessions_of_the_synthetic_admin_move_an_epoch<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let user = add(&*store, new_user(1)).await;
    for n in 1..5 {
        insert(&*store, shared_session(n)).await;
    }
    insert(&*store, session(5, &user)).await;
    let mut last = user.epoch;
    for step in 0..4_usize {
        let moved = match step {
            0 => {
                let renewed = store
                    .renew_session(session_id(1), &digest(1), digest(11), at(50), at(60))
                    .await;
                renewed.unwrap()
            }
            1 => store.end_session(None, session_id(2)).await.unwrap(),
            2 => store.end_session(Some(UserId::SHARED), session_id(3)).await.unwrap(),
            _ => {
                let epoch = store.end_sessions(UserId::SHARED, Some(session_id(1))).await.unwrap();
                epoch.map(|epoch| (UserId::SHARED, epoch))
            }
        };
        let (id, epoch) = moved.expect("there is such a session");
        assert_eq!(id, UserId::SHARED, "step {step}");
        assert!(epoch > last);
        last = epoch;
        assert_eq!(changes(&*store).await, [(user.id, user.epoch), (UserId::SHARED, epoch)]);
        assert_eq!(
            store.changes_since(user.epoch).await.unwrap(),
            [(UserId::SHARED, epoch)]
        );
        assert_eq!(store.latest_epoch().await.unwrap(), epoch);
    }
    assert_eq!(store.changes_since(last).await.unwrap(), []);
    let renewed = Session {
        digest: digest(11),
        previous: Some(PreviousToken {
            digest: digest(1),
            until: at(60),
        }),
        renewed_at: at(50),
        ..shared_session(1)
    };
    assert_eq!(find(&*store, 1).await, Some(nobodys(renewed)));
    assert_eq!(ids(&*store, UserId::SHARED).await, [session_id(1)]);
    assert_eq!(find(&*store, 5).await, Some(of(session(5, &user), &user)));
    assert_eq!(store.end_session(Some(user.id), session_id(1)).await.unwrap(), None);
}

/// The synthetic administrator's epoch moves without a session to end too: whoever asks for it wants to be sure.
pub async fn the_synthetic_admin_needs_no_session_to_end_all<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    let epoch = store.end_sessions(UserId::SHARED, None).await.unwrap();
    let epoch = epoch.expect("the synthetic administrator is always there");
    assert!(epoch > Epoch::default());
    assert_eq!(changes(&*store).await, [(UserId::SHARED, epoch)]);
}

/// Whoever acts as a user may be deleted while the synthetic administrator acts too: that one's sessions go on.
pub async fn the_synthetic_admin_outlives_every_account<D>(store: D)
where
    D: Deref<Target: UserStore + KeyStore + SessionStore> + Send + Sync + 'static,
{
    add(&*store, new_admin(1)).await;
    let (admin, user) = (add(&*store, new_admin(2)).await, add(&*store, new_user(3)).await);
    let mut by_shared = session(1, &user);
    by_shared.impersonator = Some(AuditActor {
        id: UserId::SHARED,
        ..actor(&admin)
    });
    let mut by_admin = session(2, &user);
    by_admin.impersonator = Some(actor(&admin));
    for session in [by_shared, by_admin, shared_session(3)] {
        insert(&*store, session).await;
    }
    store.delete_user(admin.id, at(1)).await.unwrap();
    for (n, there) in [(1, true), (2, false), (3, true)] {
        assert_eq!(find(&*store, n).await.is_some(), there, "session {n}");
    }
}
