//! Coming in with an invite.

use std::ops::Deref;
use std::sync::Arc;

use super::{found, insert};
use crate::contract::crowd::{CROWD, at_once};
use crate::contract::fixture::{
    AS_GIVEN, BECOMES_ADMIN, add, add_by, at, changes, digest, everybody, external, invite, invite_id, new_admin,
    new_user, user_id, with_invite,
};
use crate::id::UserId;
use crate::invite::Invite;
use crate::store::{Admission, FirstUser, InsertUser, InviteClaim, InviteStore, UserStore};
use crate::user::{NewUser, Provider, Role, Status};

/// Who comes in with an invite is stored as given, and the invite is used then and by them.
pub async fn an_invite_is_consumed_by_who_comes_in<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    let maker = add(&*store, new_admin(0)).await.id;
    for n in [1, 2] {
        insert(&*store, invite(n, maker)).await;
    }
    let mut admission = with_invite(1);
    let claim = admission.invite.as_mut().expect("it has one");
    // While the server's secret is replaced a code has several digests.
    claim.digests = vec![digest(8), digest(1), digest(9)];
    let pending = NewUser {
        status: Status::Pending,
        ..new_user(5)
    };
    let guest = add_by(&*store, pending, admission).await;
    assert_eq!((guest.role, guest.status), (Role::User, Status::Pending));
    let used = Invite {
        used_at: Some(at(500)),
        used_by: Some(guest.id),
        ..invite(1, maker)
    };
    assert_eq!(store.list_invites().await.unwrap(), [invite(2, maker), used]);
}

/// Of many who come in with one invite at once, one does.
pub async fn an_invite_lets_one_of_many_in_at_once<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    let store = Arc::new(store);
    let maker = add(&**store, new_admin(1_000)).await.id;
    for round in 0..3 {
        insert(&**store, invite(round, maker)).await;
        let answers = at_once(CROWD, |i| {
            let (store, n) = (Arc::clone(&store), round * CROWD + i);
            async move { store.insert_user(new_user(n), with_invite(round)).await.unwrap() }
        })
        .await;
        let (stored, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|a| matches!(a, InsertUser::Inserted(_)));
        assert_eq!(stored.len(), 1, "one invite let {} in", stored.len());
        assert!(refused.iter().all(|a| *a == InsertUser::InviteInvalid));
        let used_by = found(&**store, round).await.used_by;
        let InsertUser::Inserted(user) = &stored[0] else {
            unreachable!("the others were sorted out")
        };
        assert_eq!(used_by, Some(user.id));
        assert_eq!(everybody(&**store).await.len(), round + 2, "nobody else was stored");
    }
}

/// An invite that is unknown, used or over lets nobody in, and nothing is written. At its very last instant it is over.
pub async fn an_invite_that_is_no_good_lets_nobody_in<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    let maker = add(&*store, new_admin(0)).await.id;
    let ends = |n, end| Invite {
        expires_at: at(end),
        ..invite(n, maker)
    };
    for one in [invite(1, maker), ends(2, 500), ends(3, 501), invite(4, maker)] {
        insert(&*store, one).await;
    }
    add_by(&*store, new_user(1), with_invite(1)).await;
    store.revoke_invite(invite_id(4)).await.unwrap();
    let before = (changes(&*store).await, store.list_invites().await.unwrap());
    let none = Admission {
        invite: Some(InviteClaim {
            digests: Vec::new(),
            at: at(500),
        }),
        ..AS_GIVEN
    };
    let attempts = [
        (with_invite(1), "used"),
        (with_invite(2), "over at that instant"),
        (with_invite(4), "revoked"),
        (with_invite(9), "unknown"),
        (none, "nothing shown"),
    ];
    for (admission, why) in attempts {
        let admission = Admission {
            external: Some(external(Provider::Oidc, 2)),
            ..admission
        };
        let answer = store.insert_user(new_user(2), admission).await.unwrap();
        assert_eq!(answer, InsertUser::InviteInvalid, "{why}");
        assert_eq!(store.find_user(user_id(2)).await.unwrap(), None);
        assert_eq!(store.find_user_by_email(&new_user(2).email).await.unwrap(), None);
        let somebody = store.find_user_by_identity(&external(Provider::Oidc, 2)).await.unwrap();
        assert_eq!(somebody, None, "{why}");
        assert_eq!(
            (changes(&*store).await, store.list_invites().await.unwrap()),
            before,
            "{why}"
        );
    }
    add_by(&*store, new_user(2), with_invite(3)).await;
}

/// Who is not stored for another reason has consumed nothing: the invite is good for the next try.
pub async fn whoever_is_refused_consumes_no_invite<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    insert(&*store, invite(1, UserId::SHARED)).await;
    let refused = Admission {
        first: FirstUser::Refused,
        ..with_invite(1)
    };
    let answer = store.insert_user(new_user(1), refused).await.unwrap();
    assert_eq!(answer, InsertUser::NoUsersYet);
    assert_eq!(found(&*store, 1).await, invite(1, UserId::SHARED));

    let known = Admission {
        external: Some(external(Provider::Oidc, 0)),
        ..AS_GIVEN
    };
    add_by(&*store, new_admin(0), known.clone()).await;
    let taken = NewUser {
        email: new_user(0).email,
        ..new_user(1)
    };
    let answer = store.insert_user(taken, with_invite(1)).await.unwrap();
    assert_eq!(answer, InsertUser::EmailTaken);
    assert_eq!(found(&*store, 1).await, invite(1, UserId::SHARED));

    let same_identity = Admission {
        external: known.external,
        ..with_invite(1)
    };
    let answer = store.insert_user(new_user(1), same_identity).await.unwrap();
    assert_eq!(answer, InsertUser::ExternalTaken);
    assert_eq!(found(&*store, 1).await, invite(1, UserId::SHARED));

    let same_id = NewUser {
        id: user_id(0),
        ..new_user(1)
    };
    let answer = store.insert_user(same_id, with_invite(1)).await;
    assert!(!matches!(answer, Ok(InsertUser::Inserted(_))), "{answer:?}");
    assert_eq!(found(&*store, 1).await, invite(1, UserId::SHARED));
    add_by(&*store, new_user(1), with_invite(1)).await;
}

/// The first user who becomes the administrator needs no invite, and consumes none; whoever is stored as given does, as
/// the first too.
pub async fn the_first_administrator_needs_no_invite<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    insert(&*store, invite(1, UserId::SHARED)).await;
    let answer = store.insert_user(new_user(5), with_invite(9)).await.unwrap();
    assert_eq!(
        answer,
        InsertUser::InviteInvalid,
        "who is stored as given needs the invite"
    );

    // One that does not exist first, then one that does: neither is looked at for the first.
    let bad = Admission {
        invite: with_invite(9).invite,
        ..BECOMES_ADMIN
    };
    let good = Admission {
        invite: with_invite(1).invite,
        ..BECOMES_ADMIN
    };
    for (n, admission) in [bad, good.clone()].into_iter().enumerate() {
        let user = add_by(&*store, new_user(n), admission).await;
        if n == 0 {
            assert_eq!((user.role, user.status), (Role::Admin, Status::Active));
            assert_eq!(found(&*store, 1).await, invite(1, UserId::SHARED));
        } else {
            assert_eq!(user.role, Role::User);
            assert_eq!(found(&*store, 1).await.used_by, Some(user.id));
        }
    }
    let answer = store.insert_user(new_user(2), good).await.unwrap();
    assert_eq!(answer, InsertUser::InviteInvalid);
}

/// A good invite in an empty store: the administrator does not consume it, whoever is the first as given does.
pub async fn a_good_invite_is_left_by_the_first_administrator<D>(store: D)
where
    D: Deref<Target: UserStore + InviteStore> + Send + Sync + 'static,
{
    for n in [1, 2] {
        insert(&*store, invite(n, UserId::SHARED)).await;
    }
    let first = add_by(&*store, new_user(1), with_invite(1)).await;
    assert_eq!(first.role, Role::User);
    assert_eq!(found(&*store, 1).await.used_by, Some(first.id));
    store.delete_user(first.id, at(501)).await.unwrap();
    let admission = Admission {
        invite: with_invite(2).invite,
        ..BECOMES_ADMIN
    };
    assert_eq!(add_by(&*store, new_user(2), admission).await.role, Role::Admin);
    assert_eq!(found(&*store, 2).await, invite(2, UserId::SHARED));
}
