//! Storing, listing and revoking invites, and what becomes of them when users go.

use std::ops::Deref;
use std::sync::Arc;

use super::{found, insert};
use crate::contract::crowd::at_once;
use crate::contract::fixture::{
    ODD_TEXTS, add, add_by, at, at_number, changes, digest, everybody, invite, invite_id, new_admin, new_user, user_id,
    with_invite,
};
use crate::id::UserId;
use crate::invite::Invite;
use crate::secret::{SecretVersion, StoredDigest};
use crate::store::{InsertUser, InviteStore, RevokeInvite, UserStore};

/// An invite that nobody made is absent, which is no failure; nor is it to look for none.
pub async fn an_unknown_invite_is_absent<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    assert_eq!(store.find_invite(&[digest(1)]).await.unwrap(), None);
    assert_eq!(store.find_invite(&[]).await.unwrap(), None);
    assert_eq!(store.list_invites().await.unwrap(), []);
    assert_eq!(store.revoke_invite(invite_id(1)).await.unwrap(), RevokeInvite::NotFound);
}

/// Every field of an invite comes back as it was, found by any of several digests; used and expired ones too, and those of
/// the synthetic administrator.
pub async fn an_invite_is_found_as_stored<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    let maker = add(&*store, new_admin(0)).await;
    let before = changes(&*store).await;
    let used = Invite {
        used_at: Some(at(7)),
        used_by: Some(maker.id),
        ..invite(2, maker.id)
    };
    let forgotten = Invite {
        used_at: Some(at(8)),
        expires_at: at(-9),
        ..invite(3, maker.id)
    };
    let made = [invite(1, UserId::SHARED), used, forgotten];
    for one in &made {
        insert(&*store, one.clone()).await;
    }
    for (n, one) in made.iter().enumerate() {
        assert_eq!(found(&*store, n + 1).await, *one);
        let several = [digest(8), digest(n + 1), digest(9)];
        assert_eq!(store.find_invite(&several).await.unwrap().as_ref(), Some(one));
    }
    let other_secret = StoredDigest {
        version: SecretVersion(1),
        ..digest(1)
    };
    assert_eq!(store.find_invite(&[other_secret]).await.unwrap(), None);
    assert_eq!(changes(&*store).await, before, "an invite changes what nobody may do");
}

/// The list has all invites, newest first: used and expired ones too.
pub async fn invites_are_listed_newest_first<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    let maker = add(&*store, new_admin(0)).await.id;
    for n in [3, 1, 5, 2] {
        let expires_at = at_number(n + 1);
        insert(
            &*store,
            Invite {
                expires_at,
                ..invite(n, maker)
            },
        )
        .await;
    }
    insert(&*store, invite(4, UserId::SHARED)).await;
    add_by(&*store, new_user(1), with_invite(4)).await;
    let listed = store.list_invites().await.unwrap();
    assert_eq!(
        listed.iter().map(|i| i.id).collect::<Vec<_>>(),
        [5, 4, 3, 2, 1].map(invite_id)
    );
    assert_eq!(listed[1], found(&*store, 4).await);
}

/// A second invite with an id or digest in use is refused, and the first stays as it was.
pub async fn ids_and_digests_of_invites_are_unique<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    let maker = add(&*store, new_admin(0)).await.id;
    insert(&*store, invite(1, maker)).await;
    let same_id = Invite {
        id: invite_id(1),
        ..invite(2, UserId::SHARED)
    };
    let same_digest = Invite {
        digest: digest(1),
        ..invite(3, UserId::SHARED)
    };
    assert!(store.insert_invite(same_id).await.is_err());
    assert!(store.insert_invite(same_digest).await.is_err());
    assert_eq!(store.list_invites().await.unwrap(), [invite(1, maker)]);
    assert_eq!(store.find_invite(&[digest(2)]).await.unwrap(), None);
}

/// An invite that nobody has used can be revoked, once; a used one cannot, and stays as it was.
pub async fn only_an_unused_invite_is_revoked<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    let maker = add(&*store, new_admin(0)).await.id;
    let over = Invite {
        expires_at: at(1),
        ..invite(3, maker)
    };
    for one in [invite(1, maker), invite(2, maker), over] {
        insert(&*store, one).await;
    }
    add_by(&*store, new_user(1), with_invite(2)).await;
    let used = found(&*store, 2).await;
    let before = changes(&*store).await;
    for n in [1, 3] {
        assert_eq!(store.revoke_invite(invite_id(n)).await.unwrap(), RevokeInvite::Revoked);
        assert_eq!(store.revoke_invite(invite_id(n)).await.unwrap(), RevokeInvite::NotFound);
    }
    assert_eq!(store.revoke_invite(invite_id(2)).await.unwrap(), RevokeInvite::Used);
    assert_eq!(store.list_invites().await.unwrap(), [used]);
    assert_eq!(changes(&*store).await, before);
}

/// Of revocations and registrations with the same invite at once one wins, and all are told who.
pub async fn a_revocation_or_a_registration_wins<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    const EACH: usize = 8;
    let store = Arc::new(store);
    let maker = add(&**store, new_admin(1_000)).await.id;
    for round in 0..20 {
        insert(&**store, invite(round, maker)).await;
        let answers = at_once(2 * EACH, |i| {
            let store = Arc::clone(&store);
            async move {
                if i % 2 == 0 {
                    let new = new_user(round * EACH + i / 2);
                    (Some(store.insert_user(new, with_invite(round)).await.unwrap()), None)
                } else {
                    (None, Some(store.revoke_invite(invite_id(round)).await.unwrap()))
                }
            }
        })
        .await;
        let there = store.find_invite(&[digest(round)]).await.unwrap();
        let (came, revoked): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
        let came: Vec<_> = came.into_iter().flatten().collect();
        let revoked: Vec<_> = revoked.into_iter().flatten().collect();
        let inserted = came.iter().filter(|a| matches!(a, InsertUser::Inserted(_))).count();
        let gone = revoked.iter().filter(|a| **a == RevokeInvite::Revoked).count();
        assert_eq!(inserted + gone, 1, "round {round}: {came:?}, {revoked:?}");
        let others = if inserted == 1 {
            RevokeInvite::Used
        } else {
            RevokeInvite::NotFound
        };
        assert!(
            revoked.iter().all(|a| [RevokeInvite::Revoked, others].contains(a)),
            "{revoked:?}"
        );
        for answer in came {
            match answer {
                InsertUser::Inserted(user) => {
                    assert_eq!(there.as_ref().and_then(|i| i.used_by), Some(user.id));
                    store.delete_user(user.id, at(501)).await.unwrap();
                }
                other => assert_eq!(other, InsertUser::InviteInvalid),
            }
        }
        assert_eq!(there.is_some(), inserted == 1);
        assert_eq!(everybody(&**store).await.len(), 1, "somebody else came in");
    }
}

/// With a user the invites go that they made, used or not; those of others stay.
pub async fn invites_are_deleted_with_their_maker<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    let (ada, bob) = (add(&*store, new_admin(0)).await.id, add(&*store, new_admin(1)).await.id);
    for (n, maker) in [(1, ada), (2, bob), (3, ada), (4, UserId::SHARED)] {
        insert(&*store, invite(n, maker)).await;
    }
    add_by(&*store, new_user(5), with_invite(3)).await;
    store.delete_user(ada, at(501)).await.unwrap();
    let left = store.list_invites().await.unwrap();
    assert_eq!(left, [invite(4, UserId::SHARED), invite(2, bob)]);
    assert_eq!(store.find_invite(&[digest(1)]).await.unwrap(), None);
    let answer = store.insert_user(new_user(6), with_invite(1)).await.unwrap();
    assert_eq!(answer, InsertUser::InviteInvalid);
    assert!(
        store.find_user(user_id(5)).await.unwrap().is_some(),
        "who came in with one stays"
    );
}

/// Who used an invite is forgotten when they are deleted; that it was used is not.
pub async fn a_used_invite_outlives_who_used_it<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    let maker = add(&*store, new_admin(0)).await.id;
    insert(&*store, invite(1, maker)).await;
    let guest = add_by(&*store, new_user(1), with_invite(1)).await;
    store.delete_user(guest.id, at(501)).await.unwrap();
    let used = Invite {
        used_at: Some(at(500)),
        used_by: None,
        ..invite(1, maker)
    };
    assert_eq!(found(&*store, 1).await, used);
    assert_eq!(store.revoke_invite(invite_id(1)).await.unwrap(), RevokeInvite::Used);
    let answer = store.insert_user(new_user(2), with_invite(1)).await.unwrap();
    assert_eq!(answer, InsertUser::InviteInvalid, "it was used");
}

/// What is shown of a code is kept as it was, or refused; never changed.
pub async fn odd_prefixes_come_back_whole_or_are_refused<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    for (n, text) in ODD_TEXTS.into_iter().enumerate() {
        let odd = Invite {
            code_prefix: text.to_owned(),
            ..invite(n, UserId::SHARED)
        };
        let stored = store.insert_invite(odd.clone()).await.is_ok();
        assert_eq!(store.find_invite(&[digest(n)]).await.unwrap(), stored.then_some(odd));
    }
}
